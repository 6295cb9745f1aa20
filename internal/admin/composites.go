package admin

import (
	"slices"

	"github.com/latchkey-id/latchkey/internal/model"
)

// mayInclude tells whether the caller may make a role part of another: he must
// be able to manage it where it lives, and to give it.
func (c *call) mayInclude(r *model.Role) error {
	needs := manageClients
	if r.ClientID == "" {
		needs = manageRealm
	}
	if c.administered(c.snap.Config, c.snap.ClientByID(r.ClientID)) != nil {
		needs = anyToken // who has the role's powers may include it
	}
	if !c.may(needs) || !c.mayGive(c.snap.Config, r) {
		return errForbidden
	}
	return nil
}

func (c *call) compositesAmong(r named, keep func(sub *model.Role) bool) error {
	return c.answer(c.roleObjects(true, func(sub *model.Role) bool { return slices.Contains(r.Composites, sub.ID) && keep(sub) }))
}

func (c *call) listComposites(r named) error {
	return c.compositesAmong(r, func(*model.Role) bool { return true })
}

func (c *call) realmComposites(r named) error {
	return c.compositesAmong(r, func(sub *model.Role) bool { return sub.ClientID == "" })
}

func (c *call) clientComposites(r named) error {
	owner := c.snap.ClientByID(c.r.PathValue("client"))
	if owner == nil {
		return errNoClient
	}
	return c.compositesAmong(r, func(sub *model.Role) bool { return sub.ClientID == owner.ID })
}

// compositeRefs reads a list of roles and finds them by id.
func (c *call) compositeRefs() (found []*model.Role, doc []byte, err error) {
	refs, doc, err := c.roleRefs()
	if err != nil {
		return nil, nil, err
	}
	if doc == nil {
		return nil, nil, errNoBody
	}
	for _, ref := range refs {
		r := c.snap.RoleByID(ref.ID)
		if r == nil {
			return nil, nil, errNoCompositeRole
		}
		found = append(found, r)
	}
	return found, doc, nil
}

// addComposites makes roles part of a role. A role in itself adds nothing.
func (c *call) addComposites(r named) error {
	subs, doc, err := c.compositeRefs()
	if err != nil {
		return err
	}
	for _, sub := range subs {
		if err := c.mayInclude(sub); err != nil {
			return err
		}
	}
	return c.changeComposites(r, opCreate, doc, func(ids []string) []string {
		for _, sub := range subs {
			if sub.ID != r.ID {
				ids = with(ids, sub.ID)
			}
		}
		return ids
	})
}

func (c *call) removeComposites(r named) error {
	subs, doc, err := c.compositeRefs()
	if err != nil {
		return err
	}
	return c.changeComposites(r, opDelete, doc, func(ids []string) []string {
		for _, sub := range subs {
			ids = without(ids, sub.ID)
		}
		return ids
	})
}

func (c *call) changeComposites(r named, op string, doc []byte, fn func(ids []string) []string) error {
	rec := c.record(deed{op: op, on: r.on, path: r.path + "/composites", body: doc})
	return c.changeRole(r.ID, rec, func(_ *model.Config, old *model.Role) (*model.Role, error) {
		next := *old
		next.Composites = fn(old.Composites)
		return &next, nil
	})
}
