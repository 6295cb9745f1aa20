package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/store"
)

func newSession(a *app) *cobra.Command {
	return group(&cobra.Command{
		Use:   "session",
		Short: "List, explain and revoke sessions",
		Long: `Lists, explains and revokes sessions, directly in the database. A revoked
session's tokens are refused at once, by a running server too.`,
		Example: `  latchkey session list --realm demo
  latchkey session revoke --realm demo --user user1 --dry-run`,
	}, newSessionList(a), newSessionExplain(a), newSessionRevoke(a))
}

// sessionFilter says which sessions a command is about.
type sessionFilter struct {
	realm, user, client string
	online              bool
	first, max          int
}

const sessionListLong = `Lists live sessions of a realm, one line for each client in a session: offline
sessions, or with --online those of people logged in now. --user and --client
narrow the list.

Lists come in pages of --max; the last line says how to get the next one.
LAST REFRESH may lag by up to a minute while rotation is off.`

func newSessionList(a *app) *cobra.Command {
	f, asJSON := sessionFilter{}, false
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List live sessions",
		Long:  sessionListLong,
		Example: `  latchkey session list --realm demo
  latchkey session list --realm demo --user user1 --json
  latchkey session list --realm demo --client offline-access-portal --first 100

  # Next: end the first one
  ID=$(latchkey session list --realm demo --max 1 | awk 'NR == 2 {print $1}')
  latchkey session revoke "$ID"`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.first < 0 || f.max < 1 {
				return usagef("--first must not be negative, --max must be at least 1")
			}
			return a.withTools(cmd.Context(), false, func(t *tools) error {
				return a.listSessions(cmd.Context(), t, f, asJSON)
			})
		},
	}
	a.takes(cmd, databaseSettings...)
	cmd.Flags().StringVar(&f.realm, "realm", "", "realm `NAME`")
	cmd.Flags().StringVar(&f.user, "user", "", "only of this user: `NAME` or id")
	cmd.Flags().StringVar(&f.client, "client", "", "only of this client: `CLIENTID`")
	cmd.Flags().BoolVar(&f.online, "online", false, "online sessions instead of offline ones")
	cmd.Flags().IntVar(&f.first, "first", 0, "skip so many")
	cmd.Flags().IntVar(&f.max, "max", 100, "show so many at most")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON, one list")
	return cmd
}

func (a *app) listSessions(ctx context.Context, t *tools, f sessionFilter, asJSON bool) error {
	snap, err := t.realm(ctx, f.realm)
	if err != nil {
		return err
	}
	ask := f
	ask.max++ // one more than asked for tells whether there is a next page
	views, err := t.find(ctx, snap, ask)
	if err != nil {
		return err
	}
	more := len(views) > f.max
	if more {
		views = views[:f.max]
	}
	if asJSON {
		return writeJSON(a.out, sessionDocuments(snap, views))
	}
	if err := writeTable(a.out, sessionHeader, sessionRows(snap, views)); err != nil {
		return err
	}
	if more {
		fmt.Fprintf(a.err, "There are more: --first %d\n", f.first+f.max)
	}
	return nil
}

// find reads the page of live sessions that f asks for.
func (t *tools) find(ctx context.Context, snap *realm.Snapshot, f sessionFilter) ([]store.SessionView, error) {
	client, user, err := t.clientAndUser(ctx, snap, f)
	if err != nil {
		return nil, err
	}
	var views []store.SessionView
	switch {
	case user != nil && client != nil:
		views, err = t.sessions.OfUserClient(ctx, snap.Config, client, user.ID, !f.online)
	case user != nil:
		views, err = t.sessions.OfUser(ctx, snap.Config, user.ID, !f.online)
	case client != nil:
		return t.sessions.OfClient(ctx, snap.Config, client, !f.online, f.first, f.max)
	default:
		return t.findAll(ctx, snap, f)
	}
	if err != nil {
		return nil, err
	}
	views = views[min(f.first, len(views)):]
	return views[:min(f.max, len(views))], nil
}

