package account

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/ui"
	"github.com/latchkey-id/latchkey/internal/web"
)

// text is a name or consent text of the realm in the person's language.
func (c *call) text(s string) string { return ui.Resolve(c.options(), s) }

// consentObject is a consent as ConsentRepresentation. Scopes that are gone are
// left out.
func (c *call) consentObject(x *model.Consent) keycloak.Object {
	scopes := []keycloak.Object{}
	for _, s := range c.scopesOf(x.ScopeIDs) {
		name := s.Attributes["consent.screen.text"]
		if name == "" {
			name = s.Name
		}
		text := c.text(name)
		scopes = append(scopes, keycloak.Object{
			{Name: "id", Value: s.ID}, {Name: "name", Value: name},
			{Name: "displayText", Value: text}, {Name: "displayTest", Value: text}, // Keycloak's old name of the same
		})
	}
	return keycloak.Object{{Name: "grantedScopes", Value: scopes}, {Name: "createdDate", Value: x.CreatedMS}, {Name: "lastUpdatedDate", Value: x.UpdatedMS}}
}

func (c *call) scopesOf(ids []string) []*model.ClientScope {
	var out []*model.ClientScope
	for _, id := range ids {
		if s := c.snap.ScopeByID(id); s != nil {
			out = append(out, s)
		}
	}
	return keycloak.OptionalScopeOrder(out)
}

// stored is the consent the person gave a client, nil for none.
func (c *call) stored(client *model.Client) (*model.Consent, error) {
	all, err := c.api.Store.Consents(c.ctx, c.snap.Realm.Num, c.user.ID)
	if i := slices.IndexFunc(all, func(x model.Consent) bool { return x.ClientID == client.ID }); i >= 0 && err == nil {
		return &all[i], nil
	}
	return nil, err
}

// consent shows what the person allows a client.
func (c *call) consent() error {
	client, err := c.pathClient()
	if err != nil {
		return err
	}
	x, err := c.stored(client)
	switch {
	case err != nil:
		return err
	case x == nil:
		return c.noContent()
	}
	return c.answer(c.consentObject(x))
}

// giveConsent replaces what the person allows a client. POST and PUT do the
// same, as in Keycloak; an event tells whether it is the first.
func (c *call) giveConsent() error {
	kind := "GRANT_CONSENT"
	if c.r.Method == http.MethodPut {
		kind = "UPDATE_CONSENT"
	}
	client, err := c.pathClient()
	if err != nil {
		return c.refuse(kind, "client_not_found", err)
	}
	given, err := c.requestedConsent(client)
	if err != nil {
		return c.refuse(kind, "invalid_scope", err)
	}
	old, err := c.stored(client)
	if err != nil {
		return err
	}
	kind, given.CreatedMS = "GRANT_CONSENT", given.UpdatedMS
	if old != nil {
		kind, given.CreatedMS = "UPDATE_CONSENT", old.CreatedMS
	}
	details := map[string]string{"granted_client": client.ClientID}
	if names := each(c.scopesOf(given.ScopeIDs), func(s *model.ClientScope) string { return s.Name }); len(names) > 0 {
		details["scope"] = strings.Join(names, " ")
	}
	err = c.write(c.record(c.event(kind, details)), func(tx *store.Tx) error { return tx.PutConsent(c.snap.Realm.Num, c.user.ID, *given) })
	if err != nil {
		return err
	}
	return c.answer(c.consentObject(given))
}

// requestedConsent reads ConsentRepresentation: the ids of its grantedScopes,
// each once. Only scopes the client has may be allowed it.
//
// Errors: 400 for other shapes; "Scope id … does not exist for client …".
func (c *call) requestedConsent(client *model.Client) (*model.Consent, error) {
	doc, err := c.body()
	if err != nil {
		return nil, err
	}
	var in struct {
		GrantedScopes []*struct{ ID string } `json:"grantedScopes"`
	}
	if json.Unmarshal(doc, &in) != nil || in.GrantedScopes == nil || slices.Contains(in.GrantedScopes, nil) {
		return nil, errBadConsent
	}
	given := &model.Consent{ClientID: client.ID, ScopeIDs: []string{}, UpdatedMS: c.api.Now().UnixMilli()}
	for _, s := range in.GrantedScopes {
		switch {
		case !slices.Contains(client.DefaultScopes, s.ID) && !slices.Contains(client.OptionalScopes, s.ID) || c.snap.ScopeByID(s.ID) == nil:
			name := client.Name
			if name == "" {
				name = client.ClientID
			}
			return nil, web.ErrorMessage(http.StatusBadRequest, "Scope id "+s.ID+" does not exist for client "+name+".")
		case !slices.Contains(given.ScopeIDs, s.ID):
			given.ScopeIDs = append(given.ScopeIDs, s.ID)
		}
	}
	slices.Sort(given.ScopeIDs)
	return given, nil
}

// refuse keeps the event of an act that was refused, if the answer has a text.
func (c *call) refuse(kind, code string, err error) error {
	var e *web.Error
	if errors.As(err, &e) && e.Message != "" {
		c.failed(kind, code, e.Message)
	}
	return err
}

// revokeConsent takes back what the person allows a client, and ends its
// offline sessions of theirs, whether there was a consent or not.
func (c *call) revokeConsent() error {
	const kind = "REVOKE_GRANT"
	client, err := c.pathClient()
	if err != nil {
		return c.refuse(kind, "client_not_found", err)
	}
	if _, err := c.api.Sessions.EndOfflineOfUserClient(c.ctx, c.snap.Config, client, c.user.ID, model.EndedByConsent, c.user.ID); err != nil {
		return err
	}
	rec := c.record(c.event(kind, map[string]string{"revoked_client": client.ClientID}))
	err = c.write(rec, func(tx *store.Tx) error {
		_, err := tx.DeleteConsent(c.snap.Realm.Num, c.user.ID, client.Num)
		return err
	})
	if err != nil {
		return err
	}
	return c.noContent()
}
