package session

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
)

// NotePreparedBy is the session note of an offline session that another client
// prepared by token exchange: the clientId of that client. Lists of sessions
// may show it.
const NotePreparedBy = "prepared_by"

// noteExchangedFrom is the session note of a client's part that a token
// exchange made: the numbers of the clients whose tokens were exchanged, a
// space between. It ends with the part of any of them.
const noteExchangedFrom = "exchanged_from"

// Subject reads the live user session that a subject token belongs to, for
// client c to join. parts are the clients' live parts in it.
//
// Errors: model.ErrSessionGone.
func (s *Service) Subject(ctx context.Context, cfg *model.Config, c *model.Client, sessionID, userID string, offline bool) (us *model.UserSession, parts []model.ClientSession, err error) {
	key := Key(c, sessionID, userID, offline)
	us, all, err := s.Store.FindUserSession(ctx, key.Shard, sessionID, offline)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil, model.ErrSessionGone
	case err != nil:
		return nil, nil, fmt.Errorf("read session of subject: %w", err)
	case us.RealmNum != cfg.Realm.Num, us.Ended != nil:
		return nil, nil, model.ErrSessionGone
	}
	live := s.liveAny(cfg)
	for i := range all {
		if all[i].Live() && live(&all[i]) {
			parts = append(parts, all[i])
		}
	}
	if len(parts) == 0 {
		return nil, nil, model.ErrSessionGone
	}
	return us, parts, nil
}

// Part is the part of a client among those of a session, nil for none.
func Part(parts []model.ClientSession, client int64) *model.ClientSession {
	for i := range parts {
		if parts[i].ClientNum == client {
			return &parts[i]
		}
	}
	return nil
}

// AccessWithoutPart is Access for a token whose client has no part in the
// session, as token exchange hands out: it lives as long as any part does, of
// an offline session one whose client may still have offline access. The row's
// client session is the session as a whole.
//
// Errors: model.ErrSessionGone.
func (s *Service) AccessWithoutPart(ctx context.Context, cfg *model.Config, c *model.Client, sessionID, subject, jti string, offline bool) (row *model.SessionRow, revoked bool, err error) {
	us, parts, err := s.Subject(ctx, cfg, c, sessionID, subject, offline)
	if err != nil {
		return nil, false, err
	}
	u, revoked, err := s.Store.UserForAccess(ctx, cfg.Realm.Num, us.UserID, jti)
	if errors.Is(err, store.ErrNotFound) {
		return nil, false, model.ErrSessionGone
	} else if err != nil {
		return nil, false, fmt.Errorf("read user of session: %w", err)
	}
	roles := cfg.UserRoles(u.Grants)
	if offline && !slices.ContainsFunc(parts, func(cs model.ClientSession) bool {
		return cfg.OfflineStillGranted(cfg.ClientByNum(cs.ClientNum), roles)
	}) {
		return nil, false, model.ErrSessionGone
	}
	return &model.SessionRow{Session: *Whole(us, parts), UserSessionLive: true, User: *u}, revoked, nil
}

// Whole is a user session as a client session of no client, for tokens of a
// client without a part in it.
func Whole(us *model.UserSession, parts []model.ClientSession) *model.ClientSession {
	cs := &model.ClientSession{
		SessionID: us.ID, Offline: us.Offline, RealmNum: us.RealmNum, UserID: us.UserID, UserStarted: us.Started, Started: us.Started,
		RememberMe: us.RememberMe,
	}
	for i := range parts {
		cs.LastRefresh = max(cs.LastRefresh, parts[i].LastRefresh)
		cs.Notes = loginNotes(parts[i].Notes, cs.Notes)
	}
	return cs
}

// LoginNotes are those of a session's notes that tell how and with what the
// person logged in; nil for none.
func LoginNotes(notes map[string]string) map[string]string { return loginNotes(notes, nil) }

// loginNotes are LoginNotes of two sessions; those of first go first.
func loginNotes(first, then map[string]string) map[string]string {
	var out map[string]string
	for _, from := range []map[string]string{then, first} {
		for _, name := range []string{NoteAuthTime, "acr", "amr", model.NoteUserAgent} {
			if v := from[name]; v != "" {
				if out == nil {
					out = map[string]string{}
				}
				out[name] = v
			}
		}
	}
	return out
}

// While is a Record that is stored only while a session lives: the write it
// belongs to fails with model.ErrSessionGone when us has ended meanwhile. us
// names the session and its user; nil is none to look at.
func While(us *model.UserSession, rec Record) Record {
	if us == nil {
		return rec
	}
	return func(tx *store.Tx) error {
		if err := lives(tx, us.UserID, us.ID, us.Offline); err != nil {
			return err
		}
		return rec.in(tx)
	}
}

