package keycloak

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/latchkey-id/latchkey/internal/model"
)

// memberTexts is where a realm keeps its own texts, by locale and key.
const memberTexts = "localizationTexts"

// Bounds of texts, beyond which the realm's document would be no document.
const (
	maxLocales   = 200
	maxTexts     = 5000      // of one locale
	maxTextBytes = 64 * 1024 // of one text
)

// TextLocales are the locales that the realm has texts of its own for.
func TextLocales(r *model.Realm) []string {
	return append([]string{}, slices.Sorted(maps.Keys(r.AllTexts()))...)
}

// WithTexts is the realm with change applied to its texts of a locale. change
// may return nil, to remove the locale.
//
// Errors: *DocumentError, change's own.
func WithTexts(r *model.Realm, locale string, change func(map[string]string) (map[string]string, error)) (*model.Realm, error) {
	all := maps.Clone(table(r.AllTexts()))
	texts, err := change(maps.Clone(all[locale]))
	if err != nil {
		return nil, err
	}
	f := &reader{}
	if texts == nil {
		delete(all, locale)
	} else {
		f.checkName("locale", locale)
		all[locale] = texts
	}
	if len(all) > maxLocales || len(texts) > maxTexts {
		f.failf("", "more texts than a realm can hold (%d locales of %d texts)", maxLocales, maxTexts)
	}
	for k, v := range texts {
		f.checkName("key", k)
		if len(v) > maxTextBytes {
			f.failf(k, "must not be longer than %d bytes", maxTextBytes)
		}
	}
	if f.err != nil {
		return nil, f.err
	}
	raw, err := json.Marshal(all)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		raw = nil
	}
	return withExtra(r, memberTexts, raw), nil
}

// ReadTexts is the body of POST localization/{locale}: texts by key, and the
// keys whose text is null, which are removed.
//
// Errors: *DocumentError.
func ReadTexts(doc []byte) (set map[string]string, removed []string, err error) {
	f := body(doc)
	set = map[string]string{}
	for _, k := range slices.Sorted(maps.Keys(f.m)) {
		switch raw := f.m[k]; kind(raw) {
		case 0:
			removed = append(removed, k)
		case 's':
			set[k] = unquote(raw)
		case 'n', 'b':
			set[k] = string(raw)
		default:
			f.failf("", notText)
		}
	}
	return set, removed, f.fault()
}

// notText is what is wrong with a text that is a list or an object.
const notText = "must be an object"
