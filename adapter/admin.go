package adapter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Admin asks admin REST, as the service account of the provider's client. The
// client needs the roles of realm-management that each method names. It keeps
// one access token and may be used by many goroutines.
type Admin struct {
	provider *Provider
	base     string // of the realm's admin REST

	mu    sync.Mutex
	token *Grant
}

// NewAdmin makes an Admin for the provider's realm.
//
// Errors: an issuer that does not end in /realms/NAME, or a client without a
// secret.
func NewAdmin(p *Provider) (*Admin, error) {
	root, realm, ok := strings.Cut(p.cfg.Issuer, "/realms/")
	if !ok || realm == "" || strings.Contains(realm, "/") {
		return nil, fmt.Errorf("admin: issuer %q does not end in /realms/NAME", p.cfg.Issuer)
	}
	if p.cfg.ClientSecret == "" {
		return nil, fmt.Errorf("admin: client %q has no secret, so no service account", p.cfg.ClientID)
	}
	return &Admin{provider: p, base: root + "/admin/realms/" + realm}, nil
}

// User is a user of the realm.
type User struct {
	ID            string              `json:"id"`
	Username      string              `json:"username"`
	Email         string              `json:"email"`
	EmailVerified bool                `json:"emailVerified"`
	FirstName     string              `json:"firstName"`
	LastName      string              `json:"lastName"`
	Enabled       bool                `json:"enabled"`
	Created       Millis              `json:"createdTimestamp"`
	Attributes    map[string][]string `json:"attributes"`
}

// Client is a client of the realm. ID is what admin REST calls id, ClientID is
// its client_id.
type Client struct {
	ID       string `json:"id"`
	ClientID string `json:"clientId"`
	Name     string `json:"name"`
	Enabled  bool   `json:"enabled"`
	Public   bool   `json:"publicClient"`
}

// Session is a login or an offline session.
type Session struct {
	ID         string            `json:"id"`
	UserID     string            `json:"userId"`
	Username   string            `json:"username"`
	Address    string            `json:"ipAddress"`
	Start      Millis            `json:"start"`
	LastAccess Millis            `json:"lastAccess"`
	Clients    map[string]string `json:"clients"` // client_id by id
}

// Consent is what a user has agreed to for a client.
type Consent struct {
	ClientID string   `json:"clientId"`
	Scopes   []string `json:"grantedClientScopes"`
	Created  Millis   `json:"createdDate"`
	Updated  Millis   `json:"lastUpdatedDate"`
}

// Millis is a time in milliseconds since 1970, as admin REST writes it.
type Millis int64

// Time is the time, zero for 0.
func (m Millis) Time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(m)).UTC()
}

// pageSize is how many items a list asks for at once.
const pageSize = 100

// Users lists users whose name, first or last name or email contains search;
// "" lists all. Role: view-users or query-users.
func (a *Admin) Users(ctx context.Context, search string) iter.Seq2[User, error] {
	q := url.Values{}
	if search != "" {
		q.Set("search", search)
	}
	return pages[User](ctx, a, "/users", q)
}

// User finds the user with exactly this name. ok is false when there is none.
// Role: view-users.
func (a *Admin) User(ctx context.Context, username string) (u User, ok bool, err error) {
	var found []User
	err = a.get(ctx, "/users", url.Values{"username": {username}, "exact": {"true"}}, &found)
	if err != nil || len(found) == 0 {
		return User{}, false, err
	}
	return found[0], true, nil
}

// Clients lists the realm's clients. Role: view-clients.
func (a *Admin) Clients(ctx context.Context) iter.Seq2[Client, error] {
	return pages[Client](ctx, a, "/clients", url.Values{})
}

// Client finds the client with this client_id. Role: view-clients.
func (a *Admin) Client(ctx context.Context, clientID string) (c Client, ok bool, err error) {
	var found []Client
	err = a.get(ctx, "/clients", url.Values{"clientId": {clientID}}, &found)
	if err != nil || len(found) == 0 {
		return Client{}, false, err
	}
	return found[0], true, nil
}

// UserSessions lists a user's logins, without offline sessions. Role:
// view-users.
func (a *Admin) UserSessions(ctx context.Context, userID string) iter.Seq2[Session, error] {
	return all[Session](ctx, a, "/users/"+url.PathEscape(userID)+"/sessions")
}

// UserOfflineSessions lists a user's offline sessions at one client, whose id
// (not client_id) is given. Role: view-users.
func (a *Admin) UserOfflineSessions(ctx context.Context, userID, client string) iter.Seq2[Session, error] {
	return all[Session](ctx, a, "/users/"+url.PathEscape(userID)+"/offline-sessions/"+url.PathEscape(client))
}

// ClientSessions lists the logins a client takes part in. Role: view-clients.
func (a *Admin) ClientSessions(ctx context.Context, client string) iter.Seq2[Session, error] {
	return pages[Session](ctx, a, "/clients/"+url.PathEscape(client)+"/user-sessions", url.Values{})
}

// ClientOfflineSessions lists a client's offline sessions. Role: view-clients.
func (a *Admin) ClientOfflineSessions(ctx context.Context, client string) iter.Seq2[Session, error] {
	return pages[Session](ctx, a, "/clients/"+url.PathEscape(client)+"/offline-sessions", url.Values{})
}

// Consents lists what a user has agreed to. Role: view-users.
func (a *Admin) Consents(ctx context.Context, userID string) iter.Seq2[Consent, error] {
	return all[Consent](ctx, a, "/users/"+url.PathEscape(userID)+"/consents")
}

