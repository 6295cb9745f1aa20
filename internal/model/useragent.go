package model

import (
	"strings"
	"unicode"
)

// UserAgent is what a person is told about the program and the device of a
// login: names and versions in the words Keycloak shows. A guess from what the
// program said of itself, never to be relied on.
type UserAgent struct {
	Browser   string // "Firefox/121.0", or the program's name
	OS        string // "Windows"
	OSVersion string // "10"
	Device    string // "iPhone", "Mac", "Pixel 8"; "Spider" for programs
	Mobile    bool
}

// UnknownUserAgent is that of a login of which nothing is known.
var UnknownUserAgent = UserAgent{Browser: "Other/Unknown", OS: "Other", OSVersion: "Unknown", Device: "Other"}

// NoteUserAgent is the session note that holds UserAgent.Note.
const NoteUserAgent = "browser"

// maxUserAgent is the longest User-Agent header that is looked at, in bytes.
const maxUserAgent = 512

// ParseUserAgent reads a User-Agent header: modestly, the browsers and programs
// people and scripts really use. Whatever it does not know is that of
// UnknownUserAgent.
func ParseUserAgent(header string) UserAgent {
	a := UnknownUserAgent
	if len(header) > maxUserAgent {
		return a
	}
	a.OS, a.OSVersion = osOf(header)
	a.Device, a.Mobile = deviceOf(header)
	for _, p := range programs {
		if version, ok := p.in(header); ok {
			a.Browser = p.name + "/" + version
			if p.spider {
				a.Device = "Spider"
			}
			break
		}
	}
	return a
}

// program is a browser or another program, known by a word of the header.
type program struct {
	word   string // before the version
	name   string
	needs  string // another word that must be there
	parts  int    // of the version that are shown
	spider bool
}

// programs are looked for in this order: most browsers also name those they
// come from.
var programs = []program{
	{word: "Googlebot/", name: "Googlebot", parts: 3, spider: true},
	{word: "Edg/", name: "Edge", parts: 3},
	{word: "EdgA/", name: "Edge Mobile", parts: 3},
	{word: "EdgiOS/", name: "Edge Mobile", parts: 3},
	{word: "OPR/", name: "Opera", parts: 3},
	{word: "Vivaldi/", name: "Vivaldi", parts: 3},
	{word: "SamsungBrowser/", name: "Samsung Internet", parts: 2},
	{word: "HeadlessChrome/", name: "HeadlessChrome", parts: 3},
	{word: "CriOS/", name: "Chrome Mobile iOS", parts: 3},
	{word: "FxiOS/", name: "Firefox iOS", parts: 3},
	{word: "Chrome/", name: "Chrome Mobile", needs: " Mobile ", parts: 3},
	{word: "Chrome/", name: "Chrome", parts: 3},
	{word: "Firefox/", name: "Firefox Mobile", needs: "Mobile;", parts: 3},
	{word: "Firefox/", name: "Firefox", parts: 3},
	{word: "Version/", name: "Mobile Safari", needs: "Mobile/", parts: 3},
	{word: "Version/", name: "Safari", needs: "Safari/", parts: 3},
	{word: "rv:", name: "IE", needs: "Trident/", parts: 3},
	{word: "WindowsPowerShell/", name: "WindowsPowerShell", parts: 3},
	{word: "python-requests/", name: "Python Requests", parts: 2},
	{word: "Python-urllib/", name: "Python-urllib", parts: 3, spider: true},
	{word: "Apache-HttpClient/", name: "Apache-HttpClient", parts: 3},
	{word: "Java/", name: "Java", parts: 3, spider: true},
	{word: "Go-http-client/", name: "Go-http-client", parts: 3},
	{word: "curl/", name: "curl", parts: 3},
	{word: "Wget/", name: "Wget", parts: 3},
	{word: "okhttp/", name: "okhttp", parts: 3},
	{word: "axios/", name: "axios", parts: 3},
	{word: "PostmanRuntime/", name: "PostmanRuntime", parts: 3},
}

// in finds the program in a header and reads its version.
func (p program) in(header string) (version string, ok bool) {
	_, rest, ok := strings.Cut(header, p.word)
	if !ok || !strings.Contains(header, p.needs) {
		return "", false
	}
	return versionOf(rest, p.parts), true
}

// versionOf is the version at the start of a text, at most parts numbers of it.
func versionOf(s string, parts int) string {
	const longest = 20
	s = s[:min(len(s), longest)]
	dots := 0
	end := strings.IndexFunc(s, func(c rune) bool {
		if c == '.' || c == '_' {
			dots++
			return dots == parts
		}
		return c < '0' || c > '9'
	})
	if end >= 0 {
		s = s[:end]
	}
	if s = strings.Trim(strings.ReplaceAll(s, "_", "."), "."); s == "" {
		return "Unknown"
	}
	return s
}

