package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/latchkey-id/latchkey/internal/web"
)

// answer writes v as JSON with status 200.
func (c *call) answer(v any) error { return web.WriteJSON(c.w, http.StatusOK, v) }

func (c *call) noContent() error {
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// created answers 201 with the address of what was made; steps are path
// segments below the realm, escaped here.
func (c *call) created(steps ...string) error {
	c.locate(steps...)
	c.w.WriteHeader(http.StatusCreated)
	return nil
}

func (c *call) locate(steps ...string) {
	var b strings.Builder
	b.WriteString(c.base + prefix)
	if c.snap != nil {
		b.WriteString("/" + url.PathEscape(c.realmName()))
	}
	for _, s := range steps {
		b.WriteString("/" + url.PathEscape(s))
	}
	c.w.Header().Set("Location", b.String())
}

// body reads the request body, which must be JSON.
func (c *call) body() ([]byte, error) {
	var raw json.RawMessage
	if err := web.DecodeJSON(c.r, &raw); err != nil {
		return nil, err
	}
	return raw, nil
}

// unmarshal reads JSON of the expected shape; unknown members are ignored.
func unmarshal(doc []byte, v any) error {
	if json.Unmarshal(doc, v) != nil {
		return errBadJSON
	}
	return nil
}

// query is a query parameter, "" when absent.
func (c *call) query(name string) string { return c.r.URL.Query().Get(name) }

// flag reads a boolean of the query; nil when absent.
func (c *call) flag(name string) *bool {
	v, set := web.QueryBool(c.r, name)
	if !set {
		return nil
	}
	return &v
}

// isSet is flag with a default.
func (c *call) isSet(name string, def bool) bool {
	if v := c.flag(name); v != nil {
		return *v
	}
	return def
}

// page is a request for part of a list; max < 0 means no limit.
type page struct{ first, max int }

// noLimit is the default of lists that are short by nature.
const noLimit = -1

// page reads first and max; defaultMax stands for an absent or negative max.
func (c *call) page(defaultMax int) (page, error) {
	first, limit, err := web.Paging(c.r)
	if limit < 0 {
		limit = defaultMax
	}
	return page{first, limit}, err
}

// cut is the part of a list that p asks for.
func cut[T any](list []T, p page) []T {
	if p.first >= len(list) {
		return nil
	}
	list = list[p.first:]
	if p.max >= 0 && p.max < len(list) {
		list = list[:p.max]
	}
	return list
}

// each maps a list; the result is never nil, so that it is [] on the wire.
func each[T, R any](list []T, f func(T) R) []R {
	out := make([]R, 0, len(list))
	for _, x := range list {
		out = append(out, f(x))
	}
	return out
}

// optionalList reads a body that is a list of texts; no body is no list.
// Numbers and booleans count as text, as in Keycloak.
func (c *call) optionalList() ([]string, error) {
	if c.r.Body == nil || c.r.ContentLength == 0 {
		return nil, nil
	}
	doc, err := c.body()
	if err != nil {
		return nil, err
	}
	var list []any
	if err := unmarshal(doc, &list); err != nil {
		return nil, err
	}
	out := []string{}
	for _, v := range list {
		switch v.(type) {
		case string, bool, float64:
			out = append(out, fmt.Sprint(v))
		default:
			return nil, errBadJSON
		}
	}
	return out, nil
}
