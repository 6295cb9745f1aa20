package keycloak

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"slices"
	"sync"

	"github.com/latchkey-id/latchkey/internal/model"
)

// freshRealm is what Keycloak 26.7.2 creates in every new realm, as a realm
// document without ids, keys and secrets; {{realm}} stands for the name.
//
//go:embed defaults/realm.json
var freshRealm []byte

// documentMembers are the members of a realm document that are things of
// their own or derived, not settings.
var documentMembers = []string{
	"roles", "groups", "users", "federatedUsers", "clients", "clientScopes", "clientTemplates",
	"scopeMappings", "clientScopeMappings", "defaultDefaultClientScopes", "defaultOptionalClientScopes",
	"defaultRole", "defaultRoles", "defaultGroups", "components", "id", "keycloakVersion",
}

// exportOnly are settings that only export documents show.
var exportOnly = []string{
	"authenticationFlows", "authenticatorConfig", "requiredActions", "identityProviders",
	"identityProviderMappers", "localizationTexts", "organizations", "userFederationProviders", "userFederationMappers",
}

// fresh is the default realm's settings: their wire order and their values.
type fresh struct {
	order  []string
	values map[string]json.RawMessage
}

var freshSettings = sync.OnceValue(func() fresh {
	var f fresh
	doc := bytes.ReplaceAll(freshRealm, []byte("{{realm}}"), nil)
	if err := json.Unmarshal(doc, &f.values); err != nil {
		panic(err) // embedded
	}
	dec := json.NewDecoder(bytes.NewReader(doc))
	_, _ = dec.Token()
	for dec.More() {
		name, _ := dec.Token()
		var skipped json.RawMessage
		_ = dec.Decode(&skipped)
		if s := name.(string); !slices.Contains(documentMembers, s) {
			f.order = append(f.order, s)
			f.values[s] = compact(f.values[s])
			f.order = append(f.order, settingsAfter[s]...)
		}
	}
	return f
})

// settingsAfter places the settings that a fresh realm does not show.
var settingsAfter = map[string][]string{
	"requiredCredentials":         {"passwordPolicy"},
	"smtpServer":                  {"loginTheme", "accountTheme", "adminTheme", "emailTheme"},
	"eventsEnabled":               {"eventsExpiration"},
	"internationalizationEnabled": {"supportedLocales", "defaultLocale"},
}

// freshSource reads the defaults as a document of a realm of that name. Ids are
// empty: whoever takes a thing out of it gives it one, with its mappers.
func freshSource(name string) *source {
	quoted, _ := json.Marshal(name)
	doc := bytes.ReplaceAll(freshRealm, []byte("{{realm}}"), quoted[1:len(quoted)-1])
	f := body(doc)
	s := readSource(f, func() string { return "" })
	if f.err != nil {
		panic(f.err) // embedded, and the name was checked
	}
	return s
}

func identify(id *string, mappers []model.ProtocolMapper, newID func() string) {
	*id = newID()
	for i := range mappers {
		mappers[i].ID = newID()
	}
}

// isBuiltIn tells whether clientID is one of the clients every realm has.
func isBuiltIn(clientID string) bool {
	switch clientID {
	case "account", "account-console", "admin-cli", "broker", "realm-management", "security-admin-console":
		return true
	}
	return false
}