// windows are the names of Windows by the version it says.
var windows = map[string]string{"10.0": "10", "6.3": "8.1", "6.2": "8", "6.1": "7", "6.0": "Vista", "5.1": "XP"}

func osOf(header string) (name, version string) {
	after := func(word string) (string, bool) {
		_, rest, ok := strings.Cut(header, word)
		return rest, ok
	}
	if rest, ok := after("Windows NT "); ok {
		if name := windows[versionOf(rest, 2)]; name != "" {
			return "Windows", name
		}
	}
	if _, ok := after("Windows"); ok {
		return "Windows", "Unknown"
	}
	for _, mobile := range []string{"iPhone OS ", "CPU OS "} {
		if rest, ok := after(mobile); ok {
			return "iOS", versionOf(rest, 3)
		}
	}
	for _, known := range [][2]string{{"Mac OS X", "Mac OS X"}, {"Android", "Android"}, {"CrOS", "Chrome OS"}, {"Ubuntu", "Ubuntu"}, {"Linux", "Linux"}} {
		rest, ok := after(known[0])
		if !ok {
			continue
		}
		if known[0] == "CrOS" { // a machine's architecture first
			_, rest, _ = strings.Cut(strings.TrimPrefix(rest, " "), " ")
		}
		return known[1], versionOf(strings.TrimPrefix(rest, " "), 3)
	}
	return UnknownUserAgent.OS, UnknownUserAgent.OSVersion
}

func deviceOf(header string) (device string, mobile bool) {
	for _, apple := range []string{"iPhone", "iPad"} {
		if strings.Contains(header, "("+apple) {
			return apple, true
		}
	}
	if strings.Contains(header, "(Macintosh") {
		return "Mac", false
	}
	_, rest, ok := strings.Cut(header, "Android ")
	if !ok {
		return UnknownUserAgent.Device, false
	}
	mobile = strings.Contains(header, "Mobile")
	_, rest, _ = strings.Cut(rest, ";")
	name, _, _ := strings.Cut(rest, ")")
	name, _, _ = strings.Cut(name, " Build")
	name, _, _ = strings.Cut(name, ";")
	switch name = plainWord(name); {
	case name == "" || name == "Mobile" || name == "Tablet":
		if mobile {
			return "Generic Smartphone", true
		}
		return UnknownUserAgent.Device, false
	case strings.HasPrefix(name, "SAMSUNG "):
		return "Samsung " + strings.TrimPrefix(name, "SAMSUNG "), mobile
	}
	return name, mobile
}

// plainWord is a name without what no name has, and not too long.
func plainWord(s string) string {
	const longest = 40
	s = strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) || c == unicode.ReplacementChar {
			return -1
		}
		return c
	}, strings.TrimSpace(s))
	if r := []rune(s); len(r) > longest {
		s = string(r[:longest])
	}
	return s
}

// Note is the agent as a session keeps it: its fields between tabs, without
// those that are unknown; "" when all are.
func (a UserAgent) Note() string {
	fields := []string{a.Browser, a.OS, a.OSVersion, a.Device, ""}
	for i, unknown := range UnknownUserAgent.fields() {
		if *unknown == fields[i] {
			fields[i] = ""
		}
	}
	if a.Mobile {
		fields[4] = "m"
	}
	return strings.TrimRight(strings.Join(fields, "\t"), "\t")
}

// UserAgentOf reads what Note wrote.
func UserAgentOf(note string) UserAgent {
	a := UnknownUserAgent
	fields := strings.Split(note, "\t")
	for i, to := range a.fields() {
		if i < len(fields) && fields[i] != "" {
			*to = fields[i]
		}
	}
	a.Mobile = len(fields) > 4 && fields[4] == "m"
	return a
}

// String says the agent to an operator: "Firefox/121.0, Windows 10, Mac"; ""
// when nothing is known of it.
func (a UserAgent) String() string {
	var known []string
	if a.Browser != UnknownUserAgent.Browser {
		known = append(known, a.Browser)
	}
	if a.OS != UnknownUserAgent.OS {
		known = append(known, strings.TrimSuffix(a.OS+" "+a.OSVersion, " "+UnknownUserAgent.OSVersion))
	}
	if a.Device != UnknownUserAgent.Device {
		known = append(known, a.Device)
	}
	return strings.Join(known, ", ")
}

func (a *UserAgent) fields() []*string { return []*string{&a.Browser, &a.OS, &a.OSVersion, &a.Device} }
