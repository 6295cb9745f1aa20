package store

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/latchkey-id/latchkey/internal/model"
)

const (
	eventSelect = `select e.id, e.time_ms, e.type, e.realm_id, e.client_id, e.user_id, e.session_id, e.ip, e.error, e.details
 from event e where e.realm = $1 and e.time_ms >= $2 and e.time_ms <= $3
 and e.time_ms > coalesce((select p.at from purge p where p.realm = $1 and p.client = 0 and p.kind = 'events'), -1)
 and ($4 = '' or $4 like '%,' || e.type || ',%')
 and ($5 = '' or e.client_id = $5) and ($6 = '' or e.user_id = $6) and ($7 = '' or e.ip = $7)`

	adminEventSelect = `select e.id, e.time_ms, e.realm_id, e.auth_realm, e.auth_client, e.auth_user, e.ip, e.operation, e.resource_type,
 e.resource_path, e.representation, e.error, e.details
 from admin_event e where e.realm = $1 and e.time_ms >= $2 and e.time_ms <= $3
 and e.time_ms > coalesce((select p.at from purge p where p.realm = $1 and p.client = 0 and p.kind = 'admin_events'), -1)
 and ($4 = '' or $4 like '%,' || e.operation || ',%') and ($5 = '' or $5 like '%,' || e.resource_type || ',%')
 and ($6 = '' or e.resource_path like $6 escape '!')
 and ($7 = '' or e.auth_realm = $7) and ($8 = '' or e.auth_client = $8) and ($9 = '' or e.auth_user = $9) and ($10 = '' or e.ip = $10)`

	eventPage = 100 // events a list shows when the caller does not say
)

var (
	qEventInsert = stmt("insert event", `insert into event (sk, id, realm, time_ms, type, realm_id, client_id, user_id, session_id, ip, error, details)
 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) on conflict do nothing`)

	qAdminEventInsert = stmt("insert admin event", `insert into admin_event (sk, id, realm, time_ms, realm_id, auth_realm, auth_client, auth_user, ip,
 operation, resource_type, resource_path, representation, error, details)
 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) on conflict do nothing`)
)

// InsertEvent stores a user event; its id must be new.
func (tx *Tx) InsertEvent(e *model.Event) error {
	details, err := encodeDetails(e.Details)
	if err != nil {
		return err
	}
	n, err := tx.c.on(qEventInsert).int(model.ShardOf(e.ID)).id(e.ID).int(e.RealmNum).int(e.TimeMS).text(e.Type).text(e.RealmID).
		opt(e.ClientID).opt(e.UserID).opt(e.Session).opt(e.IP).opt(e.Error).opt(details).exec()
	if err == nil && n == 0 {
		err = &ConflictError{Kind: "id", Value: e.ID}
	}
	if f := tx.s.told().Event; f != nil {
		tx.committed = append(tx.committed, func() { f(e) })
	}
	return err
}

// InsertAdminEvent stores an admin event; its id must be new.
func (tx *Tx) InsertAdminEvent(e *model.AdminEvent) error {
	details, err := encodeDetails(e.Details)
	if err != nil {
		return err
	}
	n, err := tx.c.on(qAdminEventInsert).int(model.ShardOf(e.ID)).id(e.ID).int(e.RealmNum).int(e.TimeMS).text(e.RealmID).
		opt(e.AuthRealmID).opt(e.AuthClientID).opt(e.AuthUserID).opt(e.IP).text(e.Operation).text(e.ResourceType).
		opt(e.ResourcePath).opt(e.Representation).opt(e.Error).opt(details).exec()
	if err == nil && n == 0 {
		err = &ConflictError{Kind: "id", Value: e.ID}
	}
	if f := tx.s.told().AdminEvent; f != nil {
		tx.committed = append(tx.committed, func() { f(e) })
	}
	return err
}

func encodeDetails(m map[string]string) (string, error) {
	if len(m) == 0 {
		return "", nil
	}
	b, err := json.Marshal(m)
	if err != nil {
		return "", fmt.Errorf("event details: %w", err)
	}
	return string(b), nil
}

func decodeDetails(text string) (m map[string]string, err error) {
	if text != "" {
		err = json.Unmarshal([]byte(text), &m)
	}
	return m, err
}

