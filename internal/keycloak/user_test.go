package keycloak

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/model"
)

func TestUserRepresentation_Shapes(t *testing.T) {
	t.Parallel()
	u := &model.User{ID: "i", Username: "user1", Email: "user1@example.org", FirstName: "Uma", LastName: "One", Enabled: true, EmailVerified: true, CreatedMS: 1000}
	for _, tt := range []struct {
		name string
		user *model.User
		opts UserOptions
		want string
	}{
		{"one", u, UserOptions{Access: map[string]bool{"view": true, "manage": true, "manageGroupMembership": true, "mapRoles": true, "impersonate": true, "resetPassword": true}}, `{"id":"i","username":"user1","firstName":"Uma","lastName":"One","email":"user1@example.org","emailVerified":true,"enabled":true,"createdTimestamp":1000,"totp":false,"disableableCredentialTypes":[],"requiredActions":[],"notBefore":0,"access":{"impersonate":true,"manage":true,"manageGroupMembership":true,"mapRoles":true,"resetPassword":true,"view":true}}`},
		{"in a brief list", u, UserOptions{Brief: true, Access: map[string]bool{"manage": true}}, `{"id":"i","username":"user1","firstName":"Uma","lastName":"One","email":"user1@example.org","emailVerified":true,"enabled":true,"createdTimestamp":1000,"access":{"manage":true}}`},
		{"a service account has neither names nor access", &model.User{ID: "i", Username: "service-account-x", Enabled: true}, UserOptions{}, `{"id":"i","username":"service-account-x","emailVerified":false,"enabled":true,"createdTimestamp":0,"totp":false,"disableableCredentialTypes":[],"requiredActions":[],"notBefore":0}`},
	} {
		if d := cmp.Diff(tt.want, asText(UserRepresentation(tt.user, tt.opts))); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, d)
		}
	}
}

func TestNewUser(t *testing.T) {
	t.Parallel()
	cfg := config(t, `{"realm":"r","groups":[{"name":"g","id":"g-id","subGroups":[{"name":"h","id":"h-id"}]}],"defaultGroups":["/g/h"],"roles":{"realm":[{"name":"user"}]}}`)
	d, err := NewUser(cfg, []byte(`{"username":"New User"}`), ids())
	if err == nil {
		t.Errorf("a space in a username was taken: %+v", d)
	}
	d, err = NewUser(cfg, []byte(`{"username":"NewUser","email":"A@B.c","enabled":true,"emailVerified":true,"firstName":"F","attributes":{"x":["1","2"],"n":null,"e":[""],"one":"1"},
		"realmRoles":["user"],"groups":["/g"],"id":"mine","createdTimestamp":5,"notBefore":5,"requiredActions":["VERIFY_EMAIL","NOPE"],
		"credentials":[{"type":"password","value":"p","temporary":true}],"federationLink":"f"}`), ids())
	if err != nil {
		t.Fatal(err)
	}
	want := &model.User{ID: "id-001", Username: "newuser", Email: "a@b.c", Enabled: true, EmailVerified: true, FirstName: "F", CreatedMS: 5,
		Attributes: map[string][]string{"x": {"1", "2"}, "one": {"1"}}, RequiredActions: []string{"VERIFY_EMAIL", "UPDATE_PASSWORD"},
		Grants: model.Grants{Roles: []string{cfg.Realm.DefaultRoleID}, Groups: []string{"g-id", "h-id"}}, Extra: model.Extra{"federationLink": []byte(`"f"`)}}
	if d := cmp.Diff(want, d.User); d != "" {
		t.Errorf("user (-want +got):\n%s", d)
	}
	if len(d.Credentials) != 1 || d.Credentials[0].Value != "p" || !d.Credentials[0].Temporary {
		t.Errorf("credentials = %+v", d.Credentials)
	}
}

