package oidc

import (
	"errors"
	"net/http"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/token"
	"github.com/latchkey-id/latchkey/internal/web"
)

// logout is Keycloak's POST /logout with a refresh token (behaviour §4.3): an
// offline token ends the offline session for every client in it and its
// online twin, an online token ends the online session. An expired token still
// logs out, and a second logout is 204 as well.
func (e *Endpoints) logout(w http.ResponseWriter, r *http.Request) error {
	q, err := e.open(r)
	if err != nil {
		return err
	}
	if err := q.checkTLS(); err != nil {
		return err
	}
	if _, err := q.parseForm(); err != nil { // of a repeated parameter the first counts, as in Keycloak
		return err
	}
	q.begin("LOGOUT")
	if err := q.admitClient(w); err != nil {
		return err
	}
	raw := q.form.Get("refresh_token")
	if raw == "" {
		return q.refuse(web.OAuthError(http.StatusBadRequest, "invalid_request", "No refresh token"))
	}
	rt, err := q.parseRefresh(raw)
	switch {
	case err != nil && !errors.Is(err, token.ErrInvalid):
		return err
	case err != nil, rt.Typ != token.TypRefresh && rt.Typ != token.TypOffline:
		return q.refuse(q.wire(errInvalidRefresh, false))
	case rt.Iss != q.issuer:
		return q.refuse(q.wire(errOtherIssuer, false))
	case rt.Azp != q.client.ClientID:
		return q.refuse(q.wire(errOtherClient, false))
	}
	q.event.e.Session, q.event.e.UserID = rt.Sid, rt.Sub
	if rt.Iat < q.snap.Realm.NotBefore {
		return q.refuse(q.wire(model.ErrStale, false))
	}
	key := session.Key(q.client, rt.Sid, rt.Sub, rt.Typ == token.TypOffline)
	us, _, err := q.e.Store.FindUserSession(q.ctx, key.Shard, rt.Sid, key.Offline)
	if err == nil && us.RealmNum == q.snap.Realm.Num {
		q.event.e.UserID = us.UserID
		_, err = q.e.Sessions.EndUserSession(q.ctx, key.Shard, rt.Sid, key.Offline, model.EndedByLogout, q.client.ClientID, q.event.record())
	}
	if err != nil && !isNotFound(err) {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
