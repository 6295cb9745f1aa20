package keycloak

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/latchkey-id/latchkey/internal/model"
)

// realmMembers are the settings that model.Realm has fields for.
var realmMembers = []member[model.Realm]{
	text("displayName", func(r *model.Realm) *string { return &r.DisplayName }),
	toggle("enabled", func(r *model.Realm) *bool { return &r.Enabled }),
	count("notBefore", func(r *model.Realm) *int64 { return &r.NotBefore }),
	choice("sslRequired", func(r *model.Realm) *string { return &r.SSLRequired }, strings.ToLower, "none", "external", "all"),
	choice("defaultSignatureAlgorithm", func(r *model.Realm) *string { return &r.DefaultSignatureAlgorithm }, keep,
		"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"),
	toggle("revokeRefreshToken", func(r *model.Realm) *bool { return &r.RevokeRefreshToken }),
	{"refreshTokenMaxReuse", func(f *fields, name string, r *model.Realm) {
		n := int64(r.RefreshTokenMaxReuse)
		f.number(name, maxNumber, &n)
		r.RefreshTokenMaxReuse = int(n)
	}, func(r *model.Realm) any { return r.RefreshTokenMaxReuse }},
	count("accessTokenLifespan", func(r *model.Realm) *int64 { return &r.AccessTokenLifespan }),
	count("accessTokenLifespanForImplicitFlow", func(r *model.Realm) *int64 { return &r.AccessTokenLifespanForImplicitFlow }),
	count("ssoSessionIdleTimeout", func(r *model.Realm) *int64 { return &r.SSOSessionIdleTimeout }),
	count("ssoSessionMaxLifespan", func(r *model.Realm) *int64 { return &r.SSOSessionMaxLifespan }),
	count("ssoSessionIdleTimeoutRememberMe", func(r *model.Realm) *int64 { return &r.SSOSessionIdleTimeoutRememberMe }),
	count("ssoSessionMaxLifespanRememberMe", func(r *model.Realm) *int64 { return &r.SSOSessionMaxLifespanRememberMe }),
	count("offlineSessionIdleTimeout", func(r *model.Realm) *int64 { return &r.OfflineSessionIdleTimeout }),
	toggle("offlineSessionMaxLifespanEnabled", func(r *model.Realm) *bool { return &r.OfflineSessionMaxLifespanEnabled }),
	count("offlineSessionMaxLifespan", func(r *model.Realm) *int64 { return &r.OfflineSessionMaxLifespan }),
	count("clientSessionIdleTimeout", func(r *model.Realm) *int64 { return &r.ClientSessionIdleTimeout }),
	count("clientSessionMaxLifespan", func(r *model.Realm) *int64 { return &r.ClientSessionMaxLifespan }),
	count("clientOfflineSessionIdleTimeout", func(r *model.Realm) *int64 { return &r.ClientOfflineSessionIdleTimeout }),
	count("clientOfflineSessionMaxLifespan", func(r *model.Realm) *int64 { return &r.ClientOfflineSessionMaxLifespan }),
	toggle("rememberMe", func(r *model.Realm) *bool { return &r.RememberMe }),
	toggle("loginWithEmailAllowed", func(r *model.Realm) *bool { return &r.LoginWithEmailAllowed }),
	toggle("duplicateEmailsAllowed", func(r *model.Realm) *bool { return &r.DuplicateEmailsAllowed }),
	toggle("editUsernameAllowed", func(r *model.Realm) *bool { return &r.EditUsernameAllowed }),
	text("passwordPolicy", func(r *model.Realm) *string { return &r.PasswordPolicy }),
	toggle("eventsEnabled", func(r *model.Realm) *bool { return &r.EventsEnabled }),
	{"eventsExpiration", func(f *fields, name string, r *model.Realm) { f.number(name, maxMoment, &r.EventsExpiration) },
		func(r *model.Realm) any {
			if r.EventsExpiration == 0 {
				return nil
			}
			return r.EventsExpiration
		}},
	{"enabledEventTypes", func(f *fields, name string, r *model.Realm) {
		if v, ok := f.strs(name); ok {
			r.EnabledEventTypes = v
		}
	}, func(r *model.Realm) any { return list(r.EnabledEventTypes) }},
	toggle("adminEventsEnabled", func(r *model.Realm) *bool { return &r.AdminEventsEnabled }),
	toggle("adminEventsDetailsEnabled", func(r *model.Realm) *bool { return &r.AdminEventsDetailsEnabled }),
}

// maxMoment bounds numbers that Keycloak keeps in 64 bits; JSON numbers beyond
// it lose digits in JavaScript clients.
const maxMoment = 1<<53 - 1

func keep(s string) string { return s }

