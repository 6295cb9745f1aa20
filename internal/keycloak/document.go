package keycloak

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"

	"github.com/latchkey-id/latchkey/internal/model"
)

// RealmDocument is a realm document with its names resolved to ids and
// Keycloak's defaults filled in, sorted by name. Num of realm and clients is
// 0; key components without key material and clients for which NeedsSecret
// holds still need theirs.
type RealmDocument struct {
	Realm      *model.Realm
	Clients    []*model.Client
	Scopes     []*model.ClientScope
	Roles      []*model.Role
	Groups     []*model.Group
	Components []*model.Component
	// Users are the document's users and the service accounts it leaves out.
	// ReadRealm leaves it nil and streams them.
	Users []*UserDocument

	made []*UserDocument // service accounts the document leaves out
}

// Config indexes the document's configuration.
func (d *RealmDocument) Config() (*model.Config, error) {
	return model.NewConfig(d.Realm, 0, d.Clients, d.Scopes, d.Roles, d.Groups, d.Components)
}

// ParseRealm reads a whole realm document: an export file or the body of
// POST /admin/realms. Ids in it are kept, missing ones are made by newID.
//
// Errors: *DocumentError, the first fault found.
func ParseRealm(doc []byte, newID func() string) (*RealmDocument, error) {
	if !json.Valid(doc) {
		return nil, syntaxError(json.Unmarshal(doc, new(json.RawMessage)))
	}
	d, users, err := ReadRealm(bytes.NewReader(doc), newID)
	if err != nil {
		return nil, err
	}
	names, mails, ids := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for u, err := range users {
		if err != nil {
			return nil, err
		}
		path := indexed("users", len(d.Users))
		switch {
		case names[u.User.Username]:
			return nil, &DocumentError{Path: path + ".username", Problem: fmt.Sprintf("user %q stands twice", u.User.Username)}
		case u.User.Email != "" && mails[u.User.Email] && !d.Realm.DuplicateEmailsAllowed:
			return nil, &DocumentError{Path: path + ".email", Problem: fmt.Sprintf("e-mail address %q stands twice", u.User.Email)}
		case ids[u.User.ID]:
			return nil, &DocumentError{Path: path + ".id", Problem: "another user has this id too"}
		}
		names[u.User.Username], mails[u.User.Email], ids[u.User.ID] = true, true, true
		d.Users = append(d.Users, u)
	}
	return d, nil
}

// ReadRealm is ParseRealm for documents of any size: memory does not grow with
// the number of users. It reads src twice, because users name what may stand
// behind them: the first pass skips over users; the second, on ranging over
// the sequence, yields them one by one, the service accounts that the document
// leaves out last. The sequence may be ranged over more than once, to check
// before writing; it ends at the first error. That no name or address stands
// twice among users is left to whoever stores them.
//
// Errors, here and in the sequence: *DocumentError, or src's own.
func ReadRealm(src io.ReadSeeker, newID func() string) (*RealmDocument, iter.Seq2[*UserDocument, error], error) {
	r := &reader{}
	top := &fields{reader: r, m: map[string]json.RawMessage{}}
	var service []serviceUser
	err := scan(src, top.m, func(i int, raw json.RawMessage) error {
		path := indexed("users", i)
		f := r.object(raw, path)
		u := serviceUser{path: path}
		f.str("serviceAccountClientId", &u.clientID)
		if u.clientID != "" {
			u.userID = f.id(newID)
			service = append(service, u)
		}
		return r.fault()
	})
	if err != nil {
		return nil, nil, err
	}
	s := readSource(top, newID)
	s.users = service
	r.checkRealmName("realm", s.realm.Name)
	if r.err != nil {
		return nil, nil, r.err
	}
	s.complete(newID)
	d, x := s.resolve(newID)
	if r.err != nil {
		return nil, nil, r.err
	}
	return d, streamUsers(src, d, x, newID), nil
}

// streamUsers is the second pass.
func streamUsers(src io.ReadSeeker, d *RealmDocument, x *index, newID func() string) iter.Seq2[*UserDocument, error] {
	return func(yield func(*UserDocument, error) bool) {
		*x.reader = reader{}
		stopped := false
		err := scan(src, nil, func(i int, raw json.RawMessage) error {
			f := x.object(raw, indexed("users", i))
			u := x.readUser(f, x.userID(f, newID))
			if x.err != nil {
				return x.err
			}
			if stopped = !yield(u, nil); stopped {
				return errStopped
			}
			return nil
		})
		if stopped {
			return
		}
		if err != nil {
			yield(nil, err)
			return
		}
		for _, u := range d.made {
			if !yield(u, nil) {
				return
			}
		}
	}
}

// userID makes missing ids; a service account keeps the one its client got in
// the first pass.
func (x *index) userID(f *fields, newID func() string) func() string {
	if raw := f.m["serviceAccountClientId"]; kind(raw) == 's' {
		if c := x.clients[unquote(raw)]; c != nil && c.ServiceUserID != "" {
			return func() string { return c.ServiceUserID }
		}
	}
	return newID
}

type stop struct{}

func (stop) Error() string { return "stopped" }

var errStopped error = stop{}

// scan reads a document's top level from its start: members but users go to
// into (when not nil), users one by one to each.
func scan(src io.ReadSeeker, into map[string]json.RawMessage, each func(i int, raw json.RawMessage) error) error {
	if _, err := src.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read document: %w", err)
	}
	dec := json.NewDecoder(src)
	if err := delim(dec, '{', ""); err != nil {
		return err
	}
	seen := map[string]bool{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return syntaxError(err)
		}
		name, _ := t.(string)
		if seen[name] {
			return &DocumentError{Path: name, Problem: "stands twice"}
		}
		seen[name] = true
		if name == "users" {
			if err := scanUsers(dec, each); err != nil {
				return err
			}
			continue
		}
		raw, err := next(dec, name)
		if err != nil {
			return err
		}
		if into != nil {
			into[name] = raw
		}
	}
	if _, err := dec.Token(); err != nil {
		return syntaxError(err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return &DocumentError{Problem: "something follows after the end"}
	}
	return nil
}

func scanUsers(dec *json.Decoder, each func(i int, raw json.RawMessage) error) error {
	t, err := dec.Token()
	switch {
	case err != nil:
		return syntaxError(err)
	case t == nil:
		return nil
	case t != json.Delim('['):
		return &DocumentError{Path: "users", Problem: "must be a list"}
	}
	for i := 0; dec.More(); i++ {
		raw, err := next(dec, indexed("users", i))
		if err != nil {
			return err
		}
		if err := each(i, raw); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return syntaxError(err)
	}
	return nil
}

func next(dec *json.Decoder, path string) (raw json.RawMessage, err error) {
	if err := dec.Decode(&raw); err != nil {
		return nil, syntaxError(err)
	}
	if tooDeep(raw, maxDepth) {
		return nil, &DocumentError{Path: path, Problem: fmt.Sprintf("nested too deep (more than %d levels)", maxDepth)}
	}
	return raw, nil
}

func delim(dec *json.Decoder, want json.Delim, path string) error {
	switch t, err := dec.Token(); {
	case err != nil:
		return syntaxError(err)
	case t != want:
		return &DocumentError{Path: path, Problem: "must be an object"}
	}
	return nil
}
