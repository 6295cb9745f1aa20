package admin

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/web"
)

var eventRoutes = []route{
	{"GET", "/{realm}/events", viewEvents, (*call).listEvents},
	{"DELETE", "/{realm}/events", manageEvents, (*call).deleteEvents},
	{"GET", "/{realm}/events/config", viewEvents, (*call).getEventsConfig},
	{"PUT", "/{realm}/events/config", manageEvents, (*call).putEventsConfig},
	{"GET", "/{realm}/admin-events", viewEvents, (*call).listAdminEvents},
	{"DELETE", "/{realm}/admin-events", manageEvents, (*call).deleteAdminEvents},
}

// span is what both event lists are narrowed by.
type span struct {
	page
	from, to  int64 // Unix milliseconds, inclusive; 0: open
	ascending bool
}

const eventsPerPage = 100

func (c *call) span() (s span, err error) {
	if s.page, err = c.page(eventsPerPage); err != nil {
		return s, err
	}
	if s.from, err = c.date("dateFrom", 0); err != nil {
		return s, err
	}
	if s.to, err = c.date("dateTo", 24*time.Hour-time.Millisecond); err != nil {
		return s, err
	}
	switch d := c.query("direction"); d {
	case "asc":
		s.ascending = true
	case "", "desc":
	default:
		return s, web.AdminError(http.StatusBadRequest, "Invalid value for sortDirection, expected value is asc or desc")
	}
	return s, nil
}

// date reads a day (yyyy-MM-dd, UTC), to which plus is added, or Unix
// milliseconds.
func (c *call) date(name string, plus time.Duration) (int64, error) {
	s := c.query(name)
	if s == "" {
		return 0, nil
	}
	if day, err := time.Parse(time.DateOnly, s); err == nil {
		return day.Add(plus).UnixMilli(), nil
	}
	if ms, err := strconv.ParseInt(s, 10, 64); err == nil {
		return ms, nil
	}
	return 0, web.AdminError(http.StatusBadRequest, "Invalid value for '"+name+"', expected format is yyyy-MM-dd or an Epoch timestamp")
}

func (c *call) listEvents() error {
	s, err := c.span()
	if err != nil {
		return err
	}
	if s.max == 0 {
		return c.answer([]any{})
	}
	events, err := c.api.Store.Events(c.ctx, c.snap.Realm.Num, store.EventFilter{
		Types: c.r.URL.Query()["type"], ClientID: c.query("client"), UserID: c.query("user"), IP: c.query("ipAddress"),
		FromMS: s.from, ToMS: s.to, First: s.first, Max: s.max, Ascending: s.ascending,
	})
	if err != nil {
		return err
	}
	return c.answer(each(events, eventObject))
}

// eventObject is Keycloak's EventRepresentation.
func eventObject(e *model.Event) keycloak.Object {
	o := keycloak.Object{{Name: "id", Value: e.ID}, {Name: "time", Value: e.TimeMS}, {Name: "type", Value: e.Type}, {Name: "realmId", Value: e.RealmID}}
	for _, m := range []keycloak.Member{
		{Name: "clientId", Value: e.ClientID}, {Name: "userId", Value: e.UserID}, {Name: "sessionId", Value: e.Session},
		{Name: "ipAddress", Value: e.IP}, {Name: "error", Value: e.Error},
	} {
		if m.Value != "" {
			o = append(o, m)
		}
	}
	if len(e.Details) > 0 {
		o = append(o, keycloak.Member{Name: "details", Value: e.Details})
	}
	return o
}

func (c *call) deleteEvents() error {
	err := c.api.Store.Write(c.ctx, func(tx *store.Tx) error { return tx.DeleteEvents(c.snap.Realm.Num) })
	if err != nil {
		return err
	}
	return c.noContent()
}

func (c *call) listAdminEvents() error {
	s, err := c.span()
	if err != nil {
		return err
	}
	if s.max == 0 {
		return c.answer([]any{})
	}
	q := c.r.URL.Query()
	events, err := c.api.Store.AdminEvents(c.ctx, c.snap.Realm.Num, store.AdminEventFilter{
		Operations: q["operationTypes"], ResourceTypes: q["resourceTypes"], ResourcePath: c.query("resourcePath"),
		AuthRealmID: c.query("authRealm"), AuthClientID: c.query("authClient"), AuthUserID: c.query("authUser"), IP: c.query("authIpAddress"),
		FromMS: s.from, ToMS: s.to, First: s.first, Max: s.max, Ascending: s.ascending,
	})
	if err != nil {
		return err
	}
	return c.answer(each(events, adminEventObject))
}

// adminEventObject is Keycloak's AdminEventRepresentation.
func adminEventObject(e *model.AdminEvent) keycloak.Object {
	o := keycloak.Object{
		{Name: "id", Value: e.ID}, {Name: "time", Value: e.TimeMS}, {Name: "realmId", Value: e.RealmID},
		{Name: "authDetails", Value: keycloak.Object{
			{Name: "realmId", Value: e.AuthRealmID}, {Name: "clientId", Value: e.AuthClientID},
			{Name: "userId", Value: e.AuthUserID}, {Name: "ipAddress", Value: e.IP},
		}},
		{Name: "operationType", Value: e.Operation}, {Name: "resourceType", Value: e.ResourceType},
	}
	for _, m := range []keycloak.Member{
		{Name: "resourcePath", Value: e.ResourcePath}, {Name: "representation", Value: e.Representation}, {Name: "error", Value: e.Error},
	} {
		if m.Value != "" {
			o = append(o, m)
		}
	}
	if len(e.Details) > 0 {
		o = append(o, keycloak.Member{Name: "details", Value: e.Details})
	}
	return o
}

func (c *call) deleteAdminEvents() error {
	err := c.api.Store.Write(c.ctx, func(tx *store.Tx) error { return tx.DeleteAdminEvents(c.snap.Realm.Num) })
	if err != nil {
		return err
	}
	return c.noContent()
}

// eventSettings are the members of the events configuration; they are settings
// of the realm too.
var eventSettings = []string{
	"eventsEnabled", "eventsExpiration", "eventsListeners", "enabledEventTypes", "adminEventsEnabled", "adminEventsDetailsEnabled",
}

// getEventsConfig is Keycloak's RealmEventsConfigRepresentation. A realm that
// names no event types stores the usual ones.
func (c *call) getEventsConfig() error {
	o := pick(keycloak.RealmRepresentation(c.snap.Config), eventSettings...)
	for i := range o {
		if o[i].Name == "enabledEventTypes" && len(c.snap.Realm.EnabledEventTypes) == 0 {
			o[i].Value = usualEventTypes
		}
	}
	return c.answer(o)
}

func (c *call) putEventsConfig() error {
	doc, err := c.body()
	if err != nil {
		return err
	}
	var given map[string]json.RawMessage
	if err := unmarshal(doc, &given); err != nil {
		return err
	}
	settings := map[string]json.RawMessage{}
	for _, name := range eventSettings {
		if v, ok := given[name]; ok {
			settings[name] = v
		}
	}
	rec := c.record(deed{op: opUpdate, on: onRealm, path: "events/config", body: doc})
	if err := c.api.Realms.UpdateRealm(c.ctx, c.realmName(), jsonOf(settings), rec); err != nil {
		return err
	}
	return c.noContent()
}
