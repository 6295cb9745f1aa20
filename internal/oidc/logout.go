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
//
// The clients of the session are told. A POST without a refresh token is a
// browser's.
func (e *Endpoints) logout(w http.ResponseWriter, r *http.Request) error {
	q, err := e.open(r)
	if err != nil {
		return err
	}
	if err := q.checkTLS(); err != nil {
		return err
	}
	if q.form, err = web.ParseParameters(r); err != nil && !errors.Is(err, web.ErrDuplicated) { // the first counts, as in Keycloak
		return err
	}
	q.begin("LOGOUT")
	if _, sent := q.form.Lookup("refresh_token"); !sent || r.Method != http.MethodPost {
		return q.browserLogout(w)
	}
	if err := q.admitClient(w); err != nil {
		return err
	}
	rt, err := q.parseRefresh(q.form.Get("refresh_token"))
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
		_, err = q.end(key.Shard, rt.Sid, key.Offline)
	}
	if err != nil && !isNotFound(err) {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// end ends a session with the request's event, and tells its clients.
func (q *request) end(shard int64, sid string, offline bool) ([]session.Ended, error) {
	by := q.event.e.UserID // a person in a browser
	if q.client != nil {
		by = q.client.ClientID
	}
	parts, _, err := q.e.Sessions.EndUserSession(q.ctx, q.snap.Config, session.End{
		Shard: shard, SessionID: sid, Offline: offline, Reason: model.EndedByLogout, By: by, Record: q.event.record(),
	})
	if err != nil {
		return nil, err
	}
	q.e.Ended(q.ctx, q.snap, q.issuer, parts)
	return parts, nil
}
