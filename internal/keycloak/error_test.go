package keycloak

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/model"
)

func TestParseRealm_FaultsNameThePlace(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 256)
	for _, tt := range []struct{ name, doc, want string }{
		{"no JSON", `{"realm":`, "not JSON: unexpected end of JSON input at byte 9"},
		{"junk", `junk`, "not JSON: invalid character 'j' looking for beginning of value at byte 1"},
		{"two documents", `{"realm":"r"} {}`, "not JSON: invalid character '{' after top-level value at byte 15"},
		{"a list", `[]`, "must be an object"},
		{"null", `null`, "must be an object"},
		{"a member twice", `{"realm":"r","realm":"s"}`, "realm: stands twice"},
		{"no name", `{}`, "realm: must not be empty"},
		{"name of another type", `{"realm":[5]}`, "realm: must be a string"},
		{"name with a slash", `{"realm":"a/b"}`, `realm: character "/" is not allowed`},
		{"name that vanishes from paths", `{"realm":".."}`, `realm: must not be ".."`},
		{"name with a control character", `{"realm":"a\u0007"}`, "realm: must not contain control characters"},
		{"name too long", `{"realm":"` + long + `"}`, "realm: must not be longer than 241 characters"},
		{"negative lifespan", `{"realm":"r","accessTokenLifespan":-5}`, "accessTokenLifespan: must not be negative"},
		{"absurd lifespan", `{"realm":"r","ssoSessionMaxLifespan":99999999999}`, "ssoSessionMaxLifespan: must not be more than 2147483647"},
		{"beyond any integer", `{"realm":"r","ssoSessionMaxLifespan":99999999999999999999}`, "ssoSessionMaxLifespan: must not be more than 2147483647"},
		{"fraction", `{"realm":"r","accessTokenLifespan":3.7}`, "accessTokenLifespan: must be a whole number"},
		{"negative setting without a field", `{"realm":"r","accessCodeLifespan":-1}`, "accessCodeLifespan: must not be negative"},
		{"setting of another type", `{"realm":"r","smtpServer":[]}`, "smtpServer: must be an object"},
		{"number for a switch", `{"realm":"r","enabled":1}`, "enabled: must be true or false"},
		{"unknown SSL mode", `{"realm":"r","sslRequired":"some"}`, "sslRequired: must be one of none, external, all"},
		{"unknown algorithm", `{"realm":"r","defaultSignatureAlgorithm":"none"}`, "defaultSignatureAlgorithm: must be one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA"},
		{"attribute of another type", `{"realm":"r","attributes":{"a":["x"]}}`, "attributes.a: must be a string"},
		{"mirrored attribute that is no number", `{"realm":"r","attributes":{"clientSessionIdleTimeout":"x"}}`, "clientSessionIdleTimeout: must be a whole number"},
		{"clients no list", `{"realm":"r","clients":{}}`, "clients: must be a list"},
		{"client no object", `{"realm":"r","clients":[5]}`, "clients[0]: must be an object"},
		{"redirect URI no string", `{"realm":"r","clients":[{},{"redirectUris":["x",5]}]}`, "clients[1].redirectUris[1]: must be a string"},
		{"redirect URI that runs", `{"realm":"r","clients":[{"redirectUris":["JavaScript:x"]}]}`, "clients[0].redirectUris[0]: A redirect URI uses an illegal scheme"},
		{"client id too long", `{"realm":"r","clients":[{"clientId":"` + long + `"}]}`, "clients[0].clientId: must not be longer than 255 characters"},
		{"unknown protocol", `{"realm":"r","clients":[{"protocol":"foo"}]}`, `clients[0].protocol: Invalid protocol: foo`},
		{"client twice", `{"realm":"r","clients":[{"clientId":"a"},{"clientId":"a"}]}`, `clients[1].clientId: client "a" stands twice`},
		{"client id taken twice", `{"realm":"r","clients":[{"clientId":"a","id":"i"},{"clientId":"b","id":"i"}]}`, "clients[1].id: clients[0] has this id too"},
		{"unknown scope of a client", `{"realm":"r","clients":[{"clientId":"a","defaultClientScopes":["nope"]}]}`, `clients[0].defaultClientScopes[0]: unknown client scope "nope"`},
		{"scope twice", `{"realm":"r","clientScopes":[{"name":"a"},{"name":"a"}]}`, `clientScopes[1].name: client scope "a" stands twice`},
		{"mapper without name", `{"realm":"r","clientScopes":[{"name":"a","protocolMappers":[{}]}]}`, "clientScopes[0].protocolMappers[0].name: must not be empty"},
		{"role without name", `{"realm":"r","roles":{"realm":[{}]}}`, "roles.realm[0].name: must not be empty"},
		{"role twice", `{"realm":"r","roles":{"realm":[{"name":"a"},{"name":"a"}]}}`, `roles.realm[1].name: role "a" stands twice`},
		{"roles of an unknown client", `{"realm":"r","roles":{"client":{"a b":[{"name":"x"}]}}}`, `roles.client["a b"][0]: unknown client "a b"`},
		{"unknown composite", `{"realm":"r","roles":{"realm":[{"name":"a","composites":{"realm":["b"]}}]}}`, `roles.realm[0].composites.realm[0]: unknown realm role "b"`},
		{"unknown composite of a client", `{"realm":"r","roles":{"realm":[{"name":"a","composites":{"client":{"account":["b"]}}}]}}`, `roles.realm[0].composites.client.account[0]: client "account" has no role "b"`},
		{"role in itself", `{"realm":"r","roles":{"realm":[{"name":"a","composites":{"realm":["a"]}}]}}`, `roles.realm[0].composites: role "a" must not contain itself`},
		{"group twice", `{"realm":"r","groups":[{"name":"a","subGroups":[{"name":"b"},{"name":"b"}]}]}`, `groups[0].subGroups[1].name: group "/a/b" stands twice`},
		{"unknown role of a group", `{"realm":"r","groups":[{"name":"a","realmRoles":["x"]}]}`, `groups[0].realmRoles[0]: unknown realm role "x"`},
		{"unknown default group", `{"realm":"r","defaultGroups":["/x"]}`, `defaultGroups[0]: unknown group "/x"`},
		{"mapping for an unknown client", `{"realm":"r","scopeMappings":[{"client":"x","roles":["offline_access"]}]}`, `scopeMappings[0].client: unknown client "x"`},
		{"mapping of an unknown role", `{"realm":"r","clientScopeMappings":{"account":[{"clientScope":"email","roles":["x"]}]}}`, `clientScopeMappings.account[0].roles[0]: unknown role "x"`},
		{"key priority", `{"realm":"r","components":{"org.keycloak.keys.KeyProvider":[{"providerId":"rsa-generated","config":{"priority":["x"]}}]}}`,
			`components["org.keycloak.keys.KeyProvider"][0].config: 'Priority' should be a number`},
		{"user without name", `{"realm":"r","users":[{"email":"a@b.c"}]}`, "users[0].username: must not be empty"},
		{"user twice", `{"realm":"r","users":[{"username":"a"},{"username":"A"}]}`, `users[1].username: user "a" stands twice`},
		{"address twice", `{"realm":"r","users":[{"username":"a","email":"x@y.z"},{"username":"b","email":"X@y.z"}]}`, `users[1].email: e-mail address "x@y.z" stands twice`},
		{"unknown role of a user", `{"realm":"r","users":[{"username":"a","realmRoles":["x"]}]}`, `users[0].realmRoles[0]: unknown realm role "x"`},
		{"unknown client of a user", `{"realm":"r","users":[{"username":"a","clientRoles":{"x":[]}}]}`, `users[0].clientRoles.x: unknown client "x"`},
		{"unknown group of a user", `{"realm":"r","users":[{"username":"a","groups":["/x"]}]}`, `users[0].groups[0]: unknown group "/x"`},
		{"service account of an unknown client", `{"realm":"r","users":[{"username":"a","serviceAccountClientId":"x"}]}`, `users[0].serviceAccountClientId: unknown client "x"`},
		{"two service accounts", `{"realm":"r","clients":[{"clientId":"c"}],"users":[{"username":"a","serviceAccountClientId":"c"},{"username":"b","serviceAccountClientId":"c"}]}`,
			`users[1].serviceAccountClientId: client "c" has another service account`},
		{"consent to an unknown scope", `{"realm":"r","users":[{"username":"a","clientConsents":[{"clientId":"account","grantedClientScopes":["x"]}]}]}`,
			`users[0].clientConsents[0].grantedClientScopes[0]: unknown client scope "x"`},
		{"stored credential that is no JSON", `{"realm":"r","users":[{"username":"a","credentials":[{"secretData":"x"}]}]}`, "users[0].credentials[0].secretData: must be a string that holds a JSON object"},
		{"nested too deep", `{"realm":"r","x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, "x: nested too deep (more than 64 levels)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d, err := ParseRealm([]byte(tt.doc), ids())
			var fault *DocumentError
			if !errors.As(err, &fault) || d != nil {
				t.Fatalf("ParseRealm = %v, %v; want a *DocumentError", d, err)
			}
			if d := cmp.Diff(tt.want, fault.Error()); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// Two users may share an address where the realm says so.
func TestParseRealm_DuplicateEmailsAllowed(t *testing.T) {
	t.Parallel()
	mustParse(t, `{"realm":"r","duplicateEmailsAllowed":true,"users":[{"username":"a","email":"x@y.z"},{"username":"b","email":"x@y.z"}]}`)
}

type brokenReader struct{ io.ReadSeeker }

var errDisk = errors.New("disk on fire")

func (brokenReader) Read([]byte) (int, error) { return 0, errDisk }

func TestReadRealm_KeepsTheReadersError(t *testing.T) {
	t.Parallel()
	if _, _, err := ReadRealm(brokenReader{strings.NewReader("")}, ids()); !errors.Is(err, errDisk) {
		t.Errorf("ReadRealm = %v, want %v", err, errDisk)
	}
}

func FuzzParseRealm(f *testing.F) {
	f.Add(`{"realm":"r"}`)
	f.Add(rich)
	f.Add(`{"realm":"r","users":[{"username":"a","serviceAccountClientId":"c"}],"clients":[{"clientId":"c","id":5}]}`)
	f.Add(`{"realm":"r","roles":{"client":{"":[{"name":""}]}},"components":{"":[null]}}`)
	f.Fuzz(func(t *testing.T, doc string) {
		d, err := ParseRealm([]byte(doc), ids())
		if err != nil {
			if d != nil {
				t.Error("a document beside an error")
			}
			return
		}
		cfg, err := d.Config()
		if err != nil {
			t.Fatalf("accepted, but %v", err)
		}
		if _, err := ExportRealm(cfg, FullExport).MarshalJSON(); err != nil {
			t.Fatalf("accepted, but not exported: %v", err)
		}
	})
}

// Request bodies come from strangers with a token: any of them may be refused,
// none may panic, and what is accepted can be shown again.
func FuzzBodies(f *testing.F) {
	for _, seed := range []string{`{}`, `null`, `{"name":"x","clientId":"x","username":"xyz","protocol":"saml","providerId":"p","providerType":"t"}`,
		`{"attributes":{"a":[null,"x"],"b":null,"clientSessionIdleTimeout":"7"},"config":{"priority":[5]},"protocolMappers":[{}]}`,
		`{"smtpServer":{"password":"**********"},"browserSecurityHeaders":{"x":1},"secret":"**********","redirectUris":["*"]}`} {
		f.Add(seed)
	}
	d, err := ParseRealm([]byte(partsRealm), ids())
	if err != nil {
		f.Fatal(err)
	}
	cfg, err := d.Config()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		doc, newID := []byte(s), ids()
		if r, err := UpdateRealm(cfg, doc); err == nil {
			asText(RealmRepresentation(withRealm(t, cfg, r)))
		}
		for _, do := range []func() (*model.Client, error){
			func() (*model.Client, error) { return NewClient(cfg, doc, newID) },
			func() (*model.Client, error) { return UpdateClient(cfg, cfg.Client("account"), doc, newID) },
		} {
			if c, err := do(); err == nil {
				asText(ClientRepresentation(cfg, c, ClientOptions{}))
			}
		}
		_, _ = NewUser(cfg, doc, newID)
		_, _ = UpdateUser(cfg, &model.User{Username: "abc"}, doc)
		_, _ = NewRole(cfg, "", doc, newID)
		_, _ = UpdateRole(cfg, cfg.Role("", "r"), doc)
		_, _ = NewGroup(cfg, "", doc, newID)
		_, _ = UpdateGroup(cfg, cfg.GroupByPath("/g"), doc)
		_, _ = NewClientScope(cfg, doc, newID)
		_, _ = UpdateClientScope(cfg, cfg.Scope("email"), doc)
		_, _ = NewComponent(cfg, doc, newID)
		_, _ = UpdateComponent(cfg.Components[0], doc)
		_, _ = NewProtocolMapper(doc, nil, newID)
		_, _ = UpdateProtocolMapper(model.ProtocolMapper{}, doc)
		_, _ = ParseCredential(doc, newID)
	})
}
