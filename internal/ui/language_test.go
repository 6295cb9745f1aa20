package ui

import (
	"slices"
	"strings"
	"testing"
)

func TestChoose(t *testing.T) {
	t.Parallel()
	both := Locales{Enabled: true, Supported: []string{"en", "de", "fr"}, Default: "de"}
	for _, tt := range []struct {
		name  string
		realm Locales
		asked Asked
		want  string
	}{
		{"switched off", Locales{Supported: []string{"de"}, Default: "de"}, Asked{UILocales: "de"}, "en"},
		{"nothing asked: the default", both, Asked{}, "de"},
		{"no default", Locales{Enabled: true, Supported: []string{"en", "de"}}, Asked{}, "en"},
		{"default without texts", Locales{Enabled: true, Supported: []string{"fr"}, Default: "fr"}, Asked{}, "en"},
		{"the choice on the page is first", both, Asked{Selected: "en", User: "de", UILocales: "de", Cookie: "de", AcceptLanguage: "de"}, "en"},
		{"then the user's own", both, Asked{User: "en", UILocales: "de", Cookie: "de"}, "en"},
		{"then ui_locales", both, Asked{UILocales: "en", Cookie: "de"}, "en"},
		{"then the cookie", both, Asked{Cookie: "en", AcceptLanguage: "de"}, "en"},
		{"then the header", both, Asked{AcceptLanguage: "en"}, "en"},
		{"ui_locales best first", both, Asked{UILocales: "fr nl en de"}, "en"},
		{"what is not supported is passed over", both, Asked{Selected: "nl", UILocales: "it", AcceptLanguage: "en"}, "en"},
		{"a country of a supported language", both, Asked{UILocales: "en-GB"}, "en"},
		{"a language whose country is supported", Locales{Enabled: true, Supported: []string{"de-AT"}}, Asked{UILocales: "de"}, "de-AT"},
		{"another country is another locale", Locales{Enabled: true, Supported: []string{"de-AT"}}, Asked{UILocales: "de-CH"}, "en"},
		{"the same locale before the same language", Locales{Enabled: true, Supported: []string{"de", "de-AT"}}, Asked{UILocales: "de-AT"}, "de-AT"},
		{"underscores and case", both, Asked{Cookie: "EN_us"}, "en"},
		{"weights of the header", both, Asked{AcceptLanguage: "fr;q=0.9, de;q=0.2, en;q=0.8"}, "en"},
		{"weight zero is refused", both, Asked{AcceptLanguage: "en;q=0"}, "de"},
		{"a weight that is none", both, Asked{AcceptLanguage: "en;q=x"}, "de"},
		{"any language", both, Asked{AcceptLanguage: "*"}, "de"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := Choose(tt.realm, tt.asked); got != tt.want {
				t.Errorf("Choose(%+v, %+v) = %q, want %q", tt.realm, tt.asked, got, tt.want)
			}
		})
	}
}

func FuzzChoose(f *testing.F) {
	f.Add("de-AT en", "de", "de;q=0.5, *;q=0.1")
	f.Add("", "_", ";;,,q=1;q=NaN")
	realm := Locales{Enabled: true, Supported: []string{"de", "en"}, Default: "de"}
	f.Fuzz(func(t *testing.T, locales, cookie, header string) {
		got := Choose(realm, Asked{UILocales: locales, Cookie: cookie, AcceptLanguage: header})
		if !slices.Contains(realm.Supported, got) {
			t.Errorf("Choose = %q, not a locale of the realm", got)
		}
		if list := acceptable(header); len(list) > maxAccepted || slices.ContainsFunc(list, func(s string) bool { return strings.Contains(s, ",") }) {
			t.Errorf("acceptable(%q) = %q", header, list)
		}
	})
}
