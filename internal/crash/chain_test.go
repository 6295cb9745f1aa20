package crash_test

import (
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
	Access      string `json:"access_token"`
	Refresh     string `json:"refresh_token"`
	Session     string `json:"session_state"`
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// String is what the server said, without tokens.
func (a answer) String() string { return fmt.Sprintf("%d %s %q", a.Status, a.Error, a.Description) }

// post sends a form to a protocol endpoint of a realm as client portal.
//
// Errors: errGone when there is no answer, or not all of it.
func (p *process) post(realm, endpoint string, params ...string) (answer, error) {
	form := url.Values{"client_id": {"portal"}, "client_secret": {"s3cret"}}
	for i := 0; i+1 < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	resp, err := p.client.Post(p.base+"/realms/"+realm+"/protocol/openid-connect/"+endpoint, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
	if err != nil {
		return answer{}, errGone
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, errGone
	}
	a := answer{Status: resp.StatusCode}
	if len(body) > 0 {
		err = json.Unmarshal(body, &a)
	}
	return a, err
}

func (p *process) refresh(c *chain) (answer, error) {
	return p.post(c.realm, "token", "grant_type", "refresh_token", "refresh_token", c.token)
}

// login starts a chain.
func (p *process) login(realm string) (*chain, error) {
	a, err := p.post(realm, "token", "grant_type", "password", "username", "alice", "password", "pw", "scope", "openid offline_access")
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
	refused := func(text string) bool {
		return a.Status == http.StatusBadRequest && a.Error == "invalid_grant" && a.Description == text
	}
	switch c.state {
	case live:
		if !works {
			t.Errorf("realm %s: an acknowledged token is lost: %v", c.realm, a)
		}
	case unsure:
		switch {
		case works:
			c.state = live
		case c.realm == rotating && refused("Maximum allowed refresh token reuse exceeded"):
			c.state = givenUp
		default:
			t.Errorf("realm %s: a token whose refresh had no answer: %v", c.realm, a)
		}
	case ended, leaving:
		switch {
		case refused("Offline user session not found"):
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
