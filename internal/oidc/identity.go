package oidc

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/token"
	"github.com/latchkey-id/latchkey/internal/web"
)

// setIdentity logs the browser in: it holds the session from now on. The
// cookies go with the browser, or last as long as the session may where the
// person asked to be remembered.
func (q *request) setIdentity(w http.ResponseWriter, u *model.User, sid string, remember bool) error {
	r := q.snap.Realm
	lifespan, maxAge := r.SSOSessionMaxLifespan, int64(0)
	if remember {
		lifespan = max(lifespan, r.SSOSessionMaxLifespanRememberMe)
		maxAge = lifespan
	}
	value, err := q.snap.Keys.SignIdentity(&token.IdentityClaims{
		Exp: q.now + lifespan, Iat: q.now, JTI: token.NewJTI(q.e.Rand), Iss: q.issuer, Sub: u.ID, Typ: token.TypIdentity, Sid: sid,
		State: token.NewJTI(q.e.Rand),
	})
	if err != nil {
		return err
	}
	jar := web.Cookies(w, q.r, q.base, r.Name)
	jar.Set(web.CookieIdentity, value, maxAge, false)
	jar.Set(web.CookieSession, sessionDigest(sid), lifespan, true)
	return nil
}

// sessionDigest is what the session iframe compares: the session's id is not
// for scripts.
func sessionDigest(sid string) string {
	sum := sha256.Sum256([]byte(sid))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
