package keycloak

import (
	"bytes"
	"encoding/json"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func seq(users []*UserDocument) iter.Seq2[*UserDocument, error] {
	return func(yield func(*UserDocument, error) bool) {
		for _, u := range users {
			if !yield(u, nil) {
				return
			}
		}
	}
}

// stored replaces plain passwords, which an export cannot hold, by hashes.
func stored(d *RealmDocument) {
	for _, u := range d.Users {
		for i := range u.Credentials {
			u.Credentials[i].Value, u.Credentials[i].Temporary = "", false
			c := &u.Credentials[i].Credential
			if c.SecretData == "" {
				c.SecretData, c.CredentialData = `{"value":"aGFzaA==","salt":"c2FsdA=="}`, `{"hashIterations":5,"algorithm":"argon2"}`
			}
		}
	}
}

const rich = `{"realm":"rich","id":"realm-id","enabled":true,"displayName":"R","displayNameHtml":"<b>R & D</b>","notBefore":7,"revokeRefreshToken":true,"refreshTokenMaxReuse":2,
 "passwordPolicy":"length(8)","eventsExpiration":5,"enabledEventTypes":["LOGIN","REFRESH_TOKEN"],"smtpServer":{"host":"h","password":"p"},"supportedLocales":["de"],"something.new":{"a":[1,2]},
 "authenticationFlows":[{"alias":"browser"}],"identityProviders":[],"clientOfflineSessionIdleTimeout":9,"attributes":{"x":"y"},
 "roles":{"realm":[{"name":"r","attributes":{"k":["a","b"]},"composites":{"client":{"app":["c"]}}}],"client":{"app":[{"name":"c","unknown":1}]}},
 "groups":[{"name":"g/h","description":"d","attributes":{"a":["b"]},"realmRoles":["r"],"clientRoles":{"app":["c"]},"subGroups":[{"name":"s"}]}],"defaultGroups":["/g~/h/s"],
 "clients":[{"clientId":"app","secret":"s","name":"N","description":"D","adminUrl":"http://a","serviceAccountsEnabled":true,"nodeReRegistrationTimeout":5,"frontchannelLogout":true,"unknown":{"z":null},
  "protocolMappers":[{"name":"m","protocolMapper":"oidc-hardcoded-claim-mapper","config":{"claim.name":"x","n":1}}]}],
 "scopeMappings":[{"client":"app","roles":["r"]}],"clientScopeMappings":{"app":[{"clientScope":"email","roles":["c"]},{"client":"account","roles":["c"]}]},
 "components":{"org.keycloak.keys.KeyProvider":[{"name":"k","providerId":"hmac-generated","config":{"secret":["abc"],"kid":["1"],"priority":["7"]},
   "subComponents":{"x.Y":[{"name":"child","providerId":"p","subType":"t","config":{}}]}}]},
 "users":[{"username":"U1","email":"U1@X.org","attributes":{"a":["1","2"],"b":"c"},"createdTimestamp":12,"notBefore":3,"requiredActions":["VERIFY_EMAIL"],"groups":["/g~/h"],"federationLink":"f",
   "clientRoles":{"app":["c"]},"clientConsents":[{"clientId":"app","grantedClientScopes":["email","profile"],"createdDate":1,"lastUpdatedDate":2}],
   "credentials":[{"type":"password","userLabel":"L","createdDate":5,"priority":10,"secretData":"{\"value\":\"v\"}","credentialData":"{}"},{"type":"password","hashedSaltedValue":"h","salt":"s","hashIterations":7}]},
  {"username":"sa","serviceAccountClientId":"app","enabled":true}]}`

func TestRoundTrip_ParseExportParse(t *testing.T) {
	t.Parallel()
	for name, doc := range map[string]string{
		"fresh":           `{"realm":"fresh"}`,
		"recording realm": strings.ReplaceAll(string(testdata(t, "recording-realm.json")), "{{realm}}", "rec"),
		"Keycloak's full": string(testdata(t, "full-export.json")),
		"rich":            rich,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := mustParse(t, doc)
			stored(first)
			cfg := mustConfig(t, first)
			var b bytes.Buffer
			if err := WriteExport(&b, cfg, seq(first.Users)); err != nil {
				t.Fatal(err)
			}
			second, err := ParseRealm(b.Bytes(), func() string { t.Error("an id was lost in the export"); return "lost" })
			if err != nil {
				t.Fatal(err)
			}
			mustConfig(t, second)
			if d := cmp.Diff(first, second, cmpopts.IgnoreUnexported(RealmDocument{}), cmpopts.SortSlices(byUsername)); d != "" {
				t.Errorf("first and second reading differ (-first +second):\n%s", d)
			}
		})
	}
}

func byUsername(a, b *UserDocument) bool { return a.User.Username < b.User.Username }

// Every id, setting and name that Keycloak exported must come back.
func TestRoundTrip_KeycloaksExportIsKept(t *testing.T) {
	t.Parallel()
	doc := testdata(t, "full-export.json")
	cfg := config(t, string(doc))
	out, err := json.Marshal(ExportRealm(cfg, FullExport))
	if err != nil {
		t.Fatal(err)
	}
	var want, got map[string]any
	if err := json.Unmarshal(doc, &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	for name := range want {
		if d := cmp.Diff(sortLists(want[name]), sortLists(got[name]), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%s (-Keycloak +Latchkey):\n%s", name, d)
		}
	}
}

// sortLists brings every list into one order.
func sortLists(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			v[k] = sortLists(x)
		}
	case []any:
		for i := range v {
			v[i] = sortLists(v[i])
		}
		slices.SortFunc(v, func(a, b any) int { return strings.Compare(asText(a), asText(b)) })
	}
	return v
}