// Events lists a realm's user events, the newest first unless f.Ascending.
func (s *Store) Events(ctx context.Context, realm int64, f EventFilter) ([]*model.Event, error) {
	q := qEventsDown
	if f.Ascending {
		q = qEventsUp
	}
	var all []*model.Event
	err := s.readLong(ctx, func(c *conn) error {
		u := bindTimes(c.on(q).int(realm), f.FromMS, f.ToMS).text(listOf(f.Types)).text(f.ClientID).text(f.UserID).text(f.IP)
		return bindEventPage(u, f.First, f.Max).each(func(u *cursor) (err error) {
			e := &model.Event{ID: u.rID(), TimeMS: u.rInt(), Type: u.rText(), RealmNum: realm, RealmID: u.rText(), ClientID: u.rText(),
				UserID: u.rText(), Session: u.rText(), IP: u.rText(), Error: u.rText()}
			e.Details, err = decodeDetails(u.rText())
			all = append(all, e)
			return err
		})
	})
	return all, err
}

// AdminEvents lists a realm's admin events, the newest first unless f.Ascending.
func (s *Store) AdminEvents(ctx context.Context, realm int64, f AdminEventFilter) ([]*model.AdminEvent, error) {
	q := qAdminEventsDown
	if f.Ascending {
		q = qAdminEventsUp
	}
	path := strings.ReplaceAll(likeEscaper.Replace(f.ResourcePath), "*", "%")
	var all []*model.AdminEvent
	err := s.readLong(ctx, func(c *conn) error {
		u := bindTimes(c.on(q).int(realm), f.FromMS, f.ToMS).text(listOf(f.Operations)).text(listOf(f.ResourceTypes)).text(path).
			text(f.AuthRealmID).text(f.AuthClientID).text(f.AuthUserID).text(f.IP)
		return bindEventPage(u, f.First, f.Max).each(func(u *cursor) (err error) {
			e := &model.AdminEvent{ID: u.rID(), TimeMS: u.rInt(), RealmNum: realm, RealmID: u.rText(), AuthRealmID: u.rText(),
				AuthClientID: u.rText(), AuthUserID: u.rText(), IP: u.rText(), Operation: u.rText(), ResourceType: u.rText(),
				ResourcePath: u.rText(), Representation: u.rText(), Error: u.rText()}
			e.Details, err = decodeDetails(u.rText())
			all = append(all, e)
			return err
		})
	})
	return all, err
}

func bindTimes(u *cursor, from, to int64) *cursor {
	if to <= 0 {
		to = math.MaxInt64
	}
	return u.int(from).int(to)
}

func bindEventPage(u *cursor, first, most int) *cursor {
	if most <= 0 {
		most = eventPage
	}
	return u.int(int64(most)).int(int64(max(first, 0)))
}

// listOf is ",a,b," for the statement to look a word up in; "" for any.
func listOf(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return "," + strings.Join(words, ",") + ","
}

// DeleteEvents clears a realm's user events: they are not listed any more and
// go with PurgeLeftovers.
func (tx *Tx) DeleteEvents(realm int64) error {
	return tx.clearEvents(qLastEvent, realm, purgeEvents)
}

// DeleteAdminEvents clears a realm's admin events, as DeleteEvents.
func (tx *Tx) DeleteAdminEvents(realm int64) error {
	return tx.clearEvents(qLastAdminEvent, realm, purgeAdminEvents)
}

func (tx *Tx) clearEvents(last *query, realm int64, kind string) error {
	at, err := tx.c.on(last).int(realm).number()
	if err != nil || at == 0 {
		return err
	}
	return tx.putPurge(realm, 0, kind, at)
}

// DeleteOldEvents removes up to limit user events older than beforeMS and
// returns how many.
func (tx *Tx) DeleteOldEvents(realm, beforeMS int64, limit int) (int, error) {
	return tx.c.on(qOldEvents).int(realm).int(beforeMS).int(int64(limit)).exec()
}

// DeleteOldAdminEvents removes up to limit admin events older than beforeMS.
func (tx *Tx) DeleteOldAdminEvents(realm, beforeMS int64, limit int) (int, error) {
	return tx.c.on(qOldAdminEvents).int(realm).int(beforeMS).int(int64(limit)).exec()
}
