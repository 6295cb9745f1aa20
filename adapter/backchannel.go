package adapter

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"
)

// LogoutNotice is a logout token that was checked: a login, or all of a user's,
// ended.
type LogoutNotice struct {
	Subject   string // "" where only the session is named
	SessionID string // "" = all sessions of the user
	// Offline tells that the client's offline session of that login ended too:
	// Keycloak's claim revoke_offline_access.
	Offline bool
}

// logoutEvent is the claim that makes a JWT a logout token.
const (
	logoutEvent    = "http://schemas.openid.net/event/backchannel-logout"
	offlineMember  = "revoke_offline_access"
	logoutTokenAge = 2 * time.Minute
	maxNotices     = 10_000
)

// BackChannelLogout is the handler for the client's back-channel logout URL
// (OpenID Connect Back-Channel Logout 1.0 §2.5 to §2.8). It checks the logout
// token and calls end, which must end the application's own sessions; an error
// of end is answered 500, a token that cannot be checked now 503, so that the
// server tries again, and a token that is refused 400. A token counts once.
func BackChannelLogout(p *Provider, end func(context.Context, LogoutNotice) error) http.Handler {
	seen := &once{at: map[string]time.Time{}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			http.Error(w, "POST a logout_token", http.StatusMethodNotAllowed)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxAction)
		if err := r.ParseForm(); err != nil || len(r.PostForm["logout_token"]) != 1 {
			http.Error(w, "one logout_token is needed", http.StatusBadRequest)
			return
		}
		body, err := p.logoutToken(r.Context(), r.PostForm.Get("logout_token"))
		if _, ok := errors.AsType[*TemporaryError](err); ok {
			http.Error(w, "the logout token cannot be checked now", http.StatusServiceUnavailable)
			return
		}
		if err != nil {
			http.Error(w, "the logout token is refused", http.StatusBadRequest)
			return
		}
		if !seen.first(body.ID, p.cfg.Clock()) {
			w.WriteHeader(http.StatusOK) // a retry of what was done
			return
		}
		offline, _ := body.Events[offlineMember].(bool)
		if err := end(r.Context(), LogoutNotice{Subject: body.Subject, SessionID: body.SessionID, Offline: offline}); err != nil {
			seen.undo(body.ID)
			http.Error(w, "the logout could not be done now", http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusOK)
	})
}

// logoutToken checks a logout token. §2.6.
func (p *Provider) logoutToken(ctx context.Context, raw string) (*payload, error) {
	body, _, err := p.signed(ctx, raw, asymmetric, maxAction)
	if err != nil {
		return nil, err
	}
	now := p.cfg.Clock()
	_, isLogout := body.Events[logoutEvent]
	switch {
	case !slices.Contains(body.Audience, p.cfg.ClientID):
		return nil, refused(ReasonAudience)
	case !isLogout || body.Nonce != "" || body.ID == "" || body.Subject == "" && body.SessionID == "":
		return nil, refused(ReasonType)
	case body.IssuedAt == nil || now.Sub(body.IssuedAt.time()) > logoutTokenAge || body.IssuedAt.time().Sub(now) > logoutTokenAge:
		return nil, refused(ReasonExpired)
	case body.Expires != nil && !now.Before(body.Expires.time().Add(10*time.Second)):
		return nil, refused(ReasonExpired)
	}
	return body, nil
}

// once remembers ids for as long as a logout token may be used.
type once struct {
	mu sync.Mutex
	at map[string]time.Time
}

func (o *once) first(id string, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.at[id]; ok {
		return false
	}
	if len(o.at) >= maxNotices {
		for k, at := range o.at {
			if now.Sub(at) > 2*logoutTokenAge {
				delete(o.at, k)
			}
		}
	}
	o.at[id] = now
	return true
}

func (o *once) undo(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.at, id)
}
