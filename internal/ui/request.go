package ui

import (
	"net/http"

	"github.com/latchkey-id/latchkey/internal/model"
)

// OptionsOf is what the pages of a realm share in the answer to r. c is who
// asks, nil for nobody; uiLocales is the request's ui_locales, userLocale the
// user's attribute locale.
func OptionsOf(r *http.Request, realm *model.Realm, c *model.Client, uiLocales, userLocale string) Options {
	on, supported, def := realm.Internationalization()
	asked := Asked{Selected: r.URL.Query().Get("kc_locale"), User: userLocale, UILocales: uiLocales, AcceptLanguage: r.Header.Get("Accept-Language")}
	if cookie, err := r.Cookie(LocaleCookie); err == nil {
		asked.Cookie = cookie.Value
	}
	o := Options{
		Realm: Realm{Name: realm.Name, DisplayName: realm.DisplayName, DisplayNameHTML: realm.DisplayNameHTML(), SecurityHeaders: realm.SecurityHeaders()},
		Lang:  Choose(Locales{on, supported, def}, asked),
	}
	o.Overrides = realm.Texts(o.Lang)
	if c != nil {
		o.Client = &Client{
			ID: c.ClientID, Name: c.Name, LogoURI: c.Attributes["logoUri"],
			PolicyURI: c.Attributes["policyUri"], TosURI: c.Attributes["tosUri"],
		}
	}
	return o
}
