package admin

import (
	"errors"
	"io"
	"mime"
	"net/http"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/web"
)

const textsPath = "/{realm}/localization/{locale}"

var localizationRoutes = []route{
	{"GET", "/{realm}/localization", anyAdmin, (*call).listTextLocales},
	{"GET", textsPath, anyAdmin, (*call).getTexts},
	{"POST", textsPath, manageRealm, (*call).postTexts},
	{"DELETE", textsPath, manageRealm, (*call).deleteTexts},
	{"GET", textsPath + "/{key}", anyAdmin, (*call).getText},
	{"PUT", textsPath + "/{key}", manageRealm, (*call).putText},
	{"DELETE", textsPath + "/{key}", manageRealm, (*call).deleteText},
}

var (
	errNoText   = web.AdminError(404, "Localization text not found")
	errPlain    = web.AdminError(415, "The content-type header value did not match the value in @Consumes")
	errTextSize = web.ErrorMessage(413, "The text is too long")
)

// maxText bounds the body of PUT localization/{locale}/{key}, in bytes.
const maxText = 64 << 10

func (c *call) locale() string { return c.r.PathValue("locale") }

func (c *call) listTextLocales() error { return c.answer(keycloak.TextLocales(c.snap.Realm)) }

// texts are the realm's own texts in the locale of the path; as asked for,
// those of its default locale where that has none.
func (c *call) texts() map[string]string {
	all := c.snap.Realm.AllTexts()
	texts := all[c.locale()]
	if _, _, def := c.snap.Realm.Internationalization(); texts == nil && c.isSet("useRealmDefaultLocaleFallback", false) {
		texts = all[def]
	}
	return texts
}

func (c *call) getTexts() error {
	texts := c.texts()
	if texts == nil {
		texts = map[string]string{}
	}
	return c.answer(texts)
}

func (c *call) getText() error {
	text, ok := c.texts()[c.r.PathValue("key")]
	if !ok {
		return errNoText
	}
	c.w.Header().Set("Content-Type", "text/plain;charset=UTF-8")
	_, err := io.WriteString(c.w, text)
	return err
}

// changeTexts changes the texts of the locale of the path. They are realm
// settings, and the event says so.
func (c *call) changeTexts(change func(map[string]string) (map[string]string, error)) error {
	rec := c.record(deed{op: opUpdate, on: onRealm, path: "localization/" + c.locale()})
	err := c.change(rec, func(cfg *model.Config) (*store.ConfigChange, error) {
		next, err := keycloak.WithTexts(cfg.Realm, c.locale(), change)
		return &store.ConfigChange{Realm: next}, err
	})
	if err != nil {
		return err
	}
	return c.noContent()
}

func (c *call) postTexts() error {
	doc, err := c.body()
	if err != nil {
		return err
	}
	set, removed, err := keycloak.ReadTexts(doc)
	var fault *keycloak.DocumentError
	if errors.As(err, &fault) {
		return errBadJSON
	}
	return c.changeTexts(func(texts map[string]string) (map[string]string, error) {
		if texts == nil {
			texts = map[string]string{}
		}
		for k, v := range set {
			texts[k] = v
		}
		for _, k := range removed {
			delete(texts, k)
		}
		return texts, nil
	})
}

func (c *call) putText() error {
	if kind, _, _ := mime.ParseMediaType(c.r.Header.Get("Content-Type")); kind != "text/plain" && kind != "" {
		return errPlain
	}
	text, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, maxText))
	var long *http.MaxBytesError
	if errors.As(err, &long) {
		return errTextSize
	}
	if err != nil {
		return err
	}
	return c.changeTexts(func(texts map[string]string) (map[string]string, error) {
		if texts == nil {
			texts = map[string]string{}
		}
		texts[c.r.PathValue("key")] = string(text)
		return texts, nil
	})
}

func (c *call) deleteText() error {
	return c.changeTexts(func(texts map[string]string) (map[string]string, error) {
		key := c.r.PathValue("key")
		if _, ok := texts[key]; !ok {
			return nil, errNoText
		}
		delete(texts, key)
		return texts, nil
	})
}

func (c *call) deleteTexts() error {
	return c.changeTexts(func(texts map[string]string) (map[string]string, error) {
		if texts == nil {
			return nil, web.AdminError(404, "No localization texts for locale "+c.locale()+" found.")
		}
		return nil, nil
	})
}
