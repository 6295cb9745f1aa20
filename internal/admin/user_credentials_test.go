package admin_test

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// text sends a body that is text/plain.
func (a *api) text(method, path, body, contentType string) *answer {
	a.t.Helper()
	r := httptest.NewRequest(method, a.srv.BaseURL+"/admin/realms/r"+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+a.admin)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return a.send(r)
}

// withCredentials makes a user with a password and two one-time password
// generators and gives the path of its credentials.
func (a *api) withCredentials() string {
	a.t.Helper()
	otp := func(label string) map[string]any {
		return map[string]any{"type": "otp", "userLabel": label, "secretData": `{"value":"abc"}`, "credentialData": `{"subType":"totp","digits":6,"counter":0,"period":30,"algorithm":"HmacSHA1"}`}
	}
	id := a.post("/users", map[string]any{
		"username": "dora", "enabled": true, "credentials": []any{map[string]any{"type": "password", "value": "p"}, otp("phone"), otp("tab")},
	}).made()
	return "/users/" + id + "/credentials"
}

func (a *api) credentials(path string) (ids map[string]string, order string) {
	a.t.Helper()
	ids = map[string]string{}
	var names []string
	for _, cr := range a.get(path).list() {
		name, _ := cr["userLabel"].(string)
		if name == "" {
			name = cr["type"].(string)
		}
		ids[name] = cr["id"].(string)
		names = append(names, name)
	}
	return ids, strings.Join(names, " ")
}

func TestCredentials_Move(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	path := a.withCredentials()
	id, order := a.credentials(path)
	if order != "password phone tab" {
		t.Fatalf("made in the order %q", order)
	}
	for _, step := range []struct{ move, want string }{
		{id["tab"] + "/moveToFirst", "tab password phone"},
		{id["tab"] + "/moveAfter/" + id["password"], "password tab phone"},
		{id["password"] + "/moveAfter/" + id["phone"], "tab phone password"},
		{id["tab"] + "/moveAfter/" + id["tab"], "tab phone password"},
		{id["tab"] + "/moveAfter/" + unknown, "tab phone password"},
	} {
		a.post(path+"/"+step.move, nil).is(204, "")
		if _, got := a.credentials(path); got != step.want {
			t.Errorf("after %s: %q, want %q", step.move, got, step.want)
		}
	}
	a.post(path+"/"+unknown+"/moveToFirst", nil).is(404, `{"error":"Credential not found"}`)
	a.post("/users/"+unknown+"/credentials/"+unknown+"/moveToFirst", nil).is(404, `{"error":"User not found"}`)
}

func TestCredentials_Label(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	path := a.withCredentials()
	id, _ := a.credentials(path)
	label := func(name string) string { return path + "/" + id[name] + "/userLabel" }
	a.text("PUT", label("tab"), "my tablet", "text/plain").is(204, "")
	a.text("PUT", label("password"), "my tablet", "").is(204, "") // of another type
	if got := a.get(path).all("userLabel"); !slices.Equal(got, []string{"my tablet", "phone", "my tablet"}) {
		t.Errorf("labels %q", got)
	}
	a.text("PUT", label("tab"), "PHONE", "text/plain").is(409, `{"error":"conflict","error_description":"Device already exists with the same name"}`)
	for _, empty := range []string{"", "  "} {
		a.text("PUT", label("tab"), empty, "text/plain").is(400, `{"error":"missingCredentialLabel","error_description":"Credential label must not be empty"}`)
	}
	a.text("PUT", label("tab"), strings.Repeat("x", 256), "text/plain").is(400, `{"error":"invalid_request","error_description":"Credential label is too long"}`)
	a.text("PUT", label("tab"), `"x"`, "application/json").is(415, `{"error":"The content-type header value did not match the value in @Consumes"}`)
	a.text("PUT", path+"/"+unknown+"/userLabel", "x", "text/plain").is(404, `{"error":"Credential not found"}`)
}