// choice is a string out of a few, after fold.
func choice[T any](name string, at func(*T) *string, fold func(string) string, of ...string) member[T] {
	return member[T]{name, func(f *fields, name string, t *T) {
		if !f.has(name) {
			f.drop(name)
			return
		}
		s := ""
		f.str(name, &s)
		if s = fold(s); !slices.Contains(of, s) {
			f.failf(f.at(name), "must be one of %s", strings.Join(of, ", "))
			return
		}
		*at(t) = s
	}, func(t *T) any { return *at(t) }}
}

// Settings that Keycloak stores as realm attributes and shows twice. The
// mirrored ones live in typed fields here, the others in Realm.Attributes.
var (
	mirrored = []string{
		"offlineSessionMaxLifespanEnabled", "offlineSessionMaxLifespan", "clientSessionIdleTimeout",
		"clientSessionMaxLifespan", "clientOfflineSessionIdleTimeout", "clientOfflineSessionMaxLifespan",
	}
	inAttributes = []string{"oauth2DeviceCodeLifespan", "oauth2DevicePollingInterval"}
	// alwaysThere survive a PUT whose attributes leave them out.
	alwaysThere = []string{
		"cibaBackchannelTokenDeliveryMode", "cibaExpiresIn", "cibaAuthRequestedUserHint", "cibaInterval",
		"oauth2DeviceCodeLifespan", "oauth2DevicePollingInterval", "parRequestUriLifespan", "realmReusableOtpCode",
	}
)

// readSettings reads realm settings into r, which holds the values of what is
// absent. In a new realm (create) an attribute wins over the member it mirrors,
// in an update the member wins: a client that changes one setting sends back
// both, as it read them.
func readSettings(f *fields, r *model.Realm, create bool) {
	if attrs, _, ok := f.strings("attributes"); ok {
		next := map[string]string{}
		for _, k := range alwaysThere {
			if v, ok := r.Attributes[k]; ok {
				next[k] = v
			}
		}
		for k, v := range attrs {
			if slices.Contains(mirrored, k) || slices.Contains(inAttributes, k) {
				if v != "" && (create || !f.has(k)) {
					f.m[k], _ = json.Marshal(v)
				}
				continue
			}
			next[k] = v
		}
		r.Attributes = next
	}
	for _, k := range inAttributes {
		n := int64(-1)
		if f.number(k, maxNumber, &n); n >= 0 {
			r.Attributes = maps.Clone(r.Attributes)
			if r.Attributes == nil {
				r.Attributes = map[string]string{}
			}
			r.Attributes[k] = strconv.FormatInt(n, 10)
		}
	}
	apply(f, realmMembers, r)
	if !create {
		f.drop(exportOnly...) // they have requests of their own
	}
	readExtraSettings(f, r)
}

// readExtraSettings keeps every other setting, after a look at its type where
// the default realm has it too.
func readExtraSettings(f *fields, r *model.Realm) {
	f.drop(documentMembers...)
	r.Extra = maps.Clone(r.Extra)
	if r.Extra == nil {
		r.Extra = model.Extra{}
	}
	defaults := freshSettings().values
	given := f.rest()
	for _, name := range slices.Sorted(maps.Keys(given)) {
		v, def := given[name], defaults[name]
		switch want := kind(def); {
		case want != 0 && want != 'n' && want != 'b' && kind(v) != want:
			f.failf(f.at(name), "must be %s", map[byte]string{'s': "a string", 'a': "a list", 'o': "an object"}[want])
		case name == "smtpServer":
			v = keepSecret(v, r.Extra[name])
		case name == "browserSecurityHeaders":
			v = overlay(f, name, r.Extra[name], v)
		case want == 'n':
			n, problem := integer(v, 0, maxNumber)
			if problem != "" {
				f.failf(f.at(name), "%s", problem)
			}
			v = strconv.AppendInt(nil, n, 10)
		case want == 'b':
			b := false
			(&fields{reader: f.reader, path: f.path, m: given}).boolean(name, &b)
			v = strconv.AppendBool(nil, b)
		}
		r.Extra[name] = v
	}
}

// Masked is what Keycloak shows instead of a secret; sent back, it means
// "unchanged".
const Masked = "**********"

// keepSecret puts the stored password back where the mask came.
func keepSecret(given, stored json.RawMessage) json.RawMessage {
	var now, old map[string]json.RawMessage
	if json.Unmarshal(given, &now) != nil || unquote(now["password"]) != Masked || json.Unmarshal(stored, &old) != nil || old["password"] == nil {
		return given
	}
	now["password"] = old["password"]
	out, _ := json.Marshal(now)
	return out
}

// overlay is base with the members of top over it.
func overlay(f *fields, name string, base, top json.RawMessage) json.RawMessage {
	all := map[string]json.RawMessage{}
	_ = json.Unmarshal(base, &all)
	for k, v := range f.object(top, f.at(name)).m {
		all[k] = v
	}
	out, _ := json.Marshal(all)
	return out
}
