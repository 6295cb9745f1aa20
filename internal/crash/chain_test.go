package crash_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// chain is one offline session and the newest of its refresh tokens that the
// server acknowledged. One goroutine at a time uses it.
type chain struct {
	realm string
	id    string // sid
	token string
	state state
}

// state is what the server owes a chain after it was killed.
type state int

const (
	live    state = iota // its token works
	unsure               // a refresh was under way: its token works, or it was superseded
	ended                // its logout was acknowledged: its token is refused
	leaving              // a logout was under way: the one or the other
	givenUp              // superseded by an answer that never came
)

// Realms of the test: one with rotation, one without.
const (
	rotating = "on"
	plain    = "off"
)

// errGone is a request without an answer.
var errGone = errors.New("no answer")

type answer struct {
	Status      int    `json:"-"`
	RetryAfter  string `json:"-"`
	Access      string `json:"access_token"`
	Refresh     string `json:"refresh_token"`
	Session     string `json:"session_state"`
	ExpiresIn   int64  `json:"expires_in"`
	Active      bool   `json:"active"`
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// String is what the server said, without tokens.
func (a answer) String() string { return fmt.Sprintf("%d %s %q", a.Status, a.Error, a.Description) }

// post sends a form to a protocol endpoint of a realm as client portal.
//
// Errors: errGone when there is no answer, or not all of it.
func (p *process) post(realm, endpoint string, params ...string) (answer, error) {
	return p.postWithin(context.Background(), realm, endpoint, params...)
}

// postWithin is post by a caller who waits no longer than ctx.
func (p *process) postWithin(ctx context.Context, realm, endpoint string, params ...string) (answer, error) {
	form := url.Values{"client_id": {"portal"}, "client_secret": {"s3cret"}}
	for i := 0; i+1 < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.base+"/realms/"+realm+"/protocol/openid-connect/"+endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := p.client.Do(req)
	if err != nil {
		return answer{}, errGone
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, errGone
	}
	a := answer{Status: resp.StatusCode, RetryAfter: resp.Header.Get("Retry-After")}
	if len(body) > 0 {
		err = json.Unmarshal(body, &a)
	}
	return a, err
}

// busy tells the answer of a server whose database is away: 503, when to come
// again, and an error in OAuth's shape.
func (a answer) busy() bool {
	return a.Status == http.StatusServiceUnavailable && a.RetryAfter != "" && a.Error == "temporarily_unavailable" && a.Description != ""
}

func (p *process) refresh(c *chain) (answer, error) {
	return p.post(c.realm, "token", "grant_type", "refresh_token", "refresh_token", c.token)
}

// refused tells an answer that denies a refresh token, for that reason.
func (a answer) refused(text string) bool {
	return a.Status == http.StatusBadRequest && a.Error == "invalid_grant" && a.Description == text
}

// superseded tells the answer to a token whose refresh may have been done
// without being acknowledged: with rotation it is then a replay, which ends the
// chain, and that may have gone without an answer as well.
func (c *chain) superseded(a answer) bool {
	return c.realm == rotating && (a.refused("Maximum allowed refresh token reuse exceeded") || a.refused("Session doesn't have required client"))
}

// login starts a chain of alice.
func (p *process) login(realm string) (*chain, error) { return p.loginAs(realm, "alice") }

// errBusy is an answer that tells to come again.
var errBusy = errors.New("busy")

// loginAs starts a chain of a user.
//
// Errors: errGone, errBusy.
func (p *process) loginAs(realm, user string) (*chain, error) {
	a, err := p.post(realm, "token", "grant_type", "password", "username", user, "password", "pw", "scope", "openid offline_access")
	if err == nil && a.busy() {
		err = errBusy
	}
	if err != nil {
		return nil, err
	}
	if a.Status != http.StatusOK || a.Refresh == "" || a.Session == "" {
		return nil, fmt.Errorf("login: %v", a)
	}
	return &chain{realm: realm, id: a.Session, token: a.Refresh}, nil
}

// advance refreshes a chain under load.
func (p *process) advance(c *chain) error {
	a, err := p.refresh(c)
	switch {
	case err != nil:
		c.state = unsure
		return err
	case a.busy():
		c.state = unsure
		return errBusy
	case a.Status != http.StatusOK:
		return fmt.Errorf("refresh of an acknowledged token: %v", a)
	}
	c.token = a.Refresh
	return nil
}

// leave logs a chain out.
func (p *process) leave(c *chain) error {
	a, err := p.post(c.realm, "logout", "refresh_token", c.token)
	switch {
	case err != nil:
		c.state = leaving
		return err
	case a.Status != http.StatusNoContent:
		return fmt.Errorf("logout: %v", a)
	}
	c.state = ended
	return nil
}

// verify asks for what the server owes a chain, after a restart.
func (p *process) verify(t *testing.T, c *chain) {
	t.Helper()
	if c.state == givenUp {
		return
	}
	a, err := p.refresh(c)
	if err != nil {
		t.Fatalf("realm %s: no answer after the restart: %v\n%s", c.realm, err, p.out.tail())
	}
	works := a.Status == http.StatusOK
	switch c.state {
	case live:
		if !works {
			t.Errorf("realm %s: an acknowledged token is lost: %v", c.realm, a)
		}
	case unsure:
		switch {
		case works:
			c.state = live
		case c.superseded(a):
			c.state = givenUp
		default:
			t.Errorf("realm %s: a token whose refresh had no answer: %v", c.realm, a)
		}
	case ended, leaving:
		switch {
		case a.refused("Offline user session not found"):
			c.state = ended
		case works && c.state == leaving:
			c.state = live
		default:
			t.Errorf("realm %s: a session that was logged out: %v", c.realm, a)
		}
	}
	if works {
		c.token = a.Refresh
	}
}
