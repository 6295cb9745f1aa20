package oidc

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/token"
	"github.com/latchkey-id/latchkey/internal/web"
)

// revoke is RFC 7009 (behaviour §6.2): a refresh token ends its client's part
// of the session, an access token is revoked alone. Only signature, type,
// client and session are looked at, so a stale token can still be revoked.
func (e *Endpoints) revoke(w http.ResponseWriter, r *http.Request) error {
	q, duplicated, err := e.openForm(r)
	if err != nil {
		return err
	}
	q.begin("REVOKE_GRANT")
	if err := q.admitClient(w); err != nil {
		return err
	}
	if duplicated {
		return web.ErrDuplicated
	}
	raw := q.form.Get("token")
	if raw == "" {
		return q.refuse(web.OAuthError(http.StatusBadRequest, "invalid_request", "Token not provided"))
	}
	ac, err := q.parseAccess(raw)
	if errors.Is(err, token.ErrInvalid) {
		return q.notRevoked(w)
	} else if err != nil {
		return err
	}
	switch ac.Typ {
	case token.TypRefresh, token.TypOffline, token.TypBearer, bearerLower:
	default:
		return q.refuse(web.OAuthError(http.StatusBadRequest, "unsupported_token_type", "Unsupported token type"))
	}
	if ac.Azp == "" {
		return q.notRevoked(w)
	}
	if ac.Azp != q.client.ClientID {
		return q.refuse(web.OAuthError(http.StatusBadRequest, "invalid_request", "Unmatching clients"))
	}
	q.event.e.Session = ac.Sid
	done, err := q.revokeToken(ac)
	if err != nil {
		return err
	}
	if !done {
		q.event.cause = "user_session_not_found"
		return q.notRevoked(w)
	}
	return web.WriteRaw(w, http.StatusOK, "", nil)
}

// revokeToken does it; done is false when there was nothing live to revoke.
func (q *request) revokeToken(ac *token.AccessClaims) (done bool, err error) {
	userID, offline := ac.Sub, false
	if ac.Sid != "" {
		var row *model.SessionRow
		row, offline, _, err = q.sessionOf(q.client, ac)
		if errors.Is(err, store.ErrNotFound) || errors.Is(err, model.ErrSessionGone) {
			return false, nil
		} else if err != nil {
			return false, err
		}
		userID = row.User.ID
	}
	q.event.e.UserID = userID
	if strings.EqualFold(ac.Typ, token.TypBearer) {
		q.event.e.Session = "" // the session goes on
		q.event.detail("token_id", ac.JTI)
		return true, q.e.Store.Write(q.ctx, func(tx *store.Tx) error {
			if err := tx.RevokeToken(ac.JTI, max(ac.Exp, q.now+10)); err != nil {
				return err
			}
			if rec := q.event.record(); rec != nil {
				return rec(tx)
			}
			return nil
		})
	}
	q.event.detail("revoked_client", q.client.ClientID)
	q.event.detail("refresh_token_id", ac.JTI)
	q.event.detail("refresh_token_type", ac.Typ)
	key := session.Key(q.client, ac.Sid, ac.Sub, offline)
	also, err := q.e.Sessions.ExchangedFrom(q.ctx, key)
	if err != nil {
		return false, err
	}
	q.event.detail("token_exchange_revoked_clients", q.clientIDs(also))
	return q.e.Sessions.EndClient(q.ctx, key, model.EndedByRevoke, q.client.ClientID, q.event.record())
}

// clientIDs are the clientIds of clients by their numbers, commas between.
func (q *request) clientIDs(nums []int64) string {
	var ids []string
	for _, num := range nums {
		if c := q.snap.ClientByNum(num); c != nil {
			ids = append(ids, c.ClientID)
		}
	}
	slices.Sort(ids)
	return strings.Join(ids, ",")
}

// notRevoked is Keycloak's 200 for an unknown or dead token.
func (q *request) notRevoked(w http.ResponseWriter) error {
	q.failed("invalid_token", "Invalid token")
	return web.WriteRaw(w, http.StatusOK, "application/json", []byte(`{"error":"invalid_token","error_description":"Invalid token"}`))
}
