package ui

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// LocaleCookie keeps the language a person chose.
const LocaleCookie = "KEYCLOAK_LOCALE"

// Locales are a realm's settings for languages.
type Locales struct {
	Enabled   bool     // internationalizationEnabled; false = English
	Supported []string // supportedLocales
	Default   string   // defaultLocale; "" = English
}

// Asked is what one request says about languages, "" where it says nothing.
type Asked struct {
	Selected       string // kc_locale: the person's choice on this page
	User           string // the user's attribute locale
	UILocales      string // ui_locales, separated by spaces, best first
	Cookie         string // KEYCLOAK_LOCALE
	AcceptLanguage string // the header
}

// Choose returns the language of a page, one of the realm's supported locales
// that has texts, or the realm's default, or English. Earlier members of Asked
// win, as in Keycloak's DefaultLocaleSelectorProvider.
func Choose(realm Locales, asked Asked) string {
	if !realm.Enabled {
		return English
	}
	for _, tags := range [][]string{
		{asked.Selected}, {asked.User}, strings.Fields(asked.UILocales), {asked.Cookie}, acceptable(asked.AcceptLanguage),
	} {
		for _, tag := range tags {
			if found := match(realm.Supported, tag); found != "" {
				return found
			}
		}
	}
	if hasTexts(realm.Default) {
		return realm.Default
	}
	return English
}

// match finds the supported locale for a tag: the same one, else one of the
// same language when either names no country ("de" and "de-AT", not "de-AT"
// and "de-CH"); "" for none.
func match(supported []string, tag string) string {
	best := ""
	for _, s := range supported {
		if !hasTexts(s) || base(s) != base(tag) {
			continue
		}
		if strings.EqualFold(region(s), region(tag)) {
			return s
		}
		if best == "" && (region(s) == "" || region(tag) == "") {
			best = s
		}
	}
	return best
}

// base is the language of a tag in lower case: "de" of "de-AT" and "de_AT".
func base(tag string) string {
	lang, _, _ := strings.Cut(strings.ReplaceAll(tag, "_", "-"), "-")
	return strings.ToLower(lang)
}

// region is what follows the language, as "AT" in "de-AT".
func region(tag string) string {
	_, rest, _ := strings.Cut(strings.ReplaceAll(tag, "_", "-"), "-")
	return rest
}

func hasTexts(tag string) bool { return catalogue[base(tag)] != nil }

// maxAccepted is how many languages of an Accept-Language header are looked at.
const maxAccepted = 32

// acceptable are the languages of an Accept-Language header, best first
// (RFC 9110 §12.5.4). Those with weight 0 or a weight that is none are left out.
func acceptable(header string) []string {
	type weighted struct {
		tag string
		q   float64
	}
	var list []weighted
	for part := range strings.SplitSeq(header, ",") {
		tag, params, _ := strings.Cut(part, ";")
		q, ok := weight(params)
		if tag = strings.TrimSpace(tag); tag != "" && tag != "*" && ok {
			list = append(list, weighted{tag, q})
		}
		if len(list) == maxAccepted {
			break
		}
	}
	slices.SortStableFunc(list, func(a, b weighted) int { return cmp.Compare(b.q, a.q) })
	out := make([]string, len(list))
	for i, w := range list {
		out[i] = w.tag
	}
	return out
}

// weight reads "q=0.8"; nothing is 1.
func weight(params string) (float64, bool) {
	params = strings.TrimSpace(params)
	if params == "" {
		return 1, true
	}
	value, ok := strings.CutPrefix(strings.ToLower(params), "q=")
	q, err := strconv.ParseFloat(value, 64)
	return q, ok && err == nil && q > 0 && q <= 1
}
