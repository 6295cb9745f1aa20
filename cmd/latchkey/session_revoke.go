package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/store"
)

const sessionRevokeLong = `Ends sessions, offline and online alike, and says which. Their refresh tokens and
access tokens are refused at once; applications that verify access tokens by
themselves take one until it expires.

  ID                  this session; its id alone is enough. With --client only
                      that client's share. Ids that came from Keycloak need
                      --realm and --user beside them.
  --user U            every session of a user; with --client only those with it
  --client C          every session of a client, however many, by one write

--dry-run says what would end, and ends nothing.`

type revocation struct {
	sessionFilter
	id     string
	dryRun bool
}

func newSessionRevoke(a *app) *cobra.Command {
	var r revocation
	cmd := &cobra.Command{
		Use:   "revoke ID | --user U | --client C",
		Short: "End sessions",
		Long:  sessionRevokeLong,
		Example: `  latchkey session revoke --realm demo --user user1 --dry-run
  latchkey session revoke --realm demo --user user1
  latchkey session revoke --realm demo --client offline-access-portal

  # Next: nothing is left
  latchkey session list --realm demo`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) > 1:
				return usagef("latchkey session revoke: give one ID")
			case len(args) == 1:
				r.id = args[0]
			case r.user == "" && r.client == "":
				return usagef("latchkey session revoke: give a session ID, --user or --client")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withTools(cmd.Context(), false, func(t *tools) error { return a.revoke(cmd.Context(), t, r) })
		},
	}
	a.takes(cmd, databaseSettings...)
	cmd.Flags().StringVar(&r.realm, "realm", "", "realm `NAME`")
	cmd.Flags().StringVar(&r.user, "user", "", "sessions of this user: `NAME` or id")
	cmd.Flags().StringVar(&r.client, "client", "", "sessions of this client: `CLIENTID`")
	cmd.Flags().BoolVar(&r.dryRun, "dry-run", false, "only say what would end")
	return cmd
}

func (a *app) revoke(ctx context.Context, t *tools, r revocation) error {
	if r.id != "" {
		return a.revokeOne(ctx, t, r)
	}
	snap, err := t.realm(ctx, r.realm)
	if err != nil {
		return err
	}
	client, user, err := t.clientAndUser(ctx, snap, r.sessionFilter)
	if err != nil {
		return err
	}
	if user == nil {
		return a.revokeClient(ctx, t, r, snap, client)
	}
	return a.revokeUser(ctx, t, r, snap, client, user)
}

func (r revocation) verb() string {
	if r.dryRun {
		return "Would end"
	}
	return "Ended"
}

// revokeClient ends a whole client by moving its generation: one row, whatever
// the number of sessions.
func (a *app) revokeClient(ctx context.Context, t *tools, r revocation, snap *realm.Snapshot, c *model.Client) error {
	offline, err := t.sessions.Count(ctx, snap.Config, c, true)
	if err != nil {
		return err
	}
	online, err := t.sessions.Count(ctx, snap.Config, c, false)
	if err != nil {
		return err
	}
	if !r.dryRun {
		if err = t.sessions.EndAllOfClient(ctx, snap.Realm.Num, c.Num, model.EndedByAdmin, model.ByCommand, nil); err != nil {
			return fmt.Errorf("end sessions of client %q: %w", c.ClientID, err)
		}
	}
	_, err = fmt.Fprintf(a.out, "%s all sessions of client %s: %d offline, %d online.\n", r.verb(), c.ClientID, offline, online)
	return err
}

// revokeUser ends a user's sessions, with one client or with all.
func (a *app) revokeUser(ctx context.Context, t *tools, r revocation, snap *realm.Snapshot, c *model.Client, u *model.User) error {
	var views []store.SessionView
	for _, online := range []bool{false, true} {
		f := r.sessionFilter
		f.online, f.max = online, int(^uint(0)>>1)
		some, err := t.find(ctx, snap, f)
		if err != nil {
			return err
		}
		views = append(views, some...)
	}
	switch {
	case r.dryRun:
	case c == nil:
		if _, err := t.sessions.EndAllOfUser(ctx, snap.Realm.Num, u.ID, true, true, model.EndedByAdmin, model.ByCommand, nil); err != nil {
			return err
		}
	default:
		for _, v := range views {
			if _, err := t.sessions.EndClient(ctx, store.KeyOf(&v.ClientSession), model.EndedByAdmin, model.ByCommand, nil); err != nil {
				return err
			}
		}
	}
	for _, v := range views {
		fmt.Fprintf(a.out, "%s %s session %s of %s with %s.\n", r.verb(), kind(v.Offline), v.SessionID, v.Username, clientName(snap, v.ClientNum))
	}
	if len(views) == 0 {
		fmt.Fprintf(a.out, "Nothing to end: %s has no live session.\n", u.Username)
	}
	return nil
}

