package web_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/web"
)

func formOf(tb testing.TB, body string) (web.Form, error) {
	tb.Helper()
	return web.ParseForm(post(web.TypeForm, body))
}

func list(f web.Form) [][2]string {
	var out [][2]string
	for name, value := range f.All() {
		out = append(out, [2]string{name, value})
	}
	return out
}

func status(err error) int {
	var e *web.Error
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

func TestParseForm(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		body string
		want [][2]string
	}{
		{"", nil},
		{"a=1&b=2", [][2]string{{"a", "1"}, {"b", "2"}}},
		{"&&a=1&", [][2]string{{"a", "1"}}},
		{"a&b=", [][2]string{{"a", ""}, {"b", ""}}},
		{"=1", [][2]string{{"", "1"}}},
		{"a=b=c", [][2]string{{"a", "b=c"}}},
		{"a=1;b=2", [][2]string{{"a", "1;b=2"}}},
		{"p%61ss=%2B+%26", [][2]string{{"pass", "+ &"}}},
		{"a=%E2%82%AC", [][2]string{{"a", "€"}}},
		{"a=%ff%fe", [][2]string{{"a", "\uFFFD"}}},
	} {
		f, err := formOf(t, tt.body)
		if diff := cmp.Diff(tt.want, list(f)); err != nil || diff != "" {
			t.Errorf("ParseForm(%q): %v (-want +got):\n%s", tt.body, err, diff)
		}
	}
}

func TestParseForm_RefusesWhatIsNoText(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"a=%", "a=%4", "a=%zz", "%zz=1", "a=%00", "a=\x00", "%00=a"} {
		if _, err := formOf(t, body); status(err) != 400 {
			t.Errorf("ParseForm(%q) = %v, want 400", body, err)
		}
	}
}

func TestParseForm_RepeatedParameters(t *testing.T) {
	t.Parallel()
	var many strings.Builder
	for i := range 100 {
		fmt.Fprintf(&many, "p%d=1&", i)
	}
	long := "scope=" + strings.Repeat("x", 4001)
	for _, tt := range []struct {
		body string
		want error
	}{
		{"a=1&a=2", web.ErrDuplicated},
		{"a=1&a=1", web.ErrDuplicated},
		{"a&a=", web.ErrDuplicated},
		{"a=1&%61=1", web.ErrDuplicated},
		{"a=1&A=1", nil},
		{many.String(), nil},
		{many.String() + "p3=1", web.ErrDuplicated},
		{many.String() + "p99=1", web.ErrDuplicated},
		{many.String() + "q=1&q=1", web.ErrDuplicated},
		{long + "&scope=openid", web.ErrDuplicated},
		{long + "&" + many.String() + "scope=openid", web.ErrDuplicated},
	} {
		f, err := formOf(t, tt.body)
		if !errors.Is(err, tt.want) {
			t.Errorf("ParseForm(%.40q) = %v, want %v", tt.body, err, tt.want)
		}
		if v, ok := f.Lookup("a"); strings.HasPrefix(tt.body, "a=1") && (v != "1" || !ok) {
			t.Errorf("first value of %q = %q, %v", tt.body, v, ok)
		}
	}
}

// Keycloak takes parameters that are too long for absent ones.
func TestParseForm_LeavesOutWhatIsTooLong(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		length int
		kept   bool
	}{
		{"scope", 4000, true}, {"scope", 4001, false}, {"password", 4001, false}, {"foo", 4001, false},
		{"refresh_token", 20000, true}, {"refresh_token", 20001, false},
		{"subject_token", 20001, false}, {"token", 20000, true}, {"code", 20000, true}, {"client_assertion", 20001, false},
		{"username", 10000, true}, {"grant_type", 10000, true},
	} {
		for _, char := range []string{"x", "ä"} {
			f, err := formOf(t, tt.name+"="+strings.Repeat(char, tt.length))
			_, kept := f.Lookup(tt.name)
			if err != nil || kept != tt.kept || f.TooLong(tt.name) == tt.kept {
				t.Errorf("%s of %d %s: kept %v, too long %v, %v; want kept %v", tt.name, tt.length, char, kept, f.TooLong(tt.name), err, tt.kept)
			}
		}
	}
}

func TestParseForm_Limits(t *testing.T) {
	t.Parallel()
	params := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "%d&", i)
		}
		return b.String()
	}
	value := "username=" // one that may be as long as the body
	for _, tt := range []struct {
		name, body string
		want       int
	}{
		{"1000 parameters", params(1000), 0},
		{"1001 parameters", params(1001), 400},
		{"64 KiB", value + strings.Repeat("x", 64<<10-len(value)), 0},
		{"a byte more", value + strings.Repeat("x", 64<<10-len(value)+1), 413},
	} {
		for _, announced := range []bool{true, false} {
			r := post(web.TypeForm, tt.body)
			if !announced {
				r.ContentLength = -1
			}
			if _, err := web.ParseForm(r); status(err) != tt.want {
				t.Errorf("%s, length announced %v: %v, want %d", tt.name, announced, err, tt.want)
			}
		}
	}
	r := post(web.TypeForm, "a=1")
	r.ContentLength = 10
	if _, err := web.ParseForm(r); status(err) != 400 {
		t.Errorf("body shorter than announced = %v, want 400", err)
	}
}

