package admin

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/web"
)

// usersPerPage is Keycloak's default page of users.
const usersPerPage = 100

// searchByID starts a search parameter that is a list of user ids.
const searchByID = "id:"

// byMember are the parameters, and keys of q, that ask for a member of users.
// Where one is there, lists show service accounts too; a search leaves all of
// them aside but enabled, emailVerified and the dates: both as in Keycloak.
var byMember = []string{"username", "email", "firstName", "lastName", "enabled", "emailVerified"}

// userFilter is the query as the store takes it.
//
// Errors: 400 for a date that is none.
func (c *call) userFilter() (f store.UserFilter, err error) {
	f = store.UserFilter{Search: c.query("search"), Enabled: c.flag("enabled"), EmailVerified: c.flag("emailVerified")}
	if f.CreatedFrom, err = c.day("createdAfter", false); err != nil {
		return f, err
	}
	if f.CreatedTo, err = c.day("createdBefore", true); err != nil {
		return f, err
	}
	if c.r.URL.Query().Has("search") {
		return f, nil
	}
	f.Username, f.Email, f.FirstName, f.LastName = c.query("username"), c.query("email"), c.query("firstName"), c.query("lastName")
	f.Exact, f.Attributes = c.isSet("exact", false), attributeQuery(c.query("q"))
	f.ServiceAccounts = len(f.Attributes) > 0 || f.CreatedFrom > 0 || f.CreatedTo > 0
	for _, name := range append([]string{"exact"}, byMember...) {
		f.ServiceAccounts = f.ServiceAccounts || c.query(name) != ""
	}
	membersOf(&f)
	return f, nil
}

// membersOf moves those keys of q that name a member of users to where the
// member is asked for.
func membersOf(f *store.UserFilter) {
	for _, name := range byMember {
		v, ok := f.Attributes[name]
		if !ok {
			continue
		}
		delete(f.Attributes, name)
		switch yes := v == "true"; name {
		case "username":
			f.Username = v
		case "email":
			f.Email = v
		case "firstName":
			f.FirstName = v
		case "lastName":
			f.LastName = v
		case "enabled":
			f.Enabled = &yes
		case "emailVerified":
			f.EmailVerified = &yes
		}
	}
}

// day reads a time of the query in milliseconds: Unix milliseconds, or a day of
// UTC, its first or its last moment. 0 when absent.
func (c *call) day(name string, last bool) (int64, error) {
	s := c.query(name)
	if s == "" {
		return 0, nil
	}
	if ms, err := strconv.ParseInt(s, 10, 64); err == nil && ms >= 0 {
		return max(ms, 1), nil // nobody was made at 0, which means no limit
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, web.AdminError(http.StatusBadRequest, "Invalid value for '"+name+"', expected format is yyyy-MM-dd or an Epoch timestamp")
	}
	if last {
		t = t.AddDate(0, 0, 1).Add(-time.Millisecond)
	}
	return max(t.UnixMilli(), 1), nil
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

// ofProvider tells whether the query asks for accounts of an identity provider:
// nobody is found by them.
func (c *call) ofProvider() bool { return c.query("idpAlias") != "" || c.query("idpUserId") != "" }

// findUsers finds a page of users by the query. Who may only count sees none.
func (c *call) findUsers(p page) ([]*model.User, error) {
	f, err := c.userFilter()
	if err != nil || p.max == 0 || !c.may(viewUsers) || c.ofProvider() {
		return nil, err
	}
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
	f, err := c.userFilter()
	if err != nil {
		return err
	}
	if c.ofProvider() {
		return c.answer(0)
	}
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
