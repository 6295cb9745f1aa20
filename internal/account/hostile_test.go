package account_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/account"
)

// hostile are bodies that no route wants.
var hostile = []string{
	"", " ", "null", "true", "0", "-1e999", `""`, `"x"`, "[]", "[[]]", "{}", "{", `{"a":`, "\xff\xfe", `"\u0000"`, "\ufeff{}", `{"":null}`,
	`{"username":{"a":[]}}`, `{"username":null,"email":null,"firstName":null,"lastName":null}`, `{"attributes":{"locale":{"x":1}}}`, `{"attributes":[[]]}`, `{"email":"` + strings.Repeat("é@", 300) + `"}`,
	`{"email":"a@` + strings.Repeat("b.", 200) + `c","firstName":"` + strings.Repeat("\\ud800", 50) + `","lastName":"x"}`, `{"emailVerified":"maybe"}`,
	`{"grantedScopes":[{"id":["x"]}]}`, `{"grantedScopes":[{"id":"` + strings.Repeat("x", 5000) + `"}]}`, `{"grantedScopes":{}}`, `{"grantedScopes":[[]]}`, `{"grantedScopes":[{}]}`,
	strings.Repeat("[", 20_000), strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000), `"` + strings.Repeat("x", 70_000) + `"`,
}

// words are put into every place of a path and every parameter.
var words = []string{
	"x", "%20", "%25", "'%22%3C%3E--", "%F0%9F%92%A9", "%00", "%ff", "..%2F..", "%2e%2e", strings.Repeat("a", 3000), "-1", "99999999999999999999", "true", "null", "*",
}

// TestHostile_NoRouteFails: whatever is sent, with a token that opens all, the
// answer is a success or an error of the caller, in one of Keycloak's shapes.
func TestHostile_NoRouteFails(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	anna := p.as("anna")
	try := func(method, path, contentType, body string) {
		u, err := url.ParseRequestURI(path)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		r := httptest.NewRequest(method, p.srv.BaseURL+"/", strings.NewReader(body))
		r.URL.Path, r.URL.RawPath, r.URL.RawQuery = u.Path, u.RawPath, u.RawQuery
		r.Header = http.Header{"Accept": {"application/json"}, "Content-Type": {contentType}, "Authorization": {"Bearer " + anna}}
		w := httptest.NewRecorder()
		p.srv.Handler().ServeHTTP(w, r)
		var shape map[string]any
		if w.Code >= 500 || w.Code >= 400 && (json.Unmarshal(w.Body.Bytes(), &shape) != nil || shape["error"] == nil && shape["errorMessage"] == nil && shape["errors"] == nil) {
			t.Errorf("%s %.80s with %.60q: %d %.200s", method, path, body, w.Code, w.Body)
		}
	}
	for _, rt := range account.RouteTable() {
		at := "/realms/r/account" + rt.Path
		for _, body := range hostile {
			try(rt.Method, strings.NewReplacer("{id}", "x", "{client}", "portal", "{alias}", "x").Replace(at), "application/json", body)
		}
		for _, kind := range []string{"text/plain", "", "application/x-www-form-urlencoded", "a/b/c;;"} {
			try(rt.Method, paths.Replace(at), kind, "{}")
		}
		for _, word := range words {
			if rt.Path != "/sessions" || rt.Method != "DELETE" { // current=true would end the test
				for _, name := range []string{"first", "max", "name", "type", "user-credentials", "userProfileMetadata", "briefRepresentation", "kc_locale"} {
					try(rt.Method, paths.Replace(at)+"?"+name+"="+word, "application/json", "{}")
				}
			}
			if strings.Contains(at, "{") {
				try(rt.Method, strings.NewReplacer("{id}", word, "{client}", word, "{alias}", word).Replace(at), "application/json", `{"grantedScopes":[]}`)
			}
		}
	}
	p.get("", anna).want(200)
}

// TestHostile_LanguagesOfRequests: a text's language is chosen among those that
// are there.
func TestHostile_LanguagesOfRequests(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	p.realmWith(object{"internationalizationEnabled": true, "supportedLocales": []string{"en", "de"}})
	anna := p.as("anna")
	p.do("PUT", "/applications/asks/consent", `{"grantedScopes":[{"id":"`+p.scopeID("email")+`"}]}`, anna).want(200)
	for _, accept := range []string{strings.Repeat("de;q=0.1,", 2000), ";;q=,", "../../etc", "de-\u0000"} {
		p.do("GET", "/applications", "", anna, "Accept-Language", accept).want(200)
	}
}

// TestBodies_AreBounded: 64 KiB, as at the protocol's endpoints.
func TestBodies_AreBounded(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	big := `{"firstName":"` + strings.Repeat("x", 70_000) + `"}`
	p.do("POST", "", big, p.as("anna")).is(413, `{"error":"invalid_request","error_description":"Request body is too large"}`)
}