// Recording bad-token-requests, step 32: a JSON body has no parameters.
func TestParseForm_OnlyFormBodiesCount(t *testing.T) {
	t.Parallel()
	for contentType, want := range map[string]int{
		web.TypeForm: 1, "application/x-www-form-urlencoded; charset=UTF-8": 1, "APPLICATION/X-WWW-FORM-URLENCODED": 1, "application/x-www-form-urlencoded;": 1,
		"": 0, "application/json": 0, "text/plain": 0, "multipart/form-data; boundary=x": 0, "x": 0, "/": 0, "application/x-www-form-urlencoded-x": 0,
	} {
		f, err := web.ParseForm(post(contentType, "a=1"))
		if got := len(list(f)); got != want || err != nil {
			t.Errorf("%q: %d parameters, %v; want %d", contentType, got, err, want)
		}
	}
	r := post(web.TypeForm, "")
	r.URL.RawQuery = "a=1"
	if f, err := web.ParseForm(r); f.Get("a") != "" || err != nil {
		t.Errorf("parameter of the query = %q, %v", f.Get("a"), err)
	}
	r.Body = http.NoBody
	if f, err := web.ParseForm(r); len(list(f)) != 0 || err != nil {
		t.Errorf("no body = %v, %v", list(f), err)
	}
}

func FuzzParseForm(f *testing.F) {
	for _, s := range []string{"", "a=1&b=2", "a=%41+%zz", "&&=&a", "a=1&a=2", "%00", "a=\xff", "a=1;b", "ä=%C3%A4"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		form, err := formOf(t, body)
		if err != nil && !errors.Is(err, web.ErrDuplicated) {
			if s := status(err); s != 400 && s != 413 {
				t.Fatalf("ParseForm = %v", err)
			}
			return
		}
		got, repeated := url.Values{}, false
		for name, value := range form.All() {
			if !utf8.ValidString(name) || !utf8.ValidString(value) || strings.ContainsRune(name+value, 0) {
				t.Errorf("%q=%q is no text", name, value)
			}
			repeated = repeated || got.Has(name)
			got.Add(name, value)
		}
		if strings.Contains(body, ";") || len(body) > web.MaxValue {
			return // url.ParseQuery refuses the one, we leave out the other
		}
		if repeated != errors.Is(err, web.ErrDuplicated) {
			t.Errorf("repeated = %v, error %v", repeated, err)
		}
		std, err := url.ParseQuery(body)
		if err != nil {
			t.Fatalf("ParseForm took what url.ParseQuery refuses: %v", err)
		}
		want := url.Values{}
		for name, values := range maps.All(std) {
			for _, v := range values {
				want.Add(strings.ToValidUTF8(name, "\uFFFD"), strings.ToValidUTF8(v, "\uFFFD"))
			}
		}
		if len(want) == len(std) { // else names met each other, in an order that is lost
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("against url.ParseQuery (-want +got):\n%s", diff)
			}
		}
	})
}

func BenchmarkParseForm(b *testing.B) {
	body := "grant_type=refresh_token&client_id=app&client_secret=password&refresh_token=" + strings.Repeat("x", 700)
	r := post(web.TypeForm, body)
	src := strings.NewReader(body)
	b.ReportAllocs()
	for b.Loop() {
		src.Reset(body)
		r.Body = readCloser{src}
		if f, err := web.ParseForm(r); err != nil || f.Get("refresh_token") == "" {
			b.Fatal(err)
		}
	}
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

func TestForm_Repeats(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", web.MaxValue+1)
	for _, tt := range []struct {
		body string
		want bool
	}{
		{"a=1&b=2", false},
		{"audience=1&audience=2", false},
		{"audience=1&audience=2&a=1&a=1", true},
		{"audience=1&audience=" + long, false},
		{"a=1&a=" + long, true},
		{"a=" + long + "&a=" + long, true},
	} {
		f, err := formOf(t, tt.body)
		if err != nil && !errors.Is(err, web.ErrDuplicated) {
			t.Fatal(err)
		}
		if got := f.Repeats("audience"); got != tt.want {
			t.Errorf("%.40q: Repeats = %t, want %t", tt.body, got, tt.want)
		}
	}
	f, _ := formOf(t, "audience=1&a=x&audience=2")
	if got := f.Values("audience"); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("Values = %q", got)
	}
}
