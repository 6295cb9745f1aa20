package ui

import (
	"html"
	"strings"
)

// plain is the text of a piece of HTML: without tags and comments, and without
// what script and style contain. The result is text, to be escaped as any other.
func plain(s string) string {
	if !strings.ContainsAny(s, "<&") {
		return strings.TrimSpace(s)
	}
	var b strings.Builder
	for s != "" {
		text, rest, tag := strings.Cut(s, "<")
		b.WriteString(text)
		if !tag {
			break
		}
		if !startsTag(rest) {
			b.WriteByte('<')
			s = rest
			continue
		}
		b.WriteByte(' ')
		s = afterTag(rest)
	}
	return strings.Join(strings.Fields(html.UnescapeString(b.String())), " ")
}

func startsTag(s string) bool {
	return s != "" && (s[0] == '/' || s[0] == '!' || s[0] == '?' || s[0]|0x20 >= 'a' && s[0]|0x20 <= 'z')
}

// afterTag is what follows the tag whose "<" was just read.
func afterTag(s string) string {
	if strings.HasPrefix(s, "!--") {
		_, rest, _ := strings.Cut(s, "-->")
		return rest
	}
	tag, rest, _ := strings.Cut(s, ">")
	for _, name := range []string{"script", "style"} {
		if len(tag) < len(name) || !strings.EqualFold(tag[:len(name)], name) {
			continue
		}
		end := strings.Index(strings.ToLower(rest), "</"+name)
		if end < 0 {
			return ""
		}
		_, rest, _ = strings.Cut(rest[end:], ">")
	}
	return rest
}