// Keys and parameters are what admin REST answers.
func TestNewUser_ProfileFaults(t *testing.T) {
	t.Parallel()
	cfg := config(t, `{"realm":"r"}`)
	for _, tt := range []struct{ body, path, key, params string }{
		{`{}`, "username", "", "null"},
		{`{"username":""}`, "username", "", "null"},
		{`{"username":"ab"}`, "username", "error-invalid-length", `["username",3,255]`},
		{`{"username":"` + strings.Repeat("x", 256) + `"}`, "username", "error-invalid-length", `["username",3,255]`},
		{`{"username":"a<bc"}`, "username", "error-username-invalid-character", `["username"]`},
		{`{"username":"abc","email":"bad"}`, "email", "error-invalid-email", `["email","bad"]`},
		{`{"username":"abc","email":"a@b_c.d"}`, "email", "error-invalid-email", `["email","a@b_c.d"]`},
		{`{"username":"abc","firstName":"\u003cx>"}`, "firstName", "error-person-name-invalid-character", `["firstName"]`},
		{`{"username":"abc","lastName":"` + strings.Repeat("x", 256) + `"}`, "lastName", "error-invalid-length-too-long", `["lastName",null,255]`},
		{`{"username":"abc","groups":["/nope"]}`, "groups[0]", "", "null"},
	} {
		_, err := NewUser(cfg, []byte(tt.body), ids())
		f := fault(t, err)
		if got := f.Path + " " + f.Key + " " + asText(f.Params); got != tt.path+" "+tt.key+" "+tt.params {
			t.Errorf("NewUser(%.60s) = %s, want %s %s %s", tt.body, got, tt.path, tt.key, tt.params)
		}
	}
	for _, body := range []string{`{"username":"ü@x","email":"ü@x.de"}`, `{"username":"abc","email":""}`, `{"username":"a.b-c_d","firstName":"O'Neil, Jr.","email":"a+b@localhost"}`} {
		if _, err := NewUser(cfg, []byte(body), ids()); err != nil {
			t.Errorf("NewUser(%s) = %v", body, err)
		}
	}
}

