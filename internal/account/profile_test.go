package account_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// one is the answer to one fault of a profile.
func one(field, key, more string) string {
	fault := `"field":"` + field + `","errorMessage":"` + key + `","params":["${` + field + `}"` + more + `]`
	return `{` + fault + `,"errors":[{` + fault + `}]}`
}

// TestProfile_FaultsAsKeycloak: every answer is Keycloak's, but that several
// faults stand in the order of the fields.
func TestProfile_FaultsAsKeycloak(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	anna := p.as("anna")
	long := strings.Repeat("x", 256)
	const ok = `"email":"anna@x.org","firstName":"Anna","lastName":"Smith"`
	for name, tt := range map[string]struct {
		body, want string
		status     int
	}{
		"nothing new":                      {`{"username":"ANNA",` + ok + `}`, "", 204},
		"members that are shown":           {`{"id":"x","emailVerified":true,"enabled":false,"userProfileMetadata":{},` + ok + `}`, "", 204},
		"attributes of another shape":      {`{"attributes":"x",` + ok + `}`, "", 204},
		"attributes of the administrators": {`{"attributes":{"team":["blue"]},` + ok + `}`, "", 204},
		"no e-mail":                        {`{"firstName":"Anna","lastName":"Smith"}`, one("email", "error-user-attribute-required", ""), 400},
		"empty e-mail":                     {`{"email":"","firstName":"Anna","lastName":"Smith"}`, `{"errors":[{"field":"email","errorMessage":"missingEmailMessage","params":["${email}"]},{"field":"email","errorMessage":"error-user-attribute-required","params":["${email}"]}]}`, 400},
		"no e-mail address":                {`{"email":"x","firstName":"Anna","lastName":"Smith"}`, one("email", "error-invalid-email", `,"x"`), 400},
		"e-mail that is taken":             {`{"email":"BOB@y.org","firstName":"Anna","lastName":"Smith"}`, one("email", "emailExistsMessage", ""), 409},
		"e-mail as a number":               {`{"email":5,"firstName":"Anna","lastName":"Smith"}`, one("email", "error-invalid-email", `,"5"`), 400},
		"no first name":                    {`{"email":"anna@x.org","lastName":"Smith"}`, one("firstName", "error-user-attribute-required", ""), 400},
		"blank last name":                  {`{"email":"anna@x.org","firstName":"Anna","lastName":"  "}`, one("lastName", "error-user-attribute-required", ""), 400},
		"long first name":                  {`{"email":"anna@x.org","firstName":"` + long + `","lastName":"Smith"}`, one("firstName", "error-invalid-length-too-long", `,null,"255"`), 400},
		"markup in a name":                 {`{"email":"anna@x.org","firstName":"<b>","lastName":"Smith"}`, one("firstName", "error-person-name-invalid-character", ""), 400},
		"two faults":                       {`{"email":"zz","firstName":"<b>","lastName":"Smith"}`, `{"errors":[{"field":"email","errorMessage":"error-invalid-email","params":["${email}","zz"]},{"field":"firstName","errorMessage":"error-person-name-invalid-character","params":["${firstName}"]}]}`, 400},
		"another username":                 {`{"username":"other",` + ok + `}`, `{"errors":[{"field":"username","errorMessage":"error-user-attribute-read-only","params":["${username}"]},{"field":"username","errorMessage":"readOnlyUsernameMessage","params":["${username}"]}]}`, 400},
		"empty username":                   {`{"username":"",` + ok + `}`, `{"errors":[{"field":"username","errorMessage":"error-user-attribute-read-only","params":["${username}"]},{"field":"username","errorMessage":"missingUsernameMessage","params":["${username}"]}]}`, 400},
		"an unknown member":                {`{"foo":1,` + ok + `}`, `{"error":"Invalid json representation for UserRepresentation. Unrecognized field \"foo\"."}`, 400},
		"roles":                            {`{"realmRoles":["admin"],` + ok + `}`, `{"error":"Invalid json representation for UserRepresentation. Unrecognized field \"realmRoles\"."}`, 400},
		"a list":                           {`[]`, `{"error":"unknown_error","error_description":"Cannot parse the JSON"}`, 400},
		"a name that is a list":            {`{"firstName":["A"],"email":"anna@x.org","lastName":"Smith"}`, `{"error":"unknown_error","error_description":"Cannot parse the JSON"}`, 400},
		"no JSON":                          {`{`, `{"error":"invalid_request","error_description":"Cannot parse the JSON"}`, 400},
		"null":                             {`null`, `{"error":"invalid_request","error_description":"Cannot parse the JSON"}`, 400},
	} {
		t.Run(name, func(t *testing.T) {
			got := p.do("POST", "", tt.body, anna)
			if got.Status != tt.status || got.Body != tt.want {
				t.Errorf("POST %s = %d %s\nwant %d %s", tt.body, got.Status, got.Body, tt.status, tt.want)
			}
		})
	}
	after := read[object](p.get("/admin/realms/r/users/"+p.userID("anna"), p.admin))
	if after["enabled"] != true || after["emailVerified"] != true || !cmp.Equal(after["attributes"], map[string]any{"team": []any{"red"}}) {
		t.Errorf("user after refused and ignored changes = %v", after)
	}
}

