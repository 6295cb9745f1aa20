package session

import (
	"context"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
)

// Filter selects offline sessions of a realm. All members must hold; the zero
// Filter selects all.
type Filter struct {
	User          *model.User
	Client        *model.Client
	UsedBefore    int64  // last refresh before this second, Unix; 0: whenever
	StartedBefore int64  // likewise the start of the client's part
	Scope         string // a scope that was granted
}

// Empty tells whether f selects every offline session of the realm.
func (f Filter) Empty() bool { return f == Filter{} }

// wholeClient tells whether f selects all offline sessions of one client.
func (f Filter) wholeClient() bool { return f.Client != nil && f == Filter{Client: f.Client} }

// scan is the walk that f stands for.
func (s *Service) scan(ctx context.Context, cfg *model.Config, f Filter, after store.Place, limit int) (store.Scan, error) {
	in := store.Scan{
		Realm: cfg.Realm.Num, Offline: true, UsedBefore: f.UsedBefore, StartedBefore: f.StartedBefore,
		Live: s.liveAny(cfg), After: after, Max: limit,
	}
	if f.Scope != "" {
		in.Scope = func(text string) bool { return slices.Contains(strings.Fields(text), f.Scope) }
	}
	if f.User != nil {
		in.UserID = f.User.ID
	}
	switch {
	case f.Client != nil:
		in.Clients = []int64{f.Client.Num}
	case f.User != nil:
		for _, c := range cfg.Clients {
			in.Clients = append(in.Clients, c.Num)
		}
		slices.Sort(in.Clients)
	default:
		var err error
		if in.Clients, err = s.Store.ClientsWithSessions(ctx, cfg.Realm.Num, true); err != nil {
			return in, err
		}
	}
	return in, nil
}

// Page lists up to limit live offline sessions behind a place, the zero Place
// for the first page. It may hold fewer, even none, while next is not nil: a
// page looks at a bounded number of rows. next is nil at the end.
func (s *Service) Page(ctx context.Context, cfg *model.Config, f Filter, after store.Place, limit int) (views []store.SessionView, next *store.Place, err error) {
	in, err := s.scan(ctx, cfg, f, after, limit)
	if err != nil {
		return nil, nil, err
	}
	found, err := s.Store.Scan(ctx, in)
	if err != nil {
		return nil, nil, err
	}
	views, err = s.Store.Views(ctx, found.Found)
	return views, found.Next, err
}

// CountPage counts live offline sessions behind a place. All of a client and
// all of the realm come in one step, others in as many as next asks for: their
// numbers add up.
func (s *Service) CountPage(ctx context.Context, cfg *model.Config, f Filter, after store.Place) (n int64, next *store.Place, err error) {
	switch {
	case after != store.Place{}:
	case f.wholeClient():
		n, err = s.Count(ctx, cfg, f.Client, true)
		return n, nil, err
	case f.Empty():
		all, err := s.Stats(ctx, cfg)
		for _, x := range all {
			n += x.Offline
		}
		return n, nil, err
	}
	in, err := s.scan(ctx, cfg, f, after, 0)
	if err != nil {
		return 0, nil, err
	}
	found, err := s.Store.Scan(ctx, in)
	return int64(len(found.Found)), found.Next, err
}
