package admin

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/web"
)

// offlineQuery is a filter of offline sessions and the step that is asked for.
type offlineQuery struct {
	filter session.Filter
	after  store.Place
	max    int
	dryRun bool
	raw    []byte // the body it was read from
}

// filterParameters are the filter's names, in queries and bodies.
var filterParameters = []string{"user", "client", "lastUsedBefore", "createdBefore", "scope"}

// maxFilter is longer than any name, time or cursor.
const maxFilter = 1024

func badFilter(format string, args ...any) error {
	return web.AdminError(http.StatusBadRequest, fmt.Sprintf(format, args...))
}

// knowsParameters refuses a query with other parameters than these: a
// misspelled filter must not select everything.
func (c *call) knowsParameters(known ...string) error {
	for name, values := range c.r.URL.Query() {
		switch {
		case !slices.Contains(known, name):
			return badFilter("Unknown parameter %q, known are %s", shortened(name), strings.Join(known, ", "))
		case len(values) > 1:
			return badFilter("%s is given more than once", name)
		case len(values[0]) > maxFilter:
			return badFilter("%s is too long", name)
		}
	}
	return nil
}

// shortened is what an answer repeats of a text that was sent.
func shortened(s string) string { return s[:min(len(s), 50)] }

// offlineQuery reads filter and step from the query; paging are the parameters
// of the step that the request knows.
func (c *call) offlineQuery(paging ...string) (q offlineQuery, err error) {
	if err = c.knowsParameters(slices.Concat(filterParameters, paging)...); err != nil {
		return q, err
	}
	given := c.r.URL.Query()
	values := map[string]string{}
	for _, name := range filterParameters {
		if given.Has(name) {
			values[name] = given.Get(name)
		}
	}
	if q.filter, err = c.offlineFilter(values); err != nil {
		return q, err
	}
	if q.after, err = placeOf(given.Get("after"), given.Has("after")); err != nil {
		return q, err
	}
	q.max = offlinePerPage
	if given.Has("max") {
		if q.max, err = strconv.Atoi(given.Get("max")); err != nil || q.max < 1 || q.max > offlineMost {
			return q, badFilter("max must be a number from 1 to %d", offlineMost)
		}
	}
	return q, nil
}

// revocation is the body of a request to end sessions.
type revocation struct {
	User           *string         `json:"user"`
	Client         *string         `json:"client"`
	LastUsedBefore json.RawMessage `json:"lastUsedBefore"`
	CreatedBefore  json.RawMessage `json:"createdBefore"`
	Scope          *string         `json:"scope"`
	DryRun         bool            `json:"dryRun"`
	After          *string         `json:"after"`
}

// offlineBody reads filter and step from the body. Unknown members and a
// filter that selects everything are refused: that is what logout-all is for.
func (c *call) offlineBody() (q offlineQuery, err error) {
	if err := c.knowsParameters(); err != nil {
		return q, err
	}
	if q.raw, err = c.body(); err != nil {
		return q, err
	}
	var in revocation
	dec := json.NewDecoder(bytes.NewReader(q.raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return q, badFilter("The body must be a JSON object with %s, dryRun and after, each of its type", strings.Join(filterParameters, ", "))
	}
	values := map[string]string{}
	for name, v := range map[string]*string{"user": in.User, "client": in.Client, "scope": in.Scope} {
		if v != nil {
			values[name] = *v
		}
	}
	for name, v := range map[string]json.RawMessage{"lastUsedBefore": in.LastUsedBefore, "createdBefore": in.CreatedBefore} {
		if len(v) > 0 && string(v) != "null" {
			values[name] = strings.Trim(string(v), `"`)
		}
	}
	if q.filter, err = c.offlineFilter(values); err != nil {
		return q, err
	}
	if q.filter.Empty() {
		return q, badFilter("A filter is needed: %s. POST logout-all ends every session of the realm", strings.Join(filterParameters, ", "))
	}
	q.dryRun = in.DryRun
	if in.After != nil {
		q.after, err = placeOf(*in.After, true)
	}
	return q, err
}

// offlineFilter resolves what the values of a filter name. A value that is
// there and empty is a mistake.
func (c *call) offlineFilter(values map[string]string) (f session.Filter, err error) {
	for name, v := range values {
		if v == "" || len(v) > maxFilter {
			return f, badFilter("%s is empty or too long", name)
		}
	}
	if name, ok := values["client"]; ok {
		if f.Client = c.snap.Client(name); f.Client == nil {
			f.Client = c.snap.ClientByID(name)
		}
		if f.Client == nil {
			return f, badFilter("client: the realm has no client %q", shortened(name))
		}
	}
	if name, ok := values["user"]; ok {
		if err := c.filterUser(&f, name); err != nil {
			return f, err
		}
	}
	if f.UsedBefore, err = momentOf(values, "lastUsedBefore"); err != nil {
		return f, err
	}
	if f.StartedBefore, err = momentOf(values, "createdBefore"); err != nil {
		return f, err
	}
	f.Scope = values["scope"]
	if strings.ContainsAny(f.Scope, " \t\r\n") {
		return f, badFilter("scope must be one scope")
	}
	return f, nil
}

// filterUser finds a user by name, else by id.
func (c *call) filterUser(f *session.Filter, name string) error {
	u, err := c.api.Store.UserByUsername(c.ctx, c.snap.Realm.Num, strings.ToLower(name))
	if errors.Is(err, store.ErrNotFound) {
		u, err = c.api.Store.UserByID(c.ctx, c.snap.Realm.Num, name)
	}
	if errors.Is(err, store.ErrNotFound) {
		return badFilter("user: the realm has no user %q", shortened(name))
	}
	f.User = u
	return err
}

// maxMoment is the last second of the year 9999: what is greater is meant in
// milliseconds.
const maxMoment = 253402300799

// momentOf reads Unix seconds or RFC 3339; 0 when absent.
func momentOf(values map[string]string, name string) (int64, error) {
	s, ok := values[name]
	if !ok {
		return 0, nil
	}
	at, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		var t time.Time
		if t, err = time.Parse(time.RFC3339, s); err == nil {
			at = t.Unix()
		}
	}
	if err != nil || at < 1 || at > maxMoment {
		return 0, badFilter("%s must be Unix seconds or a time as RFC 3339 writes it, such as 2026-01-31T00:00:00Z", name)
	}
	return at, nil
}

// cursorOf is a place for a caller to send back.
func cursorOf(p store.Place) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d.%d.%s", p.Client, p.Shard, p.SessionID))
}

// placeOf reads a cursor.
func placeOf(cursor string, given bool) (p store.Place, err error) {
	if !given {
		return p, nil
	}
	bad := badFilter("after must be the value of after that the page before had")
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	parts := strings.SplitN(string(raw), ".", 3)
	if err != nil || len(parts) != 3 || len(parts[2]) > maxSessionID {
		return p, bad
	}
	client, err1 := strconv.ParseInt(parts[0], 10, 64)
	shard, err2 := strconv.ParseInt(parts[1], 10, 64)
	if err1 != nil || err2 != nil || client < 0 || shard < 0 || client == 0 && shard == 0 && parts[2] == "" {
		return p, bad
	}
	return store.Place{Client: client, Shard: shard, SessionID: parts[2]}, nil
}
