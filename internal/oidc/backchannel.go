package oidc

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/token"
	"github.com/latchkey-id/latchkey/internal/web"
)

// logoutClaims is a logout token (OpenID Connect Back-Channel Logout 1.0 §2.4),
// with Keycloak's typ claim.
type logoutClaims struct {
	Exp    int64                      `json:"exp"`
	Iat    int64                      `json:"iat"`
	JTI    string                     `json:"jti"`
	Iss    string                     `json:"iss"`
	Aud    string                     `json:"aud"`
	Sub    string                     `json:"sub"`
	Typ    string                     `json:"typ"`
	Sid    string                     `json:"sid,omitempty"`
	Events map[string]json.RawMessage `json:"events"`
}

const (
	logoutTokenTyp      = "logout+jwt"
	logoutTokenLifespan = 120 // seconds, as Keycloak's
	logoutEvent         = "http://schemas.openid.net/event/backchannel-logout"
	revokeOfflineEvent  = "revoke_offline_access" // inside events, Keycloak's own
)

// logoutPatience is how long the answer to who logs out waits for the clients
// that are told; they are told also when it has gone.
const logoutPatience = time.Second

// Ended tells the clients whose sessions have ended, those that have a
// back-channel logout address: all at once, each with one more try. What goes
// wrong is logged and kept as an event, and never the caller's fault. issuer is
// that of the request that ended them.
func (e *Endpoints) Ended(ctx context.Context, snap *realm.Snapshot, issuer string, parts []session.Ended) {
	var calls []backchannel
	for _, p := range parts {
		c := snap.ClientByNum(p.ClientNum)
		if c == nil || !c.Enabled || c.BackchannelLogoutURL() == "" {
			continue
		}
		calls = append(calls, backchannel{e: e, snap: snap, client: c, issuer: issuer, part: p})
	}
	if len(calls) == 0 {
		return
	}
	e.Callbacks.Go(ctx, logoutPatience, func(ctx context.Context) {
		var all sync.WaitGroup
		for _, b := range calls {
			all.Go(func() { b.tell(ctx) })
		}
		all.Wait()
	})
}

// backchannel is one client that is told of one session.
type backchannel struct {
	e      *Endpoints
	snap   *realm.Snapshot
	client *model.Client
	issuer string
	part   session.Ended
}

func (b *backchannel) tell(ctx context.Context) {
	err := b.post(ctx)
	if err != nil {
		err = b.post(ctx) // a connection the client has just closed, a restart
	}
	if err == nil {
		return
	}
	b.e.Log.Warn("client was not told of a logout", "realm", b.snap.Realm.Name, "client", b.client.ClientID, "error", err.Error())
	if err := b.keep(ctx, err); err != nil {
		b.e.Log.Error("event lost", "realm", b.snap.Realm.Name, "error", err.Error())
	}
}

func (b *backchannel) post(ctx context.Context) error {
	logoutToken, err := b.token(ctx)
	if err != nil {
		return err
	}
	return b.e.Callbacks.Post(ctx, b.client.BackchannelLogoutURL(), url.Values{"logout_token": {logoutToken}})
}

// token makes the logout token, a new one for each try: its id must not be met
// twice.
func (b *backchannel) token(ctx context.Context) (string, error) {
	now := b.e.Now().Unix()
	c := &logoutClaims{
		Exp: now + logoutTokenLifespan, Iat: now, JTI: token.NewJTI(b.e.Rand), Iss: b.issuer, Aud: b.client.ClientID, Sub: b.part.UserID,
		Typ: "Logout", Events: map[string]json.RawMessage{logoutEvent: json.RawMessage(`{}`)},
	}
	if b.client.BackchannelNamesSession() {
		c.Sid = b.part.SessionID
	}
	if b.client.BackchannelRevokesOffline() {
		c.Events[revokeOfflineEvent] = json.RawMessage(`true`)
	}
	payload, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("logout token: %w", err)
	}
	alg := model.IDTokenAlg(b.snap.Realm, b.client)
	if b.snap.Keys.NeedsFallback(alg) {
		if b.snap, err = b.e.Realms.EnsureKey(ctx, b.snap, alg); err != nil {
			return "", err
		}
	}
	signed, err := b.snap.Keys.SignAs(alg, logoutTokenTyp, payload)
	if err != nil {
		return "", fmt.Errorf("logout token: %w", err)
	}
	return signed, nil
}

// keep stores that the client was not told, as an event of its own: that of
// the logout is stored with the logout.
func (b *backchannel) keep(ctx context.Context, cause error) error {
	const kind = "LOGOUT_ERROR"
	r := b.snap.Realm
	if !r.KeepsEvent(kind) {
		return nil
	}
	ev := &model.Event{
		ID: token.NewJTI(b.e.Rand), Type: kind, RealmNum: r.Num, RealmID: r.ID, TimeMS: b.e.Now().UnixMilli(), ClientID: b.client.ClientID,
		UserID: b.part.UserID, Session: b.part.SessionID, Error: "backchannel_logout_failed", Details: map[string]string{"reason": cause.Error()},
	}
	ctx, cancel := context.WithTimeout(ctx, web.CallbackTimeout)
	defer cancel()
	return b.e.Store.Write(ctx, func(tx *store.Tx) error { return tx.InsertEvent(ev) })
}
