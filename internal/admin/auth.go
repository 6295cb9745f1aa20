package admin

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/token"
	"github.com/latchkey-id/latchkey/internal/web"
)

// actor is who calls: a user of the realm that issued the token, by way of a
// client. roles are the role ids the token stands for: the user's deep roles,
// cut to the client's scope.
type actor struct {
	snap   *realm.Snapshot
	client *model.Client
	user   *model.User
	roles  map[string]bool
	ip     string
}

// maxToken is the longest bearer token that is looked at, as for any token
// parameter.
const maxToken = 20000

// clockSkew is how far nbf may lie ahead.
const clockSkew = 10

// authenticate finds out who sends a request, by its access token. Roles come
// from the session's user as stored now, never from the token: lightweight
// tokens have none, and a role taken back is gone at once.
//
// Errors: errUnauthorized, whatever is wrong with the token.
func (a *API) authenticate(r *http.Request, base string) (*actor, error) {
	raw := web.Bearer(r)
	if raw == "" || len(raw) > maxToken {
		return nil, errUnauthorized
	}
	snap, claims, err := a.verify(r, raw, base)
	if err != nil {
		return nil, err
	}
	jti, _, err := token.ParseJTI(claims.JTI)
	if err != nil {
		return nil, errUnauthorized
	}
	now := a.Now().Unix()
	client := snap.Client(claims.Azp)
	if claims.Typ != "Bearer" || claims.Iss != base+"/realms/"+snap.Realm.Name || claims.Exp < now || claims.Nbf > now+clockSkew ||
		!snap.Realm.Enabled || client == nil || !client.Enabled {
		return nil, errUnauthorized
	}
	offline := jti.Session == token.SessionOffline
	act := &actor{snap: snap, client: client, ip: web.ClientIP(r)}
	scope, err := a.attach(r, act, claims, jti)
	if err != nil {
		return nil, err
	}
	roles := snap.UserRoles(act.user.Grants)
	if !act.user.Enabled || claims.Iat < model.LatestNotBefore(snap.Realm, client, act.user) ||
		offline && !snap.OfflineStillGranted(client, roles) {
		return nil, errUnauthorized
	}
	act.roles = snap.EffectiveRoles(client, scope.Granted(snap.Config, roles), roles)
	if jti.Grant == token.GrantExchange && jti.Kind == token.KindRegular {
		act.roles = rolesFor(snap.Config, act.roles, claims.Aud)
	}
	return act, nil
}

// rolesFor leaves out the roles of clients that a token is not for: one that
// token exchange restricted to another audience administers nothing.
func rolesFor(cfg *model.Config, roles map[string]bool, audience []string) map[string]bool {
	out := map[string]bool{}
	for id := range roles {
		r := cfg.RoleByID(id)
		if r == nil {
			continue
		}
		if owner := cfg.ClientByID(r.ClientID); r.ClientID == "" || owner != nil && slices.Contains(audience, owner.ClientID) {
			out[id] = true
		}
	}
	return out
}

// verify checks a token's signature and brings this node up to date for its
// holder: what another node acknowledged is there for the next request here.
func (a *API) verify(r *http.Request, raw, base string) (*realm.Snapshot, *token.AccessClaims, error) {
	snap, err := a.issuer(r, raw, base)
	if err != nil {
		return nil, nil, err
	}
	claims, _, err := snap.Keys.ParseAccess(raw)
	if errors.Is(err, token.ErrUnknownKey) {
		newer, renewErr := a.Realms.Newer(r.Context(), snap)
		if renewErr != nil {
			return nil, nil, renewErr
		}
		if newer != nil {
			snap = newer
			claims, _, err = snap.Keys.ParseAccess(raw)
		}
	}
	if err != nil {
		return nil, nil, errUnauthorized
	}
	if err := a.Realms.Newest(r.Context()); err != nil {
		return nil, nil, err
	}
	if snap, err = a.Realms.Snapshot(r.Context(), snap.Realm.Name); err != nil {
		return nil, nil, errUnauthorized // the realm has just gone
	}
	return snap, claims, nil
}

// attach reads the token's session and user, or the user alone for a token
// without session, and says which scopes the token has.
func (a *API) attach(r *http.Request, act *actor, claims *token.AccessClaims, jti token.Context) (model.ScopeSet, error) {
	cfg := act.snap.Config
	if claims.Sid == "" {
		sub := claims.Sub
		if sub == "" && jti.Grant == token.GrantClientCredentials {
			sub = act.client.ServiceUserID // a lightweight token does not say
		}
		u, revoked, err := a.Store.UserForAccess(r.Context(), cfg.Realm.Num, sub, claims.JTI)
		if err != nil || revoked {
			return model.ScopeSet{}, refusedUnless(err)
		}
		act.user = u
		scopes, ok := cfg.RequestScopes(act.client, claims.Scope)
		if !ok { // a scope that is gone since takes nothing else along
			scopes, _ = cfg.RequestScopes(act.client, "")
		}
		return scopes, nil
	}
	if jti.WithoutPart() {
		return a.attachWithoutPart(r, act, claims, jti)
	}
	row, revoked, err := a.Sessions.Access(r.Context(), cfg, act.client, claims.Sid, claims.Sub, claims.JTI, jti.Session == token.SessionOffline)
	if err != nil || revoked {
		return model.ScopeSet{}, refusedUnless(err)
	}
	if claims.Iat+1 < row.Session.Started {
		return model.ScopeSet{}, errUnauthorized
	}
	act.user = &row.User
	return cfg.TokenScopes(act.client, row.Session.Scope, "", false), nil
}

// attachWithoutPart is attach for a token of token exchange whose client has no
// part in its session.
func (a *API) attachWithoutPart(r *http.Request, act *actor, claims *token.AccessClaims, jti token.Context) (model.ScopeSet, error) {
	cfg := act.snap.Config
	offline := jti.Session == token.SessionOfflineTransient
	row, revoked, err := a.Sessions.AccessWithoutPart(r.Context(), cfg, act.client, claims.Sid, claims.Sub, claims.JTI, offline)
	if err != nil || revoked {
		return model.ScopeSet{}, refusedUnless(err)
	}
	if claims.Iat+1 < row.Session.Started {
		return model.ScopeSet{}, errUnauthorized
	}
	act.user = &row.User
	return cfg.TokenScopes(act.client, claims.Scope, "", false), nil
}

// refusedUnless is errUnauthorized for what says that a session is not there,
// and err itself when reading failed.
func refusedUnless(err error) error {
	if err == nil || errors.Is(err, store.ErrNotFound) || errors.Is(err, model.ErrSessionGone) {
		return errUnauthorized
	}
	return err
}

// issuer is the realm that a token names as its issuer; the signature is not
// checked yet.
func (a *API) issuer(r *http.Request, raw, base string) (*realm.Snapshot, error) {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return nil, errUnauthorized
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, errUnauthorized
	}
	var claims struct {
		Iss string `json:"iss"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return nil, errUnauthorized
	}
	name, ok := strings.CutPrefix(claims.Iss, base+"/realms/")
	if !ok {
		return nil, errUnauthorized
	}
	snap, err := a.Realms.Find(r.Context(), name)
	if errors.Is(err, realm.ErrUnknownRealm) {
		return nil, errUnauthorized
	}
	return snap, err
}
