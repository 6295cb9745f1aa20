package web_test

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/web"
)

type person struct {
	Name string `json:"name"`
	Age  int    `json:"age"`
}

func TestDecodeJSON(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		body string
		code string // of the 400, "" for none
		want person
	}{
		{`{"name":"a","age":3}`, "", person{"a", 3}},
		{`{}`, "", person{}},
		{`{"nope":1,"name":"a"}`, "", person{Name: "a"}},
		{`{"name":"a"} trailing`, "", person{Name: "a"}},
		{"\uFEFF" + `{"name":"a"}`, "", person{Name: "a"}},
		{`{"name":"\\u0000"}`, "", person{Name: `\u0000`}},
		{`{"name":"\u0000"}`, "invalid_request", person{}},
		{`{"name":"\\\u0000"}`, "invalid_request", person{}},
		{``, "invalid_request", person{}},
		{`null`, "invalid_request", person{}},
		{`{`, "invalid_request", person{}},
		{`{"name":"a",}`, "invalid_request", person{}},
		{`{'name':'a'}`, "invalid_request", person{}},
		{`[]`, "unknown_error", person{}},
		{`"x"`, "unknown_error", person{}},
		{`{"name":["a"]}`, "unknown_error", person{}},
		{`{"age":"x"}`, "unknown_error", person{}},
		{`{"age":99999999999999999999}`, "unknown_error", person{}},
		{strings.Repeat("[", 20000), "invalid_request", person{}},
		{strings.Repeat(`{"a":`, 3000) + "1" + strings.Repeat("}", 3000), "", person{}},
	} {
		var got person
		err := web.DecodeJSON(post("application/json", tt.body), &got)
		if tt.code == "" {
			if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
				t.Errorf("DecodeJSON(%.40q): %v (-want +got):\n%s", tt.body, err, diff)
			}
			continue
		}
		want := web.OAuthError(400, tt.code, "Cannot parse the JSON")
		if diff := cmp.Diff(error(want), err); diff != "" {
			t.Errorf("DecodeJSON(%.40q) (-want +got):\n%s", tt.body, diff)
		}
	}
}

func TestDecodeJSON_ContentType(t *testing.T) {
	t.Parallel()
	for contentType, want := range map[string]int{
		"": 0, "application/json": 0, "APPLICATION/JSON": 0, "application/json; charset=utf-8": 0, "application/*": 0,
		"text/plain": 415, "text/json": 415, "application/vnd.x+json": 415, web.TypeForm: 415, "x;y;;": 415, "/": 415,
	} {
		var v person
		if err := web.DecodeJSON(post(contentType, "{}"), &v); status(err) != want {
			t.Errorf("%q: %v, want %d", contentType, err, want)
		}
	}
	r := httptest.NewRequest("POST", "/", nil)
	r.Body = nil
	if err := web.DecodeJSON(r, new(person)); status(err) != 400 {
		t.Errorf("no body: %v", err)
	}
}

func TestReadText(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		contentType, body string
		status            int
	}{
		{"", "x", 0}, {"text/plain;charset=utf-8", "ä", 0}, {"text/plain", "", 0}, {"application/json", "x", 415},
		{"text/plain", "\xff", 400}, {"text/plain", "a\x00", 400}, {"text/plain", strings.Repeat("x", 21), 413},
	} {
		got, err := web.ReadText(post(tt.contentType, tt.body), 20)
		if status(err) != tt.status || tt.status == 0 && got != tt.body {
			t.Errorf("%q as %q = %q, %v, want %d", tt.body, tt.contentType, got, err, tt.status)
		}
	}
}

type refusing struct{}

func (refusing) UnmarshalJSON([]byte) error { return web.AdminError(409, "mine") }

func TestDecodeJSON_KeepsErrorsOfTypes(t *testing.T) {
	t.Parallel()
	var v struct{ X refusing }
	if err := web.DecodeJSON(post("", `{"X":1}`), &v); status(err) != 409 {
		t.Errorf("DecodeJSON = %v, want the type's own error", err)
	}
}

func TestWriteJSON(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", web.TypeJSONUTF8)
	if err := web.WriteJSON(w, 201, person{"<ä>", 1}); err != nil {
		t.Fatal(err)
	}
	wantAnswer(t, w, 201, `{"name":"<ä>","age":1}`)
	if h := w.Header(); h.Get("Content-Type") != web.TypeJSONUTF8 || h.Get("Content-Length") != "23" {
		t.Errorf("headers = %v", h)
	}
	w = httptest.NewRecorder()
	if err := web.WriteJSON(w, 200, make(chan int)); err == nil || len(w.Header()) != 0 {
		t.Errorf("WriteJSON of a channel = %v, headers %v", err, w.Header())
	}
}

func TestWriteRaw_NoContentHasNoLength(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	if err := web.WriteRaw(w, 204, "", nil); err != nil {
		t.Fatal(err)
	}
	if w.Code != 204 || len(w.Header()) != 0 {
		t.Errorf("answer = %d %v", w.Code, w.Header())
	}
}

// Recording admin-writes, steps 9 and 10.
func TestPaging(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		query        string
		first, limit int
		status       int
	}{
		{"", 0, -1, 0}, {"first=&max=", 0, -1, 0}, {"first=-1", 0, -1, 0}, {"first=-5&max=-5", 0, -1, 0}, {"first=3&max=7", 3, 7, 0},
		{"max=0", 0, 0, 0}, {"max=%2B1", 0, 1, 0}, {"first=0&first=1", 0, -1, 0}, {"max=2147483647", 0, 2147483647, 0},
		{"first=junk", 0, 0, 404}, {"max=junk", 0, 0, 404}, {"first=1.5", 0, 0, 404}, {"max=2147483648", 0, 0, 404}, {"max=%20", 0, 0, 404},
		{"first=+1", 0, 0, 404}, {"first=0x1", 0, 0, 404}, {"first=1_0", 0, 0, 404},
	} {
		r := httptest.NewRequest("GET", "/?"+tt.query, nil)
		first, limit, err := web.Paging(r)
		if first != tt.first || limit != tt.limit || status(err) != tt.status {
			t.Errorf("Paging(%q) = %d, %d, %v; want %d, %d, %d", tt.query, first, limit, err, tt.first, tt.limit, tt.status)
		}
	}
}

func TestQueryBool(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][2]bool{"true": {true, true}, "TRUE": {true, true}, "false": {false, true}, "junk": {false, true}, "": {false, false}} {
		value, set := web.QueryBool(httptest.NewRequest("GET", "/?x="+url.QueryEscape(in), nil), "x")
		if got := [2]bool{value, set}; got != want {
			t.Errorf("QueryBool(%q) = %v, want %v", in, got, want)
		}
	}
}
