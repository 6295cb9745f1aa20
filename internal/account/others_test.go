package account_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
)

func sessionKey(userID, sid string, client int64) store.SessionKey {
	return store.SessionKey{Shard: model.ShardOf(userID), SessionID: sid, ClientNum: client, Offline: true}
}

// credentialIDs are the ids of a person's credentials by kind.
func (p *people) credentialIDs(token string) map[string]string {
	p.t.Helper()
	ids := map[string]string{}
	type list struct {
		Type                    string
		UserCredentialMetadatas []struct{ Credential struct{ ID string } }
	}
	for _, k := range read[[]list](p.get("/credentials", token)) {
		for _, m := range k.UserCredentialMetadatas {
			ids[k.Type] = m.Credential.ID
		}
	}
	return ids
}

const (
	passwordKind = `{"type":"password","category":"basic-authentication","displayName":"password-display-name","helptext":"password-help-text","iconCssClass":"kcAuthenticatorPasswordClass","updateAction":"UPDATE_PASSWORD","removeable":false`
	otpKind      = `{"type":"otp","category":"two-factor","displayName":"otp-display-name","helptext":"otp-help-text","iconCssClass":"kcAuthenticatorOTPClass","createAction":"CONFIGURE_TOTP","removeable":true`
)

// TestCredentials_ListedWithoutSecrets, by kind.
func TestCredentials_ListedWithoutSecrets(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	anna := p.as("anna")
	p.get("/credentials?user-credentials=false", anna).is(200, "["+passwordKind+"},"+otpKind+"}]")
	p.get("/credentials?user-credentials=x&type=otp", anna).is(200, "["+otpKind+"}]")
	p.get("/credentials?type=nope", anna).is(200, "[]")
	otp := p.credentialIDs(anna)["otp"]
	p.get("/credentials?type=otp&user-credentials=true", anna).is(200, "["+otpKind+`,"userCredentialMetadatas":[{"credential":{"id":"`+otp+
		`","type":"otp","userLabel":"Phone","createdDate":1700000000000,"credentialData":"{\"subType\":\"totp\",\"digits\":6}"}}]}]`)
	p.get("/credentials?type=otp", p.as("bob")).is(200, "["+otpKind+`,"userCredentialMetadatas":[]}]`)
	if all := p.get("/credentials", anna).Body; strings.Contains(all, "secretData") || strings.Contains(all, "ABCDEFGH") {
		t.Errorf("secrets are shown: %s", all)
	}
}

// TestCredentials_LabelledAndRemoved: one's own alone; a password stays.
func TestCredentials_LabelledAndRemoved(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	anna, bob := p.as("anna"), p.as("bob")
	ids, bobs := p.credentialIDs(anna), p.credentialIDs(bob)
	put := func(id, body string) *answer { return p.do("PUT", "/credentials/"+id+"/label", body, anna) }
	label := func() string {
		_, rest, _ := strings.Cut(p.get("/credentials?type=otp", anna).Body, `"userLabel":"`)
		own, _, _ := strings.Cut(rest, `"`)
		return own
	}
	for body, want := range map[string]string{`"My phone"`: "My phone", `""`: "", `5`: "5", `true`: "true", `"` + strings.Repeat("x", 255) + `"`: strings.Repeat("x", 255)} {
		if put(ids["otp"], body).is(204, ""); label() != want {
			t.Errorf("label after %s is %q", body, label())
		}
	}
	for _, body := range []string{`My phone`, `{"a":1}`, `["x"]`, ` `, `null`, `"` + strings.Repeat("x", 256) + `"`, `"\u0000"`} {
		put(ids["otp"], body).is(400, `{"errorMessage":"invalidRequestMessage"}`)
	}
	p.do("PUT", "/credentials/"+ids["otp"]+"/label", "x", anna, "Content-Type", "text/plain").want(415)
	missing := `{"error":"Credential not found"}`
	for _, id := range []string{bobs["password"], "nope"} {
		put(id, `"x"`).is(404, missing)
		p.do("DELETE", "/credentials/"+id, "", anna).is(404, missing)
	}
	p.do("DELETE", "/credentials/"+ids["password"], "", anna).is(400, `{"error":"Credential type cannot be removed"}`)
	put(ids["otp"], `"Phone"`).want(204)
	p.do("DELETE", "/credentials/"+ids["otp"], "", anna).is(204, "")
	p.do("DELETE", "/credentials/"+ids["otp"], "", anna).is(404, missing)
	details := map[string]any{"credential_type": "otp", "selected_credential_id": ids["otp"], "credential_user_label": "Phone"}
	var kinds []string
	for _, e := range p.events("REMOVE_TOTP", "REMOVE_CREDENTIAL") {
		kinds = append(kinds, fmt.Sprint(e["type"], " ", e["clientId"]))
		if diff := cmp.Diff(details, e["details"]); diff != "" {
			t.Errorf("event (-want +got):\n%s", diff)
		}
	}
	if len(kinds) != 2 {
		t.Errorf("events %v", kinds)
	}
	p.as("anna") // the password still works
	if diff := cmp.Diff(bobs, p.credentialIDs(bob)); diff != "" {
		t.Errorf("somebody else's credentials changed (-want +got):\n%s", diff)
	}
}

