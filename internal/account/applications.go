package account

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/web"
)

// use is what a person has with an application.
type use struct {
	client  *model.Client
	inUse   bool // a login
	offline bool // an offline session
	consent *model.Consent
}

// applications lists the clients the person has a session with or gave a
// consent, and those that are always shown. name leaves out those whose name
// does not hold it.
func (c *call) applications() error {
	uses, err := c.uses()
	if err != nil {
		return err
	}
	if name := strings.ToLower(c.r.URL.Query().Get("name")); name != "" {
		maps.DeleteFunc(uses, func(_ string, u *use) bool { return !c.named(u.client, name) })
	}
	sorted := slices.SortedFunc(maps.Values(uses), func(a, b *use) int { return cmp.Compare(a.client.ClientID, b.client.ClientID) })
	return c.answer(each(sorted, c.application))
}

// named tells whether a client's name holds a text in lower case: as it is
// stored, or as people read it.
func (c *call) named(client *model.Client, part string) bool {
	return strings.Contains(strings.ToLower(client.Name), part) || strings.Contains(strings.ToLower(c.text(client.Name)), part)
}

// uses collects what the person has, by client id.
func (c *call) uses() (map[string]*use, error) {
	all := map[string]*use{}
	of := func(client *model.Client) *use {
		if client == nil || client.BearerOnly {
			return &use{}
		}
		u := all[client.ID]
		if u == nil {
			u = &use{client: client}
			all[client.ID] = u
		}
		return u
	}
	for _, client := range c.snap.Clients {
		if client.AlwaysDisplayed() {
			of(client)
		}
	}
	for _, offline := range []bool{false, true} {
		views, err := c.api.Sessions.OfUser(c.ctx, c.snap.Config, c.user.ID, offline)
		if err != nil {
			return nil, err
		}
		for _, v := range views {
			u := of(c.snap.ClientByNum(v.ClientNum))
			u.inUse, u.offline = u.inUse || !offline, u.offline || offline
		}
	}
	consents, err := c.api.Store.Consents(c.ctx, c.snap.Realm.Num, c.user.ID)
	for i := range consents {
		of(c.snap.ClientByID(consents[i].ClientID)).consent = &consents[i]
	}
	return all, err
}

// application is a use as ClientRepresentation of the account REST.
func (c *call) application(u *use) keycloak.Object {
	var o keycloak.Object
	add := func(name string, v any) { o = append(o, keycloak.Member{Name: name, Value: v}) }
	text := func(name, v string) {
		if v != "" {
			add(name, v)
		}
	}
	add("clientId", u.client.ClientID)
	text("clientName", u.client.Name)
	text("description", u.client.Description())
	add("userConsentRequired", u.client.ConsentRequired)
	add("inUse", u.inUse)
	add("offlineAccess", u.offline)
	text("rootUrl", u.client.RootURL)
	text("baseUrl", u.client.BaseURL)
	text("effectiveUrl", u.client.BaseAddress(c.base))
	if u.consent != nil {
		add("consent", c.consentObject(u.consent))
		for _, name := range []string{"logoUri", "policyUri", "tosUri"} {
			text(name, u.client.Attributes[name])
		}
	}
	return o
}

// pathClient is the client of the path; unknown ones are told by name, as Keycloak does.
func (c *call) pathClient() (*model.Client, error) {
	name := c.r.PathValue("client")
	if client := c.snap.Client(name); client != nil {
		return client, nil
	}
	return nil, web.ErrorMessage(http.StatusNotFound, "No client with clientId: "+name+" found.")
}

// endOffline ends the person's offline sessions with one application: its
// offline tokens die at once. The consent stays, and so does a login.
func (c *call) endOffline() error {
	client, err := c.pathClient()
	if err != nil {
		return err
	}
	n, err := c.api.Sessions.EndOfflineOfUserClient(c.ctx, c.snap.Config, client, c.user.ID, model.EndedByUser, c.user.ID)
	web.Log(c.ctx).Set("ended", n)
	if err != nil {
		return err
	}
	return c.noContent()
}
