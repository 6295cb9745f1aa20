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

const sessionExplainLong = `Says of a session until when it lives and by which limit, or when it ended, why
and by whom: of each client in it, or with --client of one. Ended sessions are
known for 30 days. It is what GET /admin/realms/{realm}/offline-sessions/{id}/explain
answers.

The id alone is enough; ids that came from Keycloak need --realm and --user
beside them.`

func newSessionExplain(a *app) *cobra.Command {
	f, asJSON := sessionFilter{}, false
	cmd := &cobra.Command{
		Use:   "explain ID",
		Short: "Say why a session lives or ended",
		Long:  sessionExplainLong,
		Example: `  ID=$(latchkey session list --realm demo --max 1 | awk 'NR == 2 {print $1}')
  latchkey session explain "$ID"

  # Next: end it, and look again
  latchkey session revoke "$ID"
  latchkey session explain "$ID" --json`,
		Args: exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withTools(cmd.Context(), false, func(t *tools) error { return a.explain(cmd.Context(), t, args[0], f, asJSON) })
		},
	}
	a.takes(cmd, databaseSettings...)
	cmd.Flags().StringVar(&f.realm, "realm", "", "realm `NAME`")
	cmd.Flags().StringVar(&f.user, "user", "", "the session's user: `NAME` or id")
	cmd.Flags().StringVar(&f.client, "client", "", "only the part of this client: `CLIENTID`")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON, one list")
	return cmd
}

func (a *app) explain(ctx context.Context, t *tools, id string, f sessionFilter, asJSON bool) error {
	shard, snap, err := t.locate(ctx, id, f)
	if err != nil {
		return err
	}
	all, err := t.explanations(ctx, shard, id, f.client, snap)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return notFoundf("no session %s, or it ended more than 30 days ago", id)
	}
	if asJSON {
		return writeJSON(a.out, explanationDocuments(all))
	}
	for _, x := range all {
		fmt.Fprintf(a.out, "%s session %s of %s with %s, begun %s, last refresh %s.\n  %s\n",
			kind(x.Offline), x.SessionID, x.Username, clientOf(x), moment(x.Started), moment(x.LastRefresh), x.Text())
	}
	return nil
}

// explanations explain each client's part of the offline and the online session
// of an id; clientID "" means all clients.
func (t *tools) explanations(ctx context.Context, shard int64, id, clientID string, snap *realm.Snapshot) (all []*session.Explanation, err error) {
	for _, offline := range []bool{true, false} {
		parts, err := t.store.PartsOf(ctx, shard, id, offline)
		if err != nil {
			return nil, err
		}
		for _, v := range parts {
			s := snap
			if s == nil {
				s = t.realmByNum(ctx, v.RealmNum)
			}
			if s == nil || s.Realm.Num != v.RealmNum || clientID != "" && clientName(s, v.ClientNum) != clientID {
				continue
			}
			x, err := t.explainPart(ctx, s, v)
			if err != nil {
				return nil, err
			}
			all = append(all, x)
		}
	}
	return all, nil
}

func (t *tools) explainPart(ctx context.Context, snap *realm.Snapshot, v store.SessionView) (*session.Explanation, error) {
	var actors []int64
	for _, s := range t.realms.Snapshots(ctx) {
		if s.Realm.Name == realm.Master {
			actors = append(actors, s.Realm.Num)
		}
	}
	x, err := t.sessions.ExplainPart(ctx, snap.Config, v, actors...)
	if errors.Is(err, store.ErrNotFound) {
		return nil, notFoundf("no session %s", v.SessionID)
	}
	return x, err
}

func clientOf(x *session.Explanation) string {
	if x.Client == nil {
		return "a client that was deleted"
	}
	return x.Client.ClientID
}

// explanationDocument is an explained session in --json.
type explanationDocument struct {
	sessionDocument
	State   string        `json:"state"` // live, refused, ended
	Text    string        `json:"text"`
	Expires string        `json:"expires,omitempty"` // RFC 3339, UTC
	Rule    string        `json:"rule,omitempty"`
	Ended   *model.Ending `json:"ended,omitempty"` // At in Unix seconds
}

func explanationDocuments(all []*session.Explanation) []explanationDocument {
	docs := make([]explanationDocument, 0, len(all))
	for _, x := range all {
		d := explanationDocument{
			sessionDocument: sessionDocument{
				ID: x.SessionID, Kind: kind(x.Offline), Realm: x.Realm, UserID: x.UserID, Username: x.Username, ClientID: clientOf(x), Scopes: sortedScopes(x.Scope),
				Started: moment(x.Started), LastRefresh: moment(x.LastRefresh), IPAddress: x.IP,
			},
			State: x.State(), Text: x.Text(), Ended: x.Ended,
		}
		if x.Ended == nil && x.Client != nil {
			d.Expires, d.Rule = moment(x.Expires), x.Rule.Name
		}
		docs = append(docs, d)
	}
	return docs
}
