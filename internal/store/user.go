package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/model"
)

const userColumns = `u.id, u.realm, u.username, u.email, u.first_name, u.last_name, u.enabled, u.email_verified,
 u.created, u.not_before, u.service_client, u.grants, u.doc`

var (
	qUser = stmt("user", `select `+userColumns+` from users u where u.sk = $1 and u.id = $2 and u.realm = $3`)

	qUserForAccess = stmt("user for access", `select (select count(*) from revoked_token r where r.sk = $1 and r.jti = $2), `+userColumns+`
 from users u where u.sk = $3 and u.id = $4 and u.realm = $5`)

	qLoginName = stmt("login name", `select user_id from login_name where sk = $1 and realm = $2 and kind = $3 and value = $4`)
)

// Kinds of login_name rows.
const (
	nameUser  = "u"
	nameEmail = "e"
)

// userDoc is users.doc: what no statement asks for.
type userDoc struct {
	Attributes      map[string][]string `json:"attributes,omitempty"`
	RequiredActions []string            `json:"requiredActions,omitempty"`
	Extra           model.Extra         `json:"extra,omitempty"`
}

// scanUser reads userColumns; an id that x has already is not read again.
func scanUser(u *cursor, x *model.User) error {
	if x.ID == "" {
		x.ID = u.rID()
	} else {
		u.skip(1)
	}
	x.RealmNum = u.rInt()
	x.Username = u.rText()
	x.Email = u.rText()
	x.FirstName = u.rText()
	x.LastName = u.rText()
	x.Enabled = u.rFlag()
	x.EmailVerified = u.rFlag()
	x.CreatedMS = u.rInt()
	x.NotBefore = u.rInt()
	x.ServiceClientID = u.rText()
	grants, err := decodeGrants(u.rText())
	if err != nil {
		return fmt.Errorf("grants of user %s: %w", x.ID, err)
	}
	x.Grants = grants
	if u.isNull() {
		u.skip(1)
		return nil
	}
	var d userDoc
	if err := json.Unmarshal([]byte(u.rText()), &d); err != nil {
		return fmt.Errorf("user %s: %w", x.ID, err)
	}
	x.Attributes, x.RequiredActions, x.Extra = d.Attributes, d.RequiredActions, d.Extra
	return nil
}

func encodeGrants(g model.Grants) (string, error) {
	if len(g.Roles) == 0 && len(g.Groups) == 0 {
		return "", nil
	}
	b, err := json.Marshal(g)
	return string(b), err
}

// decodeGrants reads users.grants. Every refresh does, so that the form in
// which ids are stored is read without a JSON decoder; any other JSON is too.
func decodeGrants(text string) (g model.Grants, err error) {
	if text == "" {
		return g, nil
	}
	rest, ok := strings.CutPrefix(text, "{")
	if ok {
		g.Roles, rest = cutIDs(rest, `"roles":[`)
		if len(g.Roles) > 0 {
			rest = strings.TrimPrefix(rest, ",")
		}
		g.Groups, rest = cutIDs(rest, `"groups":[`)
	}
	if rest == "}" {
		return g, nil
	}
	g = model.Grants{}
	err = json.Unmarshal([]byte(text), &g)
	return g, err
}

// cutIDs reads a list of plain strings that begins with prefix; when it is
// not one, nothing is cut.
func cutIDs(text, prefix string) (ids []string, rest string) {
	rest, ok := strings.CutPrefix(text, prefix)
	if !ok {
		return nil, text
	}
	list, rest, ok := strings.Cut(rest, "]")
	if !ok || strings.IndexByte(list, '\\') >= 0 {
		return nil, text
	}
	ids = make([]string, 0, 1+strings.Count(list, ","))
	for {
		var id string
		if list, ok = strings.CutPrefix(list, `"`); !ok {
			return nil, text
		}
		if id, list, ok = strings.Cut(list, `"`); !ok {
			return nil, text
		}
		ids = append(ids, id)
		if list == "" {
			return ids, rest
		}
		if list, ok = strings.CutPrefix(list, ","); !ok {
			return nil, text
		}
	}
}

// encodeUserDoc is users.doc, "" when there is nothing in it.
func encodeUserDoc(x *model.User) (string, error) {
	if len(x.Attributes) == 0 && len(x.RequiredActions) == 0 && len(x.Extra) == 0 {
		return "", nil
	}
	b, err := json.Marshal(userDoc{x.Attributes, x.RequiredActions, x.Extra})
	return string(b), err
}