// Joined is a client that joins an online session by token exchange, for
// refresh tokens of its own.
type Joined struct {
	Session *model.UserSession
	Parts   []model.ClientSession // as Subject read them
	From    int64                 // the client whose token it brought
	Scope   string
	// Prepare makes the answer for the client's part, before anything is
	// written. The Record it returns is stored with it.
	Prepare func(cs *model.ClientSession) (Record, error)
}

// Join gives a client a part in a session, or goes on with the one it has.
//
// Errors: model.ErrSessionGone when the session ended meanwhile.
func (s *Service) Join(ctx context.Context, cfg *model.Config, c *model.Client, in Joined, now int64) error {
	us := in.Session
	cs := &model.ClientSession{
		SessionID: us.ID, ClientNum: c.Num, RealmNum: us.RealmNum, UserID: us.UserID, UserStarted: us.Started, Started: now,
		LastRefresh: now, RememberMe: us.RememberMe, Scope: in.Scope, Notes: in.notes(c),
	}
	if own := Part(in.Parts, c.Num); own != nil {
		cs.Started, cs.LastRefresh = own.Started, max(now, own.LastRefresh)
	}
	rec, err := in.Prepare(cs)
	if err != nil {
		return err
	}
	err = s.Store.Write(ctx, func(tx *store.Tx) error {
		if err := lives(tx, us.UserID, us.ID, false); err != nil {
			return err
		}
		if err := tx.AttachSession(us, cs, model.SessionLimits(cfg.Realm, c, cs).Dies(cs)); err != nil {
			return err
		}
		return rec.in(tx)
	})
	if err != nil {
		return fmt.Errorf("join session: %w", err)
	}
	return nil
}

// notes are those of the joining client's part. A part the client has by a
// login of its own keeps its notes: it does not end with the other client's.
func (in *Joined) notes(c *model.Client) map[string]string {
	from := map[int64]bool{in.From: true}
	if own := Part(in.Parts, c.Num); own != nil {
		earlier := exchangedFrom(own)
		if len(earlier) == 0 {
			return own.Notes
		}
		maps.Copy(from, earlier)
	}
	delete(from, c.Num)
	if len(from) == 0 { // its token had no part behind it: whose it came of is not known
		for i := range in.Parts {
			from[in.Parts[i].ClientNum] = true
		}
	}
	notes := LoginNotes(Whole(in.Session, in.Parts).Notes)
	if notes == nil {
		notes = map[string]string{}
	}
	var list []string
	for _, num := range slices.Sorted(maps.Keys(from)) {
		list = append(list, strconv.FormatInt(num, 10))
	}
	notes[noteExchangedFrom] = strings.Join(list, " ")
	return notes
}

// exchangedFrom are the numbers of the clients whose tokens made a part.
func exchangedFrom(cs *model.ClientSession) map[int64]bool {
	from := map[int64]bool{}
	for word := range strings.FieldsSeq(cs.Notes[noteExchangedFrom]) {
		if num, err := strconv.ParseInt(word, 10, 64); err == nil {
			from[num] = true
		}
	}
	return from
}

// ExchangedFrom lists the clients whose live parts end with that of key, since
// they came of its tokens, and so on.
func (s *Service) ExchangedFrom(ctx context.Context, key store.SessionKey) ([]int64, error) {
	if key.Offline {
		return nil, nil
	}
	_, parts, err := s.Store.FindUserSession(ctx, key.Shard, key.SessionID, false)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return exchangedWith(parts, key.ClientNum), err
}

// exchangedWith follows the exchanges that began with tokens of a client.
func exchangedWith(parts []model.ClientSession, client int64) []int64 {
	found := []int64{client}
	for at := 0; at < len(found); at++ {
		for i := range parts {
			if cs := &parts[i]; cs.Live() && !slices.Contains(found, cs.ClientNum) && exchangedFrom(cs)[found[at]] {
				found = append(found, cs.ClientNum)
			}
		}
	}
	return found[1:]
}

// endExchanged ends the parts of clients that came of tokens of the client
// whose part has ended.
func endExchanged(tx *store.Tx, key store.SessionKey, e model.Ending) error {
	_, parts, err := tx.FindUserSession(key.Shard, key.SessionID, false)
	if err != nil {
		return err
	}
	for _, num := range exchangedWith(parts, key.ClientNum) {
		other := key
		other.ClientNum = num
		if _, err := tx.EndClientSession(other, e); err != nil {
			return err
		}
	}
	return nil
}
