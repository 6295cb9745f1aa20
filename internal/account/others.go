package account

import (
	"cmp"
	"slices"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/web"
)

// groups lists the groups the person is in, by name; with
// briefRepresentation=false also attributes and roles.
func (c *call) groups() error {
	brief, said := web.QueryBool(c.r, "briefRepresentation")
	var all []*model.Group
	for _, id := range c.user.Grants.Groups {
		if g := c.snap.GroupByID(id); g != nil {
			all = append(all, g)
		}
	}
	slices.SortFunc(all, func(a, b *model.Group) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return c.answer(each(all, func(g *model.Group) keycloak.Object {
		if brief || !said {
			return keycloak.GroupRepresentation(c.snap.Config, g, keycloak.GroupOptions{Bare: true})
		}
		full := keycloak.GroupRepresentation(c.snap.Config, g, keycloak.GroupOptions{})
		return slices.DeleteFunc(full, func(m keycloak.Member) bool { return m.Name == "subGroupCount" })
	}))
}

// linkedAccounts lists the accounts at identity providers: there are none.
func (c *call) linkedAccounts() error {
	if _, _, err := web.Paging(c.r); err != nil {
		return err
	}
	return c.answer([]struct{}{})
}

func (c *call) linkAccount() error   { return errNoLinking }
func (c *call) unlinkAccount() error { return errNoProvider }

// resources are those of user-managed access, which no realm has here.
func (c *call) resources() error { return errNoUMA }

// supportedLocales lists the realm's languages; none when it has only one.
func (c *call) supportedLocales() error {
	on, supported, _ := c.snap.Realm.Internationalization()
	if !on || supported == nil {
		supported = []string{}
	}
	return c.answer(supported)
}