// TestGroups_OnesOwn by name; more of them with briefRepresentation=false.
func TestGroups_OnesOwn(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	anna := p.as("anna")
	list := read[[]object](p.get("/groups", anna))
	if len(list) != 2 {
		t.Fatalf("%d groups", len(list))
	}
	crew, night := list[0]["id"], list[1]["id"]
	brief := []object{
		{"id": crew, "name": "crew", "path": "/crew", "subGroups": []any{}},
		{"id": night, "name": "night", "path": "/crew/night", "parentId": crew, "subGroups": []any{}},
	}
	if diff := cmp.Diff(brief, list); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
	full := read[[]object](p.get("/groups?briefRepresentation=false", anna))[0]
	want := object{"id": crew, "name": "crew", "path": "/crew", "subGroups": []any{}, "attributes": object{"a": []any{"b"}}, "realmRoles": []any{}, "clientRoles": object{}}
	if diff := cmp.Diff(want, full); diff != "" {
		t.Errorf("group in full (-want +got):\n%s", diff)
	}
	if bob := p.person("carl", "view-groups"); p.get("/groups", bob).Body != "[]" {
		t.Error("somebody without groups sees some")
	}
}

// TestOthers_WhatIsNotHere answers as a Keycloak without it.
func TestOthers_WhatIsNotHere(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	anna := p.as("anna")
	p.get("/linked-accounts?linked=true&first=0&max=5&search=x", anna).is(200, "[]")
	p.get("/linked-accounts?first=x", anna).is(404, `{"error":"HTTP 404 Not Found"}`)
	p.get("/linked-accounts/x", anna).is(404, `{"errorMessage":"Legacy client-initiated account linking is disabled. Use AIA with kc_action=idp_link instead."}`)
	p.do("DELETE", "/linked-accounts/x", "", anna).is(400, `{"errorMessage":"identityProviderNotFoundMessage"}`)
	for _, path := range []string{"/resources", "/resources/shared-with-me", "/resources/x"} {
		p.get(path, anna).is(403, `{"errorMessage":"User-managed access not enabled"}`)
	}
	for _, path := range []string{"/organizations", "/password", "/totp", "/nope"} {
		p.get(path, anna).is(404, `{"error":"HTTP 404 Not Found"}`)
	}
	for _, route := range []string{"POST /credentials/password", "PUT /sessions", "PATCH /"} {
		method, path, _ := strings.Cut(route, " ")
		if got := p.do(method, path, "{}", anna); got.Status != 405 && got.Status != 404 {
			t.Errorf("%s = %d", route, got.Status)
		}
	}
}