func TestUpdateUser(t *testing.T) {
	t.Parallel()
	cfg := config(t, `{"realm":"r","editUsernameAllowed":true}`)
	old := &model.User{ID: "i", Username: "user", Email: "a@b.c", FirstName: "F", LastName: "L", Enabled: true, CreatedMS: 1, NotBefore: 2,
		Attributes: map[string][]string{"k": {"v"}}, RequiredActions: []string{"VERIFY_EMAIL"}, Grants: model.Grants{Roles: []string{"r"}}}
	for _, tt := range []struct{ name, body, want string }{
		{"empty", `{}`, `{}`},
		{"null", `{"firstName":null,"email":null,"attributes":null,"enabled":null}`, `{}`},
		{"one name", `{"firstName":"Z"}`, `{"firstName":"Z"}`},
		{"empty text goes", `{"firstName":"","email":""}`, `{"email":"gone","firstName":"gone"}`},
		{"names are folded", `{"username":"OTHER","email":"X@Y.z"}`, `{"email":"x@y.z","username":"other"}`},
		{"required actions replace", `{"requiredActions":["UPDATE_PASSWORD","NOPE"]}`, `{"requiredActions":["UPDATE_PASSWORD"]}`},
		{"no required actions", `{"requiredActions":[]}`, `{"requiredActions":[]}`},
		{"what has requests of its own is ignored", `{"id":"x","notBefore":9,"createdTimestamp":9,"realmRoles":["x"],"groups":["/x"],"credentials":[{"value":"p"}]}`, `{}`},
		{"attributes replace the set, and names left out go with it", `{"username":"user","attributes":{"k2":["w"]}}`, `{"attributes":{"k2":["w"]},"email":"gone","firstName":"gone","lastName":"gone"}`},
		{"attributes with names", `{"username":"user","email":"a@b.c","firstName":"F","attributes":{"lastName":["L"],"z":[],"e":[""]}}`, `{"attributes":"gone"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			frozen(t, old, func() {
				u, err := UpdateUser(cfg, old, []byte(tt.body))
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(tt.want, changed(t, UserRepresentation(old, UserOptions{}), UserRepresentation(u, UserOptions{}))); d != "" {
					t.Errorf("(-want +got):\n%s", d)
				}
				if u.ID != old.ID || u.Grants.Roles[0] != "r" {
					t.Errorf("id or roles changed: %+v", u)
				}
			})
		})
	}
	for _, body := range []string{`{"username":""}`, `{"attributes":{}}`} {
		if _, err := UpdateUser(cfg, old, []byte(body)); fault(t, err).Problem != "User name is missing" {
			t.Errorf("UpdateUser(%s) = %v", body, err)
		}
	}
	// A name from before the rules may stay.
	if _, err := UpdateUser(cfg, &model.User{Username: "x"}, []byte(`{"firstName":"F"}`)); err != nil {
		t.Errorf("old short name: %v", err)
	}
}

func TestCheckUsernameChange(t *testing.T) {
	t.Parallel()
	a, b := &model.User{Username: "a"}, &model.User{Username: "b"}
	closed, open := &model.Realm{}, &model.Realm{EditUsernameAllowed: true}
	if err := CheckUsernameChange(closed, a, b); fault(t, err).Key != "error-user-attribute-read-only" {
		t.Errorf("change = %v", err)
	}
	if err := CheckUsernameChange(closed, a, a); err != nil {
		t.Errorf("no change = %v", err)
	}
	if err := CheckUsernameChange(open, a, b); err != nil {
		t.Errorf("allowed change = %v", err)
	}
}

func TestCredentials_Forms(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, body string
		want       CredentialInput
	}{
		{"plain", `{"type":"password","value":"p"}`, CredentialInput{Value: "p", Credential: model.Credential{ID: "id-001", Type: "password"}}},
		{"temporary, type left out", `{"value":"p","temporary":true}`, CredentialInput{Value: "p", Temporary: true, Credential: model.Credential{ID: "id-001", Type: "password"}}},
		{"stored", `{"id":"i","type":"password","userLabel":"l","createdDate":5,"priority":10,"value":"ignored","secretData":"{\"value\":\"v\"}","credentialData":"{\"algorithm\":\"argon2\"}"}`,
			CredentialInput{Credential: model.Credential{ID: "i", Type: "password", Label: "l", CreatedMS: 5, Priority: 10, SecretData: `{"value":"v"}`, CredentialData: `{"algorithm":"argon2"}`}}},
		{"hashed and salted", `{"type":"password","hashedSaltedValue":"h","salt":"s","hashIterations":27500,"algorithm":"pbkdf2-sha256"}`,
			CredentialInput{Credential: model.Credential{ID: "id-001", Type: "password", SecretData: `{"value":"h","salt":"s","additionalParameters":{}}`,
				CredentialData: `{"hashIterations":27500,"algorithm":"pbkdf2-sha256","additionalParameters":{}}`}}},
		{"old one-time password", `{"type":"totp","value":"JBSW","digits":8}`,
			CredentialInput{Credential: model.Credential{ID: "id-001", Type: "otp", SecretData: `{"value":"JBSW"}`,
				CredentialData: `{"subType":"totp","digits":8,"counter":0,"period":30,"algorithm":"HmacSHA1"}`}}},
	} {
		got, err := ParseCredential([]byte(tt.body), ids())
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, d)
		}
	}
	got := asText(CredentialRepresentation(&model.Credential{ID: "i", Type: "password", CreatedMS: 5, SecretData: `{"value":"v"}`, CredentialData: `{}`}))
	if want := `{"id":"i","type":"password","createdDate":5,"credentialData":"{}"}`; got != want {
		t.Errorf("representation = %s, want %s", got, want)
	}
}
