package login

import (
	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/web"
)

// A login in progress is found by its address and the cookie of the browser.
// Neither is a secret from whoever planted that cookie, as the owner of a
// sibling domain may, and began the login himself: he would wait on its next
// page until his victim has given the password, and go on in his own browser.
// So the browser that gave the password gets a cookie that was never anywhere
// else, and only it takes the steps that are left. It belongs to the one login:
// other tabs are not disturbed. The answer that ends the login clears it.

// prove gives this browser, which has just given a password, the cookie.
func (v *visit) prove() (err error) {
	if v.p.AuthTime == 0 || v.p.Proof != "" {
		return nil
	}
	if v.p.Proof, err = v.d.Sessions.NewBrowser(); err == nil {
		v.jar.Set(web.ProofCookie(v.p.Tab), v.p.Proof, v.snap.Realm.AccessCodeLifespanLogin(), false)
	}
	return err
}

// proves tells whether this browser may go on with a login.
func (v *visit) proves(p *session.Progress) bool {
	return p.Proof == "" || web.SameText(v.jar.Get(web.ProofCookie(p.Tab)), p.Proof)
}
