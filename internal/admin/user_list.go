package admin

import (
	"strings"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
)

// usersPerPage is Keycloak's default page of users.
const usersPerPage = 100

// searchByID starts a search parameter that is a list of user ids.
const searchByID = "id:"

func (c *call) userFilter() store.UserFilter {
	return store.UserFilter{
		Search: c.query("search"), Username: c.query("username"), Email: c.query("email"),
		FirstName: c.query("firstName"), LastName: c.query("lastName"), Exact: c.isSet("exact", false),
		Enabled: c.flag("enabled"), EmailVerified: c.flag("emailVerified"), Attributes: attributeQuery(c.query("q")),
	}
}

// attributeQuery reads Keycloak's q: key:value pairs separated by spaces, both
// sides quoted where they hold one. Words without a colon are left out.
func attributeQuery(q string) map[string]string {
	var out map[string]string
	for q = strings.TrimLeft(q, " "); q != ""; q = strings.TrimLeft(q, " ") {
		var key, value string
		key, q = queryWord(q, " :")
		if !strings.HasPrefix(q, ":") {
			continue
		}
		value, q = queryWord(q[1:], " ")
		if key == "" {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[key] = value
	}
	return out
}

// queryWord cuts a word, quoted or up to one of the stops, off the front.
func queryWord(s, stops string) (word, rest string) {
	if strings.HasPrefix(s, `"`) {
		if end := strings.IndexByte(s[1:], '"'); end >= 0 {
			return s[1 : 1+end], s[2+end:]
		}
	}
	if end := strings.IndexAny(s, stops); end >= 0 {
		return s[:end], s[end:]
	}
	return s, ""
}

func (c *call) listUsers() error {
	p, err := c.page(usersPerPage)
	if err != nil {
		return err
	}
	users, err := c.findUsers(p)
	if err != nil {
		return err
	}
	opts := keycloak.UserOptions{
		Brief: c.isSet("briefRepresentation", false), Access: map[string]bool{"manage": c.may(manageUsers)},
	}
	return c.answer(each(users, func(u *model.User) keycloak.Object { return keycloak.UserRepresentation(c.shown(u), opts) }))
}

// findUsers finds a page of users by the query. Who may only count sees none.
func (c *call) findUsers(p page) ([]*model.User, error) {
	if p.max == 0 || !c.may(viewUsers) || c.query("idpAlias") != "" || c.query("idpUserId") != "" {
		return nil, nil
	}
	f := c.userFilter()
	if ids, ok := strings.CutPrefix(f.Search, searchByID); ok {
		return c.usersByID(strings.Fields(ids), p)
	}
	f.First, f.Max = p.first, p.max
	return c.api.Store.Users(c.ctx, c.snap.Realm.Num, f)
}

func (c *call) usersByID(ids []string, p page) ([]*model.User, error) {
	var out []*model.User
	for _, id := range cut(ids, p) {
		u, err := c.api.Store.UserByID(c.ctx, c.snap.Realm.Num, id)
		switch {
		case err == nil:
			out = append(out, u)
		case !isNotFound(err):
			return nil, err
		}
	}
	return out, nil
}

func (c *call) countUsers() error {
	f := c.userFilter()
	if ids, ok := strings.CutPrefix(f.Search, searchByID); ok {
		users, err := c.usersByID(strings.Fields(ids), page{0, noLimit})
		if err != nil {
			return err
		}
		return c.answer(len(users))
	}
	n, err := c.api.Store.CountUsers(c.ctx, c.snap.Realm.Num, f)
	if err != nil {
		return err
	}
	return c.answer(n)
}