// revokeOne ends a session by its id: the offline one, the online one, or both.
func (a *app) revokeOne(ctx context.Context, t *tools, r revocation) error {
	shard, snap, err := t.locate(ctx, r.id, r.sessionFilter)
	if err != nil {
		return err
	}
	ended, over := 0, ""
	for _, offline := range []bool{true, false} {
		us, all, err := t.store.FindUserSession(ctx, shard, r.id, offline)
		if errors.Is(err, store.ErrNotFound) {
			continue
		} else if err != nil {
			return err
		}
		s := snap
		if s == nil {
			if s = t.realmByNum(ctx, us.RealmNum); s == nil {
				continue
			}
		}
		if us.RealmNum != s.Realm.Num {
			continue
		}
		n, why, err := a.endFound(ctx, t, r, s, us, all)
		if err != nil {
			return err
		}
		if ended += n; over == "" {
			over = why
		}
	}
	switch {
	case ended > 0:
		return nil
	case over != "":
		return notFoundf("session %s is over: %s", r.id, over)
	}
	return notFoundf("no session %s", r.id)
}

// endFound ends what lives of a session that was found, and returns how many
// clients it had; why says how it ended before, if it did.
func (a *app) endFound(ctx context.Context, t *tools, r revocation, snap *realm.Snapshot, us *model.UserSession, all []model.ClientSession) (n int, why string, err error) {
	shard := model.ShardOf(us.UserID)
	for i := range all {
		cs := &all[i]
		if !cs.Live() || us.Ended != nil {
			why = ending(cs, us)
			continue
		}
		if r.client != "" && clientName(snap, cs.ClientNum) != r.client {
			continue
		}
		if r.client != "" && !r.dryRun {
			if _, err := t.sessions.EndClient(ctx, store.KeyOf(cs), model.EndedByAdmin, model.ByCommand, nil); err != nil {
				return n, why, err
			}
		}
		n++
		fmt.Fprintf(a.out, "%s %s session %s with %s.\n", r.verb(), kind(us.Offline), us.ID, clientName(snap, cs.ClientNum))
	}
	if n > 0 && r.client == "" && !r.dryRun {
		_, _, err = t.sessions.EndUserSession(ctx, snap.Config, session.End{Shard: shard, SessionID: us.ID, Offline: us.Offline, Reason: model.EndedByAdmin, By: model.ByCommand})
	}
	return n, why, err
}

// ending says when and why a session ended.
func ending(cs *model.ClientSession, us *model.UserSession) string {
	for _, e := range []*model.Ending{cs.Ended, cs.Superseded, us.Ended} {
		if e != nil {
			return fmt.Sprintf("it ended at %s (%s)", moment(e.At), e.Reason)
		}
	}
	return ""
}

// locate finds the shard of a session id, and the realm where one is named.
func (t *tools) locate(ctx context.Context, id string, r sessionFilter) (shard int64, snap *realm.Snapshot, err error) {
	if r.realm != "" || r.user != "" {
		if snap, err = t.realm(ctx, r.realm); err != nil {
			return 0, nil, err
		}
	}
	if r.user != "" {
		u, err := t.user(ctx, snap, r.user)
		if err != nil {
			return 0, nil, err
		}
		return model.ShardOf(u.ID), snap, nil
	}
	shard, ok := model.SessionShard(id)
	if !ok {
		return 0, nil, usagef("session %q: an id of this form does not tell where it lies, name its user too with --realm and --user", id)
	}
	return shard, snap, nil
}

func (t *tools) realmByNum(ctx context.Context, num int64) *realm.Snapshot {
	for _, s := range t.realms.Snapshots(ctx) {
		if s.Realm.Num == num {
			return s
		}
	}
	return nil
}
