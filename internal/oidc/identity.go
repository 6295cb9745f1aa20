package oidc

import (
	"crypto/sha512"
	"encoding/base64"
	"net/http"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/session"
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
	jar := q.jar(w)
	jar.Set(web.CookieIdentity, value, maxAge, false)
	jar.Set(web.CookieSession, sessionDigest(sid), lifespan, true)
	return nil
}

// jar are the cookies of the realm in this answer.
func (q *request) jar(w http.ResponseWriter) web.CookieJar {
	return web.Cookies(w, q.r, q.base, q.snap.Realm.Name)
}

// sessionDigest is what the session iframe compares with the digest of the id
// that the application tells it: SHA-384, as Keycloak's.
func sessionDigest(sid string) string {
	sum := sha512.Sum384([]byte(sid))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// endProof clears the cookie of the steps of a login that has ended.
func (q *request) endProof(w http.ResponseWriter, p *session.Progress) {
	if p.Proof != "" {
		q.jar(w).Clear(web.ProofCookie(p.Tab))
	}
}

// clearIdentity logs the browser out: it holds no session any more.
func (q *request) clearIdentity(w http.ResponseWriter) {
	jar := q.jar(w)
	for _, name := range []string{web.CookieIdentity, web.CookieSession} {
		if jar.Get(name) != "" {
			jar.Clear(name)
		}
	}
}
