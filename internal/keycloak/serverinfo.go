package keycloak

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"sync"
)

// serverInfoFile is what Keycloak's clients may ask of a server before they
// offer it: features by name, types of things that can be configured, lists of
// names. Of each it holds only what this server does.
//
//go:embed defaults/serverinfo.json
var serverInfoFile []byte

type feature struct {
	Name    string `json:"name"`
	Type    string `json:"type"` // DEFAULT, PREVIEW, EXPERIMENTAL, DEPRECATED, DISABLED_BY_DEFAULT
	Enabled bool   `json:"enabled"`
}

type serverInfo struct {
	Features         []feature       `json:"features"`
	Enums            json.RawMessage `json:"enums"`
	PasswordPolicies json.RawMessage `json:"passwordPolicies"`
	MapperTypes      json.RawMessage `json:"protocolMapperTypes"`
	BuiltinMappers   json.RawMessage `json:"builtinProtocolMappers"`
	Validators       json.RawMessage `json:"validators"`
	KeyProviders     json.RawMessage `json:"keyProviders"`
	Registration     json.RawMessage `json:"registrationPolicies"`
	Signatures       []string        `json:"signatures"`
	Hashes           []string        `json:"hashes"`
}

// embedded reads a file of this package once, at its first use.
func embedded[T any](file []byte) func() T {
	return sync.OnceValue(func() (v T) {
		if err := json.Unmarshal(file, &v); err != nil {
			panic(fmt.Sprintf("keycloak: embedded file: %v", err))
		}
		return v
	})
}

var serverFacts = embedded[serverInfo](serverInfoFile)

// ServerInfoRepresentation is the answer of GET /admin/serverinfo, less what
// tells of the machine. locales are the languages of the server's pages.
func ServerInfoRepresentation(locales []string) Object {
	s := serverFacts()
	features := []Object{}
	for _, f := range s.Features {
		features = append(features, Object{{"name", f.Name}, {"label", f.Name}, {"type", f.Type}, {"dependencies", []string{}}, {"enabled", f.Enabled}})
	}
	return Object{
		{"profileInfo", profileInfo(s.Features)},
		{"features", features},
		{"cryptoInfo", Object{
			{"cryptoProvider", "Go"}, {"supportedKeystoreTypes", []string{}},
			{"clientSignatureSymmetricAlgorithms", []string{"HS256", "HS384", "HS512"}},
			{"clientSignatureAsymmetricAlgorithms", asymmetric(s.Signatures)},
		}},
		{"themes", themes(locales)},
		{"socialProviders", []any{}},
		{"identityProviders", []any{}},
		{"providers", Object{
			{"cekmanagement", providers(nil)},
			{"client-registration-policy", providers(registrationIDs(s.Registration))},
			{"clientSignature", providers(s.Signatures)},
			{"contentencryption", providers(nil)},
			{"hash", providers(s.Hashes)},
			{"login-protocol", providers([]string{protocolOIDC})},
			{"signature", providers(s.Signatures)},
		}},
		{"protocolMapperTypes", Object{{protocolOIDC, s.MapperTypes}, {"saml", []any{}}}},
		{"builtinProtocolMappers", Object{{protocolOIDC, s.BuiltinMappers}, {"saml", []any{}}}},
		{"clientInstallations", Object{{protocolOIDC, []any{}}}},
		{"componentTypes", Object{
			{"org.keycloak.keys.KeyProvider", s.KeyProviders},
			{policyType, s.Registration},
			{"org.keycloak.services.clientpolicy.condition.ClientPolicyConditionProvider", []any{}},
			{"org.keycloak.services.clientpolicy.executor.ClientPolicyExecutorProvider", []any{}},
			{"org.keycloak.storage.UserStorageProvider", []any{}},
			{"org.keycloak.userprofile.UserProfileProvider", []any{Object{{"id", profileProvider}, {"properties", []any{}}, {"metadata", Object{}}}}},
			{"org.keycloak.validate.Validator", s.Validators},
		}},
		{"passwordPolicies", s.PasswordPolicies},
		{"enums", s.Enums},
		{"parameterizedScopeTypes", []any{}},
	}
}

func profileInfo(all []feature) Object {
	disabled, preview, experimental := []string{}, []string{}, []string{}
	for _, f := range all {
		if !f.Enabled {
			disabled = append(disabled, f.Name)
		}
		switch f.Type {
		case "PREVIEW":
			preview = append(preview, f.Name)
		case "EXPERIMENTAL":
			experimental = append(experimental, f.Name)
		}
	}
	return Object{{"name", "default"}, {"disabledFeatures", disabled}, {"previewFeatures", preview}, {"experimentalFeatures", experimental}}
}

func asymmetric(algs []string) []string {
	var out []string
	for _, a := range algs {
		if a[:2] != "HS" {
			out = append(out, a)
		}
	}
	return out
}

func themes(locales []string) Object {
	theme := func(name string) []Object { return []Object{{{"name", name}, {"locales", locales}}} }
	return Object{{"common", []any{}}, {"admin", theme("keycloak.v2")}, {"login", theme("keycloak.v2")}, {"welcome", []any{}},
		{"account", theme("keycloak.v3")}, {"email", []any{}}}
}

// providers is how Keycloak lists the implementations of one thing.
func providers(ids []string) Object {
	all := Object{}
	for _, id := range ids {
		all.add(id, Object{{"order", 0}})
	}
	return Object{{"internal", true}, {"providers", all}}
}

func registrationIDs(raw json.RawMessage) (ids []string) {
	var all []struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal(raw, &all) // embedded
	for _, x := range all {
		ids = append(ids, x.ID)
	}
	return ids
}

// RegistrationPolicyTypes are the types of client registration policies: the
// answer of GET client-registration-policy/providers.
func RegistrationPolicyTypes() json.RawMessage { return serverFacts().Registration }