// findAll pages over the clients of a realm, by clientId.
func (t *tools) findAll(ctx context.Context, snap *realm.Snapshot, f sessionFilter) ([]store.SessionView, error) {
	stats, err := t.sessions.Stats(ctx, snap.Config)
	if err != nil {
		return nil, err
	}
	count := map[int64]int64{}
	for _, s := range stats {
		count[s.ClientNum] = s.Offline
		if f.online {
			count[s.ClientNum] = s.Online
		}
	}
	var views []store.SessionView
	first := int64(f.first)
	for _, c := range snap.Clients {
		if n := count[c.Num]; first >= n {
			first -= n
			continue
		}
		page, err := t.sessions.OfClient(ctx, snap.Config, c, !f.online, int(first), f.max-len(views))
		if err != nil {
			return nil, err
		}
		views, first = append(views, page...), 0
		if len(views) >= f.max {
			break
		}
	}
	return views, nil
}

// clientAndUser finds what --client and --user name; nil for what they do not.
func (t *tools) clientAndUser(ctx context.Context, snap *realm.Snapshot, f sessionFilter) (c *model.Client, u *model.User, err error) {
	if f.client != "" {
		if c, err = findClient(snap, f.client); err != nil {
			return nil, nil, err
		}
	}
	if f.user != "" {
		if u, err = t.user(ctx, snap, f.user); err != nil {
			return nil, nil, err
		}
	}
	return c, u, nil
}

func findClient(snap *realm.Snapshot, clientID string) (*model.Client, error) {
	if c := snap.Client(clientID); c != nil {
		return c, nil
	}
	return nil, notFoundf("no client %q in realm %q: latchkey client list --realm %s shows them", clientID, snap.Realm.Name, snap.Realm.Name)
}

// user finds a user by name, else by id.
func (t *tools) user(ctx context.Context, snap *realm.Snapshot, name string) (*model.User, error) {
	u, err := t.store.UserByUsername(ctx, snap.Realm.Num, strings.ToLower(name))
	if errors.Is(err, store.ErrNotFound) {
		u, err = t.store.UserByID(ctx, snap.Realm.Num, name)
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil, notFoundf("no user %q in realm %q: latchkey user list --realm %s shows them", name, snap.Realm.Name, snap.Realm.Name)
	}
	return u, err
}

var sessionHeader = []string{"ID", "KIND", "USER", "CLIENT", "STARTED", "LAST REFRESH", "IP"}

func sessionRows(snap *realm.Snapshot, views []store.SessionView) [][]string {
	rows := make([][]string, 0, len(views))
	for _, v := range views {
		rows = append(rows, []string{
			v.SessionID, kind(v.Offline), v.Username, clientName(snap, v.ClientNum), moment(v.Started), moment(v.LastRefresh), v.IP,
		})
	}
	return rows
}

// sessionDocument is a session in --json.
type sessionDocument struct {
	ID          string   `json:"id"`
	Kind        string   `json:"kind"` // offline, online
	Realm       string   `json:"realm"`
	UserID      string   `json:"userId"`
	Username    string   `json:"username"`
	ClientID    string   `json:"clientId"`
	Scopes      []string `json:"scopes"`
	Started     string   `json:"started"`     // RFC 3339, UTC
	LastRefresh string   `json:"lastRefresh"` // RFC 3339, UTC
	IPAddress   string   `json:"ipAddress,omitempty"`
}

func sessionDocuments(snap *realm.Snapshot, views []store.SessionView) []sessionDocument {
	docs := make([]sessionDocument, 0, len(views))
	for _, v := range views {
		docs = append(docs, sessionDocument{
			ID: v.SessionID, Kind: kind(v.Offline), Realm: snap.Realm.Name, UserID: v.UserID, Username: v.Username,
			ClientID: clientName(snap, v.ClientNum), Scopes: sortedScopes(v.Scope), Started: moment(v.Started), LastRefresh: moment(v.LastRefresh), IPAddress: v.IP,
		})
	}
	return docs
}

func sortedScopes(text string) []string {
	scopes := strings.Fields(text)
	slices.Sort(scopes)
	return scopes
}

func kind(offline bool) string {
	if offline {
		return "offline"
	}
	return "online"
}

func clientName(snap *realm.Snapshot, num int64) string {
	if c := snap.ClientByNum(num); c != nil {
		return c.ClientID
	}
	return "?"
}
