package model

import (
	"testing"
	"unicode/utf8"
)

// TestParseUserAgent_AsKeycloakShows: every line was asked of Keycloak 26.7.2,
// by a login with that header and the list of devices.
func TestParseUserAgent_AsKeycloakShows(t *testing.T) {
	t.Parallel()
	const windows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
	for header, want := range map[string]UserAgent{
		windows + "Chrome/120.0.6099.71 Safari/537.36":                                                                                                       {"Chrome/120.0.6099", "Windows", "10", "Other", false},
		windows + "Chrome/120.0.0.0 Safari/537.36 Edg/120.0.2210.61":                                                                                         {"Edge/120.0.2210", "Windows", "10", "Other", false},
		windows + "Chrome/119.0.0.0 Safari/537.36 OPR/105.0.0.0":                                                                                             {"Opera/105.0.0", "Windows", "10", "Other", false},
		windows + "Chrome/120.0.0.0 Safari/537.36 Vivaldi/6.5.3206.39":                                                                                       {"Vivaldi/6.5.3206", "Windows", "10", "Other", false},
		"Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko":                                                                              {"IE/11.0", "Windows", "10", "Other", false},
		"Mozilla/5.0 (Windows NT 6.1; Win64; x64; rv:109.0) Gecko/20100101 Firefox/115.0":                                                                    {"Firefox/115.0", "Windows", "7", "Other", false},
		"Mozilla/5.0 (Windows NT 6.3; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/109.0.0.0 Safari/537.36":                                     {"Chrome/109.0.0", "Windows", "8.1", "Other", false},
		"Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.19041.1682":                                                                  {"WindowsPowerShell/5.1.19041", "Windows", "10", "Other", false},
		"Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0":                                                                             {"Firefox/121.0", "Linux", "Unknown", "Other", false},
		"Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0":                                                                     {"Firefox/121.0", "Ubuntu", "Unknown", "Other", false},
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/120.0.6099.71 Safari/537.36":                                  {"HeadlessChrome/120.0.6099", "Linux", "Unknown", "Other", false},
		"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36":                                     {"Chrome/120.0.0", "Chrome OS", "14541.0.0", "Other", false},
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.2 Safari/605.1.15":                              {"Safari/17.2", "Mac OS X", "10.15.7", "Mac", false},
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:109.0) Gecko/20100101 Firefox/121.0":                                                               {"Firefox/121.0", "Mac OS X", "10.15", "Mac", false},
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.2 Mobile/15E148 Safari/604.1":            {"Mobile Safari/17.2", "iOS", "17.2", "iPhone", true},
		"Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.6 Mobile/15E148 Safari/604.1":                     {"Mobile Safari/16.6", "iOS", "16.6", "iPad", true},
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/120.0.6099.119 Mobile/15E148 Safari/604.1":    {"Chrome Mobile iOS/120.0.6099", "iOS", "17.2", "iPhone", true},
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/120.0 Mobile/15E148 Safari/605.1.15":          {"Firefox iOS/120.0", "iOS", "17.2", "iPhone", true},
		"Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.6099.43 Mobile Safari/537.36":                          {"Chrome Mobile/120.0.6099", "Android", "14", "Pixel 8", true},
		"Mozilla/5.0 (Linux; Android 13; SM-X700) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36":                                     {"Chrome/120.0.0", "Android", "13", "SM-X700", false},
		"Mozilla/5.0 (Android 13; Mobile; rv:121.0) Gecko/121.0 Firefox/121.0":                                                                               {"Firefox Mobile/121.0", "Android", "13", "Generic Smartphone", true},
		"Mozilla/5.0 (Linux; Android 13; SAMSUNG SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/23.0 Chrome/115.0.0.0 Mobile Safari/537.36": {"Samsung Internet/23.0", "Android", "13", "Samsung SM-S918B", true},
		"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)":                                                                           {"Googlebot/2.1", "Other", "Unknown", "Spider", false},
		"curl/7.88.1":                             {"curl/7.88.1", "Other", "Unknown", "Other", false},
		"Go-http-client/1.1":                      {"Go-http-client/1.1", "Other", "Unknown", "Other", false},
		"python-requests/2.31.0":                  {"Python Requests/2.31", "Other", "Unknown", "Other", false},
		"Python-urllib/3.11":                      {"Python-urllib/3.11", "Other", "Unknown", "Spider", false},
		"Apache-HttpClient/4.5.14 (Java/17.0.9)":  {"Apache-HttpClient/4.5.14", "Other", "Unknown", "Other", false},
		"Apache-HttpClient/UNAVAILABLE (Java/21)": {"Apache-HttpClient/Unknown", "Other", "Unknown", "Other", false},
		"Java/17.0.2":                             {"Java/17.0.2", "Other", "Unknown", "Spider", false},
		"MyApp/1.2.3 (Linux)":                     {"Other/Unknown", "Linux", "Unknown", "Other", false},
		"foo bar":                                 UnknownUserAgent,
		"":                                        UnknownUserAgent,
	} {
		if got := ParseUserAgent(header); got != want {
			t.Errorf("ParseUserAgent(%q)\n got %+v\nwant %+v", header, got, want)
		}
		if got := UserAgentOf(ParseUserAgent(header).Note()); got != want {
			t.Errorf("UserAgentOf(Note) of %q = %+v, want %+v", header, got, want)
		}
	}
}

// FuzzParseUserAgent: what any header becomes is short, printable and comes
// back from its note.
func FuzzParseUserAgent(f *testing.F) {
	f.Add("Mozilla/5.0 (Linux; Android 14; Pixel 8) Chrome/120.0.6099.43 Mobile Safari/537.36")
	f.Add("Android ;\t\x00\xff)Firefox/_._")
	f.Fuzz(func(t *testing.T, header string) {
		a := ParseUserAgent(header)
		note := a.Note()
		if UserAgentOf(note) != a || !utf8.ValidString(note) || len(note) > 150 {
			t.Errorf("ParseUserAgent(%q) = %+v, note %q", header, a, note)
		}
	})
}

func TestUserAgent_SaysWhatIsKnown(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"": "",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:121.0) Gecko/20100101 Firefox/121.0": "Firefox/121.0, Windows 10",
		"curl/8.4.0": "curl/8.4.0",
	} {
		if got := UserAgentOf(ParseUserAgent(header).Note()).String(); got != want {
			t.Errorf("agent of %q = %q, want %q", header, got, want)
		}
	}
}
