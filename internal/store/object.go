package store

import (
	"encoding/json"
	"fmt"

	"github.com/latchkey-id/latchkey/internal/model"
)

// Kinds of realm_object rows.
const (
	kindClient    = "client"
	kindScope     = "scope"
	kindRole      = "role"
	kindGroup     = "group"
	kindComponent = "component"
)

// objects are the rows of realm_object, read.
type objects struct {
	clients    []*model.Client
	scopes     []*model.ClientScope
	roles      []*model.Role
	groups     []*model.Group
	components []*model.Component
}

func (o *objects) add(kind string, num int64, doc, plain []byte) error {
	var err error
	switch kind {
	case kindClient:
		x := &model.Client{}
		err = json.Unmarshal(doc, x)
		x.Num, x.Secret = num, string(plain)
		o.clients = append(o.clients, x)
	case kindScope:
		x := &model.ClientScope{}
		err = json.Unmarshal(doc, x)
		o.scopes = append(o.scopes, x)
	case kindRole:
		x := &model.Role{}
		err = json.Unmarshal(doc, x)
		o.roles = append(o.roles, x)
	case kindGroup:
		x := &model.Group{}
		err = json.Unmarshal(doc, x)
		o.groups = append(o.groups, x)
	case kindComponent:
		x := &model.Component{}
		if err = json.Unmarshal(doc, x); err == nil && len(plain) > 0 {
			err = json.Unmarshal(plain, &x.Config)
		}
		o.components = append(o.components, x)
	default:
		err = fmt.Errorf("unknown kind of object")
	}
	return err
}

// object is one row of realm_object to be written. name is unique among its
// kind in the realm; label is what a conflict calls it.
type object struct {
	kind, id, name string
	num            int64 // clients only
	doc            any
	plain          []byte // to be sealed
	conflict       ConflictError
}

func clientObject(c *model.Client) object {
	return object{kind: kindClient, id: c.ID, name: c.ClientID, num: c.Num, doc: c, plain: []byte(c.Secret),
		conflict: ConflictError{"clientId", c.ClientID}}
}

func scopeObject(x *model.ClientScope) object {
	return object{kind: kindScope, id: x.ID, name: x.Name, doc: x, conflict: ConflictError{"clientScope", x.Name}}
}

// roleObject: a role's name is unique among those of its owner.
func roleObject(x *model.Role) object {
	return object{kind: kindRole, id: x.ID, name: x.ClientID + "/" + x.Name, doc: x, conflict: ConflictError{"role", x.Name}}
}

// groupObject: a group's name is unique among its siblings.
func groupObject(x *model.Group) object {
	return object{kind: kindGroup, id: x.ID, name: x.ParentID + "/" + x.Name, doc: x, conflict: ConflictError{"group", x.Name}}
}

// componentObject: components may share names.
func componentObject(x *model.Component) (object, error) {
	plain, err := json.Marshal(x.Config)
	if err != nil {
		return object{}, fmt.Errorf("component %s: %w", x.ID, err)
	}
	open := *x
	open.Config = nil
	return object{kind: kindComponent, id: x.ID, name: x.ID, doc: &open, plain: plain, conflict: ConflictError{"id", x.ID}}, nil
}
