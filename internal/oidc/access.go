package oidc

import (
	"errors"
	"strings"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/token"
)

var errInactive = errors.New("token not active")

// activeToken is a token of this realm that is valid now, with what it belongs
// to.
type activeToken struct {
	claims      *token.AccessClaims
	client      *model.Client // it was issued to
	user        *model.User
	session     *model.ClientSession // nil for a transient one
	offline     bool                 // its client has an offline session
	lightweight bool
}

// active checks a token of ours at now: signature, issuer, expiry, every
// not-before, its client, its session, its user, and that it was not revoked
// alone (behaviour §6.1). Any reason to refuse is errInactive.
func (q *request) active(raw string) (*activeToken, error) {
	ac, err := q.parseAccess(raw)
	if errors.Is(err, token.ErrInvalid) {
		return nil, errInactive
	} else if err != nil {
		return nil, err
	}
	t := &activeToken{claims: ac}
	if t.client, err = q.clientNamed(ac.Azp); err != nil {
		return nil, err
	}
	if t.client == nil || !t.client.Enabled || ac.Iss != q.issuer ||
		ac.Exp != 0 && q.now > ac.Exp || ac.Nbf > q.now+notBeforeSkew || ac.Iat < max(q.snap.Realm.NotBefore, t.client.NotBefore) {
		return nil, errInactive
	}
	if strings.EqualFold(ac.Typ, token.TypBearer) {
		c, _, err := token.ParseJTI(ac.JTI)
		t.lightweight = err == nil && c.Kind == token.KindLightweight
	}
	switch ac.Typ {
	case token.TypBearer, bearerLower, token.TypOffline, token.TypID, token.TypRefresh:
	default:
		return nil, errInactive
	}
	if err := q.attach(t, ac); err != nil {
		return nil, err
	}
	if !t.user.Enabled || ac.Iat < t.user.NotBefore {
		return nil, errInactive
	}
	if t.offline && !q.snap.OfflineStillGranted(t.client, q.snap.UserRoles(t.user.Grants)) {
		return nil, errInactive
	}
	return t, nil
}

// bearerLower is typ of access tokens of clients with attribute
// token.response.type.bearer.lower-case.
const bearerLower = "bearer"

// ofOfflineSession tells which kind of session a token belongs to. A prefix
// that is none of Keycloak's means online, where no session will be found.
func ofOfflineSession(ac *token.AccessClaims) bool {
	if !strings.EqualFold(ac.Typ, token.TypBearer) {
		return ac.Typ == token.TypOffline
	}
	c, _, err := token.ParseJTI(ac.JTI)
	return err == nil && c.Session == token.SessionOffline
}

// attach reads the session, or the user of a transient token.
func (q *request) attach(t *activeToken, ac *token.AccessClaims) error {
	if ac.Sid == "" {
		u, revoked, err := q.e.Store.UserForAccess(q.ctx, q.snap.Realm.Num, ac.Sub, ac.JTI)
		if errors.Is(err, store.ErrNotFound) || err == nil && revoked {
			return errInactive
		}
		t.user = u
		return err
	}
	row, offline, revoked, err := q.sessionOf(t.client, ac)
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, model.ErrSessionGone), err == nil && revoked:
		return errInactive
	case err != nil:
		return err
	case ac.Iat+1 < row.Session.Started:
		return errInactive
	}
	t.user, t.session, t.offline = &row.User, &row.Session, offline
	return nil
}

// sessionOf finds the live session a token belongs to and tells whether it is
// an offline one and whether the token was revoked alone.
//
// Errors: store.ErrNotFound, model.ErrSessionGone.
func (q *request) sessionOf(c *model.Client, ac *token.AccessClaims) (row *model.SessionRow, offline, revoked bool, err error) {
	if jti, _, err := token.ParseJTI(ac.JTI); err == nil && jti.WithoutPart() && strings.EqualFold(ac.Typ, token.TypBearer) {
		row, revoked, err = q.e.Sessions.AccessWithoutPart(q.ctx, q.snap.Config, c, ac.Sid, ac.Sub, ac.JTI, jti.Session == token.SessionOfflineTransient)
		return row, false, revoked, err
	}
	offline = ofOfflineSession(ac)
	row, revoked, err = q.e.Sessions.Access(q.ctx, q.snap.Config, c, ac.Sid, ac.Sub, ac.JTI, offline)
	switch {
	case !errors.Is(err, store.ErrNotFound):
	case ac.Typ == token.TypID:
		// An ID token does not say whether its session is an offline one.
		offline = true
		row, revoked, err = q.e.Sessions.Access(q.ctx, q.snap.Config, c, ac.Sid, ac.Sub, ac.JTI, true)
	case offline && ac.Typ != token.TypOffline:
		// A client without refresh tokens gets an online session and, as from
		// Keycloak, an access token that names an offline one.
		offline = false
		row, revoked, err = q.e.Sessions.Access(q.ctx, q.snap.Config, c, ac.Sid, ac.Sub, ac.JTI, false)
		if err == nil && row.Session.Notes[model.NoteOfflineWithoutRefresh] == "" {
			err = store.ErrNotFound
		}
	}
	return row, offline, revoked, err
}

// view is what mappers read for an active token; scope is the token's own.
func (q *request) view(t *activeToken, scope string) *subjectView {
	roles := q.snap.UserRoles(t.user.Grants)
	scopes := q.snap.TokenScopes(t.client, scope, "", false).Granted(q.snap.Config, roles)
	v := &subjectView{cfg: q.snap.Config, client: t.client, user: t.user, scopes: scopes, roles: q.snap.EffectiveRoles(t.client, scopes, roles)}
	if t.session != nil {
		v.notes = t.session.Notes
	}
	return v
}

func isNotFound(err error) bool { return errors.Is(err, store.ErrNotFound) }