// UserByID reads a user; ErrNotFound also for a user of another realm.
func (s *Store) UserByID(ctx context.Context, realm int64, id string) (*model.User, error) {
	var x *model.User
	err := s.read(ctx, func(c *conn) (err error) {
		x, err = userByID(c, realm, id)
		return err
	})
	return x, err
}

// UserByID reads a user inside a write.
func (tx *Tx) UserByID(realm int64, id string) (*model.User, error) { return userByID(tx.c, realm, id) }

func userByID(c *conn, realm int64, id string) (*model.User, error) {
	x := &model.User{ID: id}
	found, err := c.on(qUser).int(model.ShardOf(id)).id(id).int(realm).first(func(u *cursor) error { return scanUser(u, x) })
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("user %s: %w", id, ErrNotFound)
	}
	return x, nil
}

// UserByUsername reads a user by its name, in lower case. ErrNotFound.
func (s *Store) UserByUsername(ctx context.Context, realm int64, username string) (*model.User, error) {
	return s.userByName(ctx, realm, nameUser, username)
}

// UserByEmail reads a user by e-mail, in lower case; one of them where a realm
// allows duplicates. ErrNotFound.
func (s *Store) UserByEmail(ctx context.Context, realm int64, email string) (*model.User, error) {
	return s.userByName(ctx, realm, nameEmail, email)
}

func (s *Store) userByName(ctx context.Context, realm int64, kind, value string) (*model.User, error) {
	var x *model.User
	err := s.read(ctx, func(c *conn) (err error) {
		x, err = userByName(c, realm, kind, value)
		return err
	})
	return x, err
}

func userByName(c *conn, realm int64, kind, value string) (*model.User, error) {
	id, err := loginName(c, realm, kind, value)
	if err != nil {
		return nil, err
	}
	if id == "" {
		return nil, fmt.Errorf("user: %w", ErrNotFound)
	}
	return userByID(c, realm, id)
}

// loginName is the id of the user that holds a claim, "" for none.
func loginName(c *conn, realm int64, kind, value string) (id string, err error) {
	_, err = c.on(qLoginName).int(model.ShardOfName(realm, kind, value)).int(realm).text(kind).text(value).first(func(u *cursor) error {
		id = u.rID()
		return nil
	})
	return id, err
}

// UserAndPassword reads a user by name, or by e-mail if byEmail and no user
// has that name, with its passwords: one at most, unless a document was
// imported that has more. ErrNotFound.
func (s *Store) UserAndPassword(ctx context.Context, realm int64, login string, byEmail bool) (*model.User, []model.Credential, error) {
	var x *model.User
	var creds []model.Credential
	err := s.read(ctx, func(c *conn) error {
		id, err := loginName(c, realm, nameUser, login)
		if err == nil && id == "" && byEmail {
			id, err = loginName(c, realm, nameEmail, login)
		}
		if err != nil {
			return err
		}
		if id == "" {
			return fmt.Errorf("user: %w", ErrNotFound)
		}
		if x, err = userByID(c, realm, id); err != nil {
			return err
		}
		creds, err = credentials(c, id)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return x, slices.DeleteFunc(creds, func(cr model.Credential) bool { return cr.Type != typePassword }), nil
}

// UserForAccess reads the user of an access token without a session, and
// whether the token's id was revoked, in one statement. ErrNotFound.
func (s *Store) UserForAccess(ctx context.Context, realm int64, userID, jti string) (u *model.User, revoked bool, err error) {
	x := &model.User{ID: userID}
	err = s.read(ctx, func(c *conn) error {
		found, err := c.on(qUserForAccess).int(shardOfToken(jti)).id(jti).int(model.ShardOf(userID)).id(userID).int(realm).first(func(u *cursor) error {
			revoked = u.rFlag()
			return scanUser(u, x)
		})
		if err == nil && !found {
			err = fmt.Errorf("user %s: %w", userID, ErrNotFound)
		}
		return err
	})
	if err != nil {
		return nil, false, err
	}
	return x, revoked, nil
}

// shardOfToken is where a token id is revoked.
func shardOfToken(jti string) int64 { return model.ShardOfName(0, "jti", jti) }