// EndSession ends a login, or with offline an offline session, whole: for all
// its clients. One that is gone already is no error. Role: manage-users.
func (a *Admin) EndSession(ctx context.Context, id string, offline bool) error {
	q := url.Values{}
	if offline {
		q.Set("isOffline", "true")
	}
	return a.end(ctx, "/sessions/"+url.PathEscape(id), q)
}

// RevokeConsent takes back what a user agreed to for the client with this
// client_id, and ends its sessions of that user, offline ones too. Nothing to
// take back is no error. Role: manage-users.
func (a *Admin) RevokeConsent(ctx context.Context, userID, clientID string) error {
	return a.end(ctx, "/users/"+url.PathEscape(userID)+"/consents/"+url.PathEscape(clientID), nil)
}

// LogoutUser ends all of a user's sessions and makes all his tokens stale,
// offline ones too. A Keycloak goes on listing his offline sessions, whose tokens
// it refuses. Role: manage-users.
func (a *Admin) LogoutUser(ctx context.Context, userID string) error {
	return a.send(ctx, http.MethodPost, "/users/"+url.PathEscape(userID)+"/logout", nil, nil)
}

// LogoutUserKeepOffline ends a user's logins one by one and leaves his offline
// sessions alone. Role: view-users and manage-users.
func (a *Admin) LogoutUserKeepOffline(ctx context.Context, userID string) error {
	for s, err := range a.UserSessions(ctx, userID) {
		if err != nil {
			return err
		}
		if err := a.EndSession(ctx, s.ID, false); err != nil {
			return err
		}
	}
	return nil
}

// EndClientSessions ends every login a client takes part in, or with offline
// every offline session it has, one by one, whole: for all clients that share
// one. It returns how many. client is the id, not the client_id. Role:
// view-clients and manage-users.
func (a *Admin) EndClientSessions(ctx context.Context, client string, offline bool) (n int, err error) {
	list := a.ClientSessions
	if offline {
		list = a.ClientOfflineSessions
	}
	var ids []string // all before the first ends: pages would move
	for s, err := range list(ctx, client) {
		if err != nil {
			return 0, err
		}
		ids = append(ids, s.ID)
	}
	for _, id := range ids {
		if err := a.EndSession(ctx, id, offline); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// pages lists by first and max until a page is not full. What is added or
// removed meanwhile may be missed or come twice.
func pages[T any](ctx context.Context, a *Admin, path string, q url.Values) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		q := maps.Clone(q) // a sequence may be run more than once
		for first := 0; ; first += pageSize {
			q.Set("first", strconv.Itoa(first))
			q.Set("max", strconv.Itoa(pageSize))
			var page []T
			if err := a.get(ctx, path, q, &page); err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range page {
				if !yield(item, nil) {
					return
				}
			}
			if len(page) < pageSize {
				return
			}
		}
	}
}

// all lists what admin REST gives in one piece.
func all[T any](ctx context.Context, a *Admin, path string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var list []T
		if err := a.get(ctx, path, nil, &list); err != nil {
			var none T
			yield(none, err)
			return
		}
		for _, item := range list {
			if !yield(item, nil) {
				return
			}
		}
	}
}

func (a *Admin) get(ctx context.Context, path string, q url.Values, into any) error {
	return a.send(ctx, http.MethodGet, path, q, into)
}

// end deletes; what is not there has ended.
func (a *Admin) end(ctx context.Context, path string, q url.Values) error {
	err := a.send(ctx, http.MethodDelete, path, q, nil)
	if said, ok := errors.AsType[*ProtocolError](err); ok && said.Status == http.StatusNotFound {
		return nil
	}
	return err
}

// send asks admin REST, with a new token once if the old one is refused.
//
// Errors: *TemporaryError, *ProtocolError (403: a role is missing).
func (a *Admin) send(ctx context.Context, method, path string, q url.Values, into any) error {
	op := "admin " + method + " " + path
	target := a.base + path
	if len(q) > 0 {
		target += "?" + q.Encode()
	}
	for try := 0; ; try++ {
		token, err := a.access(ctx, try > 0)
		if err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(ctx, method, target, nil)
		if err != nil {
			return fmt.Errorf("%s: %w", op, withoutURL(err))
		}
		req.Header.Set("Authorization", "Bearer "+token)
		ans, err := a.provider.do(op, req)
		switch {
		case err != nil:
			return err
		case ans.status == http.StatusUnauthorized && try == 0:
			continue
		case ans.status >= 300:
			return ans.failure(op)
		case into == nil:
			return nil
		}
		if err := json.Unmarshal(ans.body, into); err != nil {
			return &ProtocolError{Op: op, Status: ans.status, Description: "the answer is not the JSON it should be"}
		}
		return nil
	}
}

// access gives the service account's access token (RFC 6749 §4.4), a new one
// when the old one ends within ten seconds or was refused.
func (a *Admin) access(ctx context.Context, renew bool) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.provider.cfg.Clock()
	if a.token != nil && !renew && now.Before(a.token.Expires.Add(-10*time.Second)) {
		return a.token.AccessToken, nil
	}
	answer, err := a.provider.token(ctx, "service account", url.Values{"grant_type": {"client_credentials"}})
	if err != nil {
		return "", err
	}
	a.token = a.provider.grant(answer)
	return a.token.AccessToken, nil
}