func TestCredentials_DeleteOfAnyType(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	path := a.withCredentials()
	id, _ := a.credentials(path)
	a.del(path+"/"+id["phone"], nil).is(204, "")
	a.del(path+"/"+id["phone"], nil).is(404, `{"error":"Credential not found"}`)
	if _, got := a.credentials(path); got != "password tab" {
		t.Errorf("left: %q", got)
	}
	user := strings.TrimSuffix(path, "/credentials")
	e := a.get("/admin-events?operationTypes=ACTION&resourceTypes=USER").list()[0]
	if details, _ := e["details"].(map[string]any); details["credential_type"] != "otp" || details["credential_user_label"] != "phone" || details["credential_id"] != id["phone"] {
		t.Errorf("event %v", e)
	}
	a.get(user+"/configured-user-storage-credential-types").is(200, `[]`)
	a.put(user+"/disable-credential-types", []string{"otp"}).is(204, "")
	a.put(user+"/disable-credential-types", nil).is(204, "")
	a.put(user+"/disable-credential-types", map[string]any{}).is(400, `{"error":"unknown_error","error_description":"Cannot parse the JSON"}`)
	if _, got := a.credentials(path); got != "password tab" {
		t.Errorf("left: %q", got)
	}
}

func TestEmails_CannotBeSent(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	anna := "/users/" + a.userID("anna")
	off := "/users/" + a.post("/users", map[string]any{"username": "off", "email": "off@x.org"}).made()
	bare := "/users/" + a.post("/users", map[string]any{"username": "bare", "enabled": true}).made()
	message := func(text string) string { return `{"errorMessage":"` + text + `"}` }
	none := message("Failed to send execute actions email: this server sends no e-mail")
	for path, want := range map[string]string{"/execute-actions-email": none, "/reset-password-email": none, "/send-verify-email": message("Failed to send verify email")} {
		send := func(user, query string) *answer { return a.put(user+path+query, []string{"UPDATE_PASSWORD"}) }
		send(anna, "").is(500, want)
		send(anna, "?client_id=app&redirect_uri=http://localhost/x&lifespan=5").is(500, want)
		send(off, "").is(400, message("User is disabled"))
		send(bare, "").is(400, message("User email missing"))
		send("/users/"+unknown, "").is(404, `{"error":"User not found"}`)
		send(anna, "?client_id=nope").is(400, message("Client doesn't exist"))
		send(anna, "?redirect_uri=http://localhost/x").is(400, message("Client id missing"))
		send(anna, "?client_id=app&redirect_uri=http://evil").is(400, message("Invalid redirect uri."))
	}
	a.put(anna+"/execute-actions-email", []string{"NOPE"}).is(400, message("Provided invalid required actions"))
	a.put(anna+"/execute-actions-email", "x").is(400, `{"error":"unknown_error","error_description":"Cannot parse the JSON"}`)
	a.put(anna+"/execute-actions-email?lifespan=x", nil).is(404, `{"error":"HTTP 404 Not Found"}`)
}

func TestLinks_AreListedAndNotMade(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	const refused = `{"errorMessage":"Accounts of identity providers cannot be linked: this server logs nobody in by them"}`
	anna := "/users/" + a.userID("anna") + "/federated-identity"
	a.get(anna).is(200, `[]`)
	a.post(anna+"/google", map[string]any{"userId": "1", "userName": "a"}).is(400, refused)
	a.del(anna+"/google", nil).is(404, `{"error":"Link not found"}`)
	a.post("/admin/realms", map[string]any{"realm": "linked", "users": []any{map[string]any{
		"username": "anna", "federatedIdentities": []any{map[string]any{"identityProvider": "google", "userId": "1", "userName": "a"}},
	}}}).want(201)
	id := a.get("/admin/realms/linked/users").list()[0]["id"].(string)
	linked := "/admin/realms/linked/users/" + id + "/federated-identity"
	a.get(linked).is(200, `[{"identityProvider":"google","userId":"1","userName":"a"}]`)
	a.del(linked+"/google", nil).is(400, refused)
	a.del(linked+"/other", nil).is(404, `{"error":"Link not found"}`)
}

func TestImpersonation_IsOff(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	path := "/users/" + a.userID("anna") + "/impersonation"
	const off = `{"error":"Feature not enabled","error_description":"For more on this error consult the server log."}`
	_, allowed := a.administrator("allowed", "impersonation")
	_, manager := a.administrator("manager", "manage-users")
	a.post(path, nil).is(501, off)
	a.post(path, nil, allowed).is(501, off)
	a.post(path, nil, manager).is(403, forbidden)
	a.post("/users/"+unknown+"/impersonation", nil).is(404, `{"error":"User not found"}`)
}
