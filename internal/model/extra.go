package model

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"
)

// extra reads a member that is kept without being understood; def when it is
// missing or of another type.
func extra[T any](e Extra, name string, def T) T {
	raw, ok := e[name]
	if !ok {
		return def
	}
	v := def
	if err := json.Unmarshal(raw, &v); err != nil {
		return def
	}
	return v
}

// Lifespans of what a login goes through, in seconds, with Keycloak's defaults.
// They are members of the realm document; 0 and less mean the default.
func (r *Realm) AccessCodeLifespan() int64 { return r.positive("accessCodeLifespan", 60) }

// AccessCodeLifespanLogin is how long a person may take to log in.
func (r *Realm) AccessCodeLifespanLogin() int64 { return r.positive("accessCodeLifespanLogin", 1800) }

// AccessCodeLifespanUserAction is how long a page after the password may wait.
func (r *Realm) AccessCodeLifespanUserAction() int64 {
	return r.positive("accessCodeLifespanUserAction", 300)
}

// PARLifespan is how long a pushed authorization request may begin a login, in
// seconds: realm attribute parRequestUriLifespan. Where it is no positive
// number Keycloak answers 500.
func (r *Realm) PARLifespan() int64 {
	const lifespan = 60
	if n, err := strconv.ParseInt(r.Attributes["parRequestUriLifespan"], 10, 32); err == nil && n > 0 {
		return n
	}
	return lifespan
}

func (r *Realm) positive(name string, def int64) int64 {
	if n := extra(r.Extra, name, def); n > 0 {
		return n
	}
	return def
}

// EmailAsUsername is registrationEmailAsUsername: people have no username of
// their own.
func (r *Realm) EmailAsUsername() bool { return extra(r.Extra, "registrationEmailAsUsername", false) }

// Internationalization are the realm's languages: whether pages are
// translated, into which languages, and which is the default.
func (r *Realm) Internationalization() (on bool, supported []string, def string) {
	return extra(r.Extra, "internationalizationEnabled", false), extra[[]string](r.Extra, "supportedLocales", nil), extra(r.Extra, "defaultLocale", "")
}

// DisplayNameHTML is the realm's name for pages; "" for none.
func (r *Realm) DisplayNameHTML() string { return extra(r.Extra, "displayNameHtml", "") }

// Description says what a client is, in an administrator's words; "" for none.
func (c *Client) Description() string { return extra(c.Extra, "description", "") }

// AlwaysDisplayed is alwaysDisplayInConsole: people see the client among their
// applications before they used it.
func (c *Client) AlwaysDisplayed() bool { return extra(c.Extra, "alwaysDisplayInConsole", false) }

// SecurityHeaders are the realm's browserSecurityHeaders; nil when it has none.
func (r *Realm) SecurityHeaders() map[string]string {
	return extra[map[string]string](r.Extra, "browserSecurityHeaders", nil)
}

// AllTexts are the realm's own texts, by locale and key; nil when it has none.
func (r *Realm) AllTexts() map[string]map[string]string {
	return extra[map[string]map[string]string](r.Extra, "localizationTexts", nil)
}

// Texts are the realm's own texts in a language: those of its locale over
// those of the language without country.
func (r *Realm) Texts(lang string) map[string]string {
	all := r.AllTexts()
	if len(all) == 0 {
		return nil
	}
	language, _, _ := strings.Cut(lang, "-")
	texts := map[string]string{}
	maps.Copy(texts, all[language])
	maps.Copy(texts, all[lang])
	return texts
}

// requiredAction is what rules read of a required action.
type requiredAction struct {
	Alias   string `json:"alias"`
	Enabled bool   `json:"enabled"`
	Default bool   `json:"defaultAction"`
}

func (r *Realm) requiredActions() []requiredAction {
	return extra[[]requiredAction](r.Extra, "requiredActions", nil)
}

// ActionEnabled tells whether the realm asks users for a required action. A
// realm that has not configured its actions asks for all.
func (r *Realm) ActionEnabled(alias string) bool {
	all := r.requiredActions()
	for _, a := range all {
		if a.Alias == alias {
			return a.Enabled
		}
	}
	return len(all) == 0
}

// DefaultActions are the required actions that new users get.
func (r *Realm) DefaultActions() (out []string) {
	for _, a := range r.requiredActions() {
		if a.Enabled && a.Default {
			out = append(out, a.Alias)
		}
	}
	return out
}

// OfflineEndsBrowserSession tells whether a login for offline access alone
// leaves no single sign-on behind, as in Keycloak since 26.1 (design §3).
func (r *Realm) OfflineEndsBrowserSession() bool {
	return r.Attributes["offlineAccess.endsBrowserSession"] == "true"
}

// quietEvents are not stored unless the realm names them (behaviour §8).
var quietEvents = map[string]bool{
	"REFRESH_TOKEN": true, "REFRESH_TOKEN_ERROR": true, "INTROSPECT_TOKEN": true, "INTROSPECT_TOKEN_ERROR": true,
	"PUSHED_AUTHORIZATION_REQUEST": true, "PUSHED_AUTHORIZATION_REQUEST_ERROR": true,
	"USER_INFO_REQUEST": true, "USER_INFO_REQUEST_ERROR": true, "VALIDATE_ACCESS_TOKEN": true, "VALIDATE_ACCESS_TOKEN_ERROR": true,
}

// KeepsEvent tells whether the realm stores events of a type.
func (r *Realm) KeepsEvent(kind string) bool {
	if !r.EventsEnabled {
		return false
	}
	if len(r.EnabledEventTypes) == 0 {
		return !quietEvents[kind]
	}
	for _, t := range r.EnabledEventTypes {
		if t == kind {
			return true
		}
	}
	return false
}
