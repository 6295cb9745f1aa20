package store

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/model"
)

// sortMembers is how many members of a role or group are sorted by name;
// beyond it they come in the order they are stored, so that a page of a
// million costs no more than its offset.
const sortMembers = 2000

// Users lists the users a filter selects, by name.
func (s *Store) Users(ctx context.Context, realm int64, f UserFilter) ([]*model.User, error) {
	var all []*model.User
	rest := newUserRest(f)
	err := s.readLong(ctx, func(c *conn) error {
		u := bindUserFilter(c.on(qUsers), realm, f)
		if rest == nil {
			u.int(limitOf(f.Max)).int(int64(max(f.First, 0)))
		} else {
			u.int(math.MaxInt64).int(0)
		}
		skip := f.First
		return enough(u.each(func(u *cursor) error {
			x := &model.User{}
			if err := scanUser(u, x); err != nil {
				return err
			}
			if rest != nil {
				if !rest.matches(x) {
					return nil
				}
				if skip--; skip >= 0 {
					return nil
				}
			}
			all = append(all, x)
			if f.Max > 0 && len(all) == f.Max {
				return errEnough
			}
			return nil
		}))
	})
	return all, err
}

// CountUsers counts the users a filter selects, whatever its First and Max.
func (s *Store) CountUsers(ctx context.Context, realm int64, f UserFilter) (n int64, err error) {
	if newUserRest(f) != nil {
		f.First, f.Max = 0, 0
		all, err := s.Users(ctx, realm, f)
		return int64(len(all)), err
	}
	err = s.readLong(ctx, func(c *conn) error {
		n, err = bindUserFilter(c.on(qCountUsers), realm, f).number()
		return err
	})
	return n, err
}

// UsersWithRole lists the users that are given a role directly; by name up to
// sortMembers of them. max 0 or less: no limit.
func (s *Store) UsersWithRole(ctx context.Context, realm int64, roleID string, first, max int) ([]*model.User, error) {
	return s.members(ctx, qUsersWithRole, realm, roleID, first, max)
}

// UsersInGroup lists the direct members of a group, as UsersWithRole.
func (s *Store) UsersInGroup(ctx context.Context, realm int64, groupID string, first, max int) ([]*model.User, error) {
	return s.members(ctx, qUsersInGroup, realm, groupID, first, max)
}

func (s *Store) members(ctx context.Context, q *query, realm int64, id string, first, most int) ([]*model.User, error) {
	var all []*model.User
	sorted := true
	list := func(c *conn, limit, offset int64) error {
		all = nil
		return c.on(q).id(id).int(realm).int(limit).int(offset).each(func(u *cursor) error {
			x := &model.User{}
			all = append(all, x)
			return scanUser(u, x)
		})
	}
	first = max(first, 0)
	err := s.readOnce(ctx, func(c *conn) error {
		err := list(c, sortMembers+1, 0)
		if sorted = len(all) <= sortMembers; err != nil || sorted {
			return err
		}
		return list(c, limitOf(most), int64(first))
	})
	if err != nil || !sorted {
		return all, err
	}
	slices.SortFunc(all, func(a, b *model.User) int { return cmp.Compare(a.Username, b.Username) })
	all = all[min(first, len(all)):]
	if most > 0 {
		all = all[:min(most, len(all))]
	}
	return all, nil
}

func limitOf(most int) int64 {
	if most <= 0 {
		return math.MaxInt64
	}
	return int64(most)
}

// bindUserFilter binds userWhere. The search's first word is the statement's;
// userRest looks at the others.
func bindUserFilter(u *cursor, realm int64, f UserFilter) *cursor {
	field := func(v string) string {
		switch {
		case v == "":
			return ""
		case f.Exact:
			return escapeLike(v)
		}
		return "%" + escapeLike(v) + "%"
	}
	word := ""
	if words := strings.Fields(f.Search); len(words) > 0 {
		word = searchPattern(words[0])
	}
	to := f.CreatedTo
	if to == 0 {
		to = math.MaxInt64
	}
	return u.int(realm).flag(f.ServiceAccounts).text(field(f.Username)).text(field(f.Email)).text(field(f.FirstName)).text(field(f.LastName)).
		text(word).int(triState(f.Enabled)).int(triState(f.EmailVerified)).
		int(f.CreatedFrom).int(to)
}

// searchPattern is Keycloak's reading of one search word: quoted it is equal,
// else a prefix, where "*" stands for anything.
func searchPattern(word string) string {
	if len(word) >= 2 && word[0] == '"' && word[len(word)-1] == '"' {
		return escapeLike(word[1 : len(word)-1])
	}
	p := strings.ReplaceAll(escapeLike(word), "*", "%")
	if !strings.HasSuffix(p, "%") {
		p += "%"
	}
	return p
}

var likeEscaper = strings.NewReplacer("!", "!!", "%", "!%", "_", "!_")

func escapeLike(s string) string { return likeEscaper.Replace(strings.ToLower(s)) }

func triState(b *bool) int64 {
	switch {
	case b == nil:
		return -1
	case *b:
		return 1
	}
	return 0
}

// userRest is what of a filter no statement decides: further search words and
// attributes. nil when there is nothing.
type userRest struct {
	words      []string // LIKE patterns
	attributes map[string]string
}

func newUserRest(f UserFilter) *userRest {
	words := strings.Fields(f.Search)
	if len(words) <= 1 && len(f.Attributes) == 0 {
		return nil
	}
	r := &userRest{attributes: f.Attributes}
	for _, w := range words {
		r.words = append(r.words, searchPattern(w))
	}
	return r
}

func (r *userRest) matches(x *model.User) bool {
	for _, p := range r.words {
		if !like(p, x.Username) && !like(p, x.Email) && !like(p, x.FirstName) && !like(p, x.LastName) {
			return false
		}
	}
	for k, v := range r.attributes {
		if !slices.ContainsFunc(x.Attributes[k], func(have string) bool { return strings.EqualFold(have, v) }) {
			return false
		}
	}
	return true
}

// like is SQL's: p is in lower case, "%" stands for anything, "!" escapes.
func like(p, text string) bool {
	text = strings.ToLower(text)
	at, i := 0, 0        // in p, in text
	again, from := -1, 0 // where to go on after the last "%", and from where in text
	for i < len(text) {
		esc := at < len(p) && p[at] == '!'
		switch {
		case at < len(p) && p[at] == '%':
			at++
			again, from = at, i
		case esc && at+1 < len(p) && p[at+1] == text[i]:
			at, i = at+2, i+1
		case !esc && at < len(p) && p[at] == text[i]:
			at, i = at+1, i+1
		case again >= 0:
			from++
			at, i = again, from
		default:
			return false
		}
	}
	return strings.Trim(p[at:], "%") == ""
}