// TestProfile_ChangesAndEvents: a new address is not verified, and the event
// tells what changed.
func TestProfile_ChangesAndEvents(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	anna := p.as("anna")
	p.do("POST", "/", `{"email":"New@x.org","firstName":"Anne","lastName":"Smith"}`, anna).want(204)
	want := object{"id": p.userID("anna"), "username": "anna", "firstName": "Anne", "lastName": "Smith", "email": "new@x.org", "emailVerified": false}
	if diff := cmp.Diff(want, read[object](p.get("?userProfileMetadata=false", anna))); diff != "" {
		t.Errorf("profile (-want +got):\n%s", diff)
	}
	e := p.events("UPDATE_PROFILE", "UPDATE_EMAIL")
	if len(e) != 1 {
		t.Fatalf("%d events", len(e))
	}
	details := map[string]any{"context": "ACCOUNT", "previous_email": "anna@x.org", "updated_email": "new@x.org", "previous_first_name": "Anna", "updated_first_name": "Anne"}
	if diff := cmp.Diff(details, e[0]["details"]); diff != "" || e[0]["clientId"] != "account" || e[0]["userId"] != want["id"] {
		t.Errorf("event %v (-want +got):\n%s", e[0], diff)
	}
	if bob := p.as("bob"); read[object](p.get("", bob))["firstName"] != "Bob" {
		t.Error("bob changed too")
	}
}

// realmWith changes settings of realm r.
func (p *people) realmWith(more object) {
	p.t.Helper()
	doc := read[object](p.get("/admin/realms/r", p.admin))
	maps.Copy(doc, more)
	b, err := json.Marshal(doc)
	if err != nil {
		p.t.Fatal(err)
	}
	p.do("PUT", "/admin/realms/r", string(b), p.admin).want(204)
}

// TestProfile_Usernames: where the realm lets people choose one.
func TestProfile_Usernames(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	p.realmWith(object{"editUsernameAllowed": true})
	anna := p.as("anna")
	const rest = `"email":"anna@x.org","firstName":"Anna","lastName":"Smith"}`
	p.do("POST", "", `{"username":"bob",`+rest, anna).is(409, one("username", "usernameExistsMessage", ""))
	p.do("POST", "", `{"username":"u",`+rest, anna).is(400, one("username", "error-invalid-length", `,"3","255"`))
	p.do("POST", "", `{"username":"u<bcd",`+rest, anna).is(400, one("username", "error-username-invalid-character", ""))
	p.do("POST", "", `{"username":"",`+rest, anna).is(400, one("username", "missingUsernameMessage", ""))
	p.do("POST", "", `{`+rest, anna).is(400, one("username", "missingUsernameMessage", ""))
	p.do("POST", "", `{"username":"Anna2",`+rest, anna).want(204)
	if got := read[object](p.get("", anna))["username"]; got != "anna2" {
		t.Errorf("username %v", got)
	}
	p.realmWith(object{"registrationEmailAsUsername": true})
	p.do("POST", "", `{"username":"anna2","email":"a2@x.org","firstName":"Anna","lastName":"Smith"}`, anna).want(204)
	if got := read[object](p.get("", anna))["username"]; got != "a2@x.org" {
		t.Errorf("username %v, want the address", got)
	}
}

// TestProfile_Languages: the locale is a person's own where the realm has
// languages, and texts follow it.
func TestProfile_Languages(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	anna := p.as("anna")
	p.get("/supportedLocales", anna).is(200, `[]`)
	const rest = `"email":"anna@x.org","firstName":"Anna","lastName":"Smith"}`
	p.do("POST", "", `{"attributes":{"locale":["de"]},`+rest, anna).want(204)
	p.realmWith(object{"internationalizationEnabled": true, "supportedLocales": []string{"en", "de"}, "defaultLocale": "en"})
	if got := read[object](p.get("", anna))["attributes"]; got != nil {
		t.Errorf("attributes %v that were set while the realm had no languages", got)
	}
	p.do("POST", "", `{"attributes":{"locale":["de"],"team":["blue"]},`+rest, anna).want(204)
	want := map[string]any{"locale": []any{"de"}}
	if diff := cmp.Diff(want, read[object](p.get("", anna))["attributes"]); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	after := read[object](p.get("/admin/realms/r/users/"+p.userID("anna"), p.admin))
	if diff := cmp.Diff(map[string]any{"locale": []any{"de"}, "team": []any{"red"}}, after["attributes"]); diff != "" {
		t.Errorf("stored attributes (-want +got):\n%s", diff)
	}
	p.get("/supportedLocales", anna).is(200, `["en","de"]`)
}

// TestProfile_NobodysLoginIsTaken: where addresses log in, a username that is
// somebody's address is taken, and the other way round (measured).
func TestProfile_NobodysLoginIsTaken(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	p.realmWith(object{"editUsernameAllowed": true, "loginWithEmailAllowed": true})
	anna := p.as("anna")
	const names = `"firstName":"Anna","lastName":"Smith"}`
	p.do("POST", "", `{"username":"bob@y.org","email":"anna@x.org",`+names, anna).is(409, one("username", "usernameExistsMessage", ""))
	p.do("POST", "", `{"username":"anna@x.org","email":"anna@x.org",`+names, anna).is(204, "") // her own
	p.do("POST", "/admin/realms/r/users", `{"username":"z@z.org","email":"zoe@z.org"}`, p.admin).want(201)
	p.do("POST", "", `{"username":"anna","email":"z@z.org",`+names, anna).is(409, one("email", "emailExistsMessage", ""))
	p.do("POST", "/admin/realms/r/users", `{"username":"zoe@z.org"}`, p.admin).is(409, `{"errorMessage":"User exists with same username"}`)
	p.realmWith(object{"loginWithEmailAllowed": false})
	p.do("POST", "", `{"username":"anna","email":"z@z.org",`+names, anna).is(204, "")
}
