package keycloak

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/latchkey-id/latchkey/internal/model"
)

// reservedInRealm are the characters Keycloak refuses in realm names: those
// RFC 3986 §2.2 reserves, less the apostrophe, and the backslash.
const reservedInRealm = `:/?#[]@!$&()*+,;=\`

// checkRealmName also refuses "." and "..", which Keycloak takes and then
// cannot serve: their paths vanish on the way. The limit leaves room for the
// default role's name.
func (r *reader) checkRealmName(path, name string) {
	i := strings.IndexAny(name, reservedInRealm)
	switch {
	case i >= 0:
		r.failf(path, "character %s is not allowed", strconv.Quote(name[i:i+1]))
	case name == "." || name == "..":
		r.failf(path, "must not be %q", name)
	case len(name) > maxName-len("default-roles-"):
		r.failf(path, "must not be longer than %d characters", maxName-len("default-roles-"))
	default:
		r.checkName(path, name)
	}
}

// newRealm is a realm with Keycloak's defaults.
func newRealm() *model.Realm {
	r := &model.Realm{}
	f := &fields{reader: &reader{}, m: maps.Clone(freshSettings().values)}
	readSettings(f, r, true)
	if f.err != nil {
		panic(f.err) // embedded
	}
	return r
}

// UpdateRealm is the body of PUT /admin/realms/{realm} applied to cfg's realm:
// members that are present change, null counts as absent. attributes, when
// present, replace the set (Keycloak's own stay); security headers merge; a
// masked SMTP password stays. Members that are no settings (id, clients, roles,
// users, defaultRole, …) are ignored, as in Keycloak.
//
// Unlike Keycloak, a member left out never falls back to a default. A renamed
// realm's built-in clients need RenamedClients.
//
// Errors: *DocumentError.
func UpdateRealm(cfg *model.Config, doc []byte) (*model.Realm, error) {
	f := body(doc)
	r := *cfg.Realm
	if f.has("realm") {
		f.str("realm", &r.Name)
		f.checkRealmName(f.at("realm"), r.Name)
	}
	f.drop("realm")
	readSettings(f, &r, false)
	if f.err != nil {
		return nil, f.err
	}
	return &r, nil
}

// RenamedClients lists the built-in clients whose URLs carry the realm's name,
// changed for a realm renamed to name.
func RenamedClients(cfg *model.Config, name string) []*model.Client {
	var out []*model.Client
	move := func(s string) string {
		for _, prefix := range []string{"/realms/", "/admin/"} {
			if rest, ok := strings.CutPrefix(s, prefix+cfg.Realm.Name+"/"); ok {
				return prefix + name + "/" + rest
			}
		}
		return s
	}
	for _, id := range []string{"account", "account-console", "security-admin-console"} {
		old := cfg.Client(id)
		if old == nil {
			continue
		}
		c := *old
		c.BaseURL = move(c.BaseURL)
		c.RedirectURIs = slices.Clone(c.RedirectURIs)
		for i, u := range c.RedirectURIs {
			c.RedirectURIs[i] = move(u)
		}
		out = append(out, &c)
	}
	return out
}

// RealmRepresentation is the answer of GET /admin/realms/{realm}, with
// Keycloak's members in Keycloak's order; secrets are masked.
func RealmRepresentation(cfg *model.Config) Object {
	return realmObject(cfg, true)
}

func realmObject(cfg *model.Config, mask bool) Object {
	r := cfg.Realm
	typed := map[string]member[model.Realm]{}
	for _, m := range realmMembers {
		typed[m.name] = m
	}
	o := Object{{"id", r.ID}, {"realm", r.Name}}
	put := func(name string) {
		if m, ok := typed[name]; ok {
			if v := m.get(r); v != nil {
				o.add(name, v)
			}
			return
		}
		switch v, ok := r.Extra[name]; {
		case ok:
			o.add(name, v)
		case freshSettings().values[name] != nil:
			o.add(name, freshSettings().values[name])
		}
	}
	put("displayName")
	put("displayNameHtml")
	for _, name := range freshSettings().order {
		switch {
		case name == "sslRequired": // Keycloak shows enabled just before
			put("enabled")
			put(name)
		case name == "requiredCredentials":
			if role := cfg.RoleByID(r.DefaultRoleID); role != nil {
				o.add("defaultRole", RoleRepresentation(cfg, role, RoleOptions{Brief: true}))
			}
			if len(r.DefaultGroups) > 0 {
				o.add("defaultGroups", groupPaths(cfg, r.DefaultGroups))
			}
			put(name)
		case slices.Contains(inAttributes, name):
			o.add(name, deviceSetting(r, name))
		case name == "attributes":
			o.add(name, realmAttributes(r))
		case name == "smtpServer" && mask:
			o.add(name, maskPassword(extra(r.Extra, name, freshSettings().values[name])))
		default:
			put(name)
		}
	}
	o.addExtra(r.Extra, exportOnly...)
	return o
}

// deviceSetting is a number kept as attribute; the default where it is none.
func deviceSetting(r *model.Realm, name string) any {
	if n, err := strconv.ParseInt(r.Attributes[name], 10, 64); err == nil {
		return n
	}
	return freshSettings().values[name]
}

// realmAttributes adds the typed settings that Keycloak shows as attributes
// too, once they are set.
func realmAttributes(r *model.Realm) map[string]string {
	out := maps.Clone(table(r.Attributes))
	for name, n := range map[string]int64{
		"clientSessionIdleTimeout":        r.ClientSessionIdleTimeout,
		"clientSessionMaxLifespan":        r.ClientSessionMaxLifespan,
		"clientOfflineSessionIdleTimeout": r.ClientOfflineSessionIdleTimeout,
		"clientOfflineSessionMaxLifespan": r.ClientOfflineSessionMaxLifespan,
	} {
		if n > 0 {
			out[name] = strconv.FormatInt(n, 10)
		}
	}
	return out
}

func maskPassword(v any) any {
	raw, _ := v.(json.RawMessage)
	var m map[string]json.RawMessage
	if json.Unmarshal(raw, &m) != nil || m["password"] == nil {
		return v
	}
	m["password"] = json.RawMessage(`"` + Masked + `"`)
	return m
}

func groupPaths(cfg *model.Config, ids []string) []string {
	out := []string{}
	for _, id := range ids {
		if g := cfg.GroupByID(id); g != nil {
			out = append(out, cfg.GroupPath(g))
		}
	}
	return out
}
