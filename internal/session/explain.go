package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
)

// Explanation is a client's part of a session with what decides whether it
// lives.
type Explanation struct {
	store.SessionView
	Realm   string        // its name
	Client  *model.Client // nil when it was deleted
	Ended   *model.Ending // nil while it lives
	EndedBy string        // name of the user Ended.By stands for; "" when none is known
	// Refused is why its tokens are refused although nothing ended it: an error
	// of model.CheckRefresh; nil when they are not.
	Refused error
	Expires int64 // Unix seconds; 0 when the client was deleted
	Rule    model.Rule
	InUse   int64 // until when its newest access token may be valid, Unix seconds
}

// ErrSeveralClients asks which client's part of a session is meant.
var ErrSeveralClients = errors.New("session has parts of several clients")

// Describe adds to a session of a list until when it lives and why. It reads
// nothing: Refused is not looked for.
func (s *Service) Describe(cfg *model.Config, v store.SessionView) *Explanation {
	x := &Explanation{SessionView: v, Realm: cfg.Realm.Name, Client: cfg.ClientByNum(v.ClientNum)}
	if x.Ended = v.Ended; x.Ended == nil {
		x.Ended = v.Superseded
	}
	if x.Client == nil {
		return x
	}
	x.Expires, x.Rule = model.SessionExpiry(cfg.Realm, x.Client, &v.ClientSession)
	x.InUse = model.InUseUntil(cfg.Realm, x.Client, &v.ClientSession)
	if reason, over := model.SessionLimits(cfg.Realm, x.Client, &v.ClientSession).Expired(&v.ClientSession, s.now()); over && x.Ended == nil {
		x.Ended = &model.Ending{At: x.Expires, Reason: reason} // the sweeper will write it
	}
	return x
}

// Explain reads a session by its id, also one that ended in the last 30 days,
// and says when, why and by whom it ended, or until when it lives. shard is
// where it lies; clientID, when set, says which client's part is meant. Names of
// who ended it are looked for in the realm and in actors, numbers of realms.
//
// Errors: store.ErrNotFound, ErrSeveralClients.
func (s *Service) Explain(ctx context.Context, cfg *model.Config, shard int64, sessionID, clientID string, offline bool, actors ...int64) (*Explanation, error) {
	parts, err := s.Store.PartsOf(ctx, shard, sessionID, offline)
	if err != nil {
		return nil, err
	}
	parts = slices.DeleteFunc(parts, func(v store.SessionView) bool {
		c := cfg.ClientByNum(v.ClientNum)
		return v.RealmNum != cfg.Realm.Num || clientID != "" && (c == nil || c.ClientID != clientID && c.ID != clientID)
	})
	switch {
	case len(parts) == 0:
		return nil, fmt.Errorf("session: %w", store.ErrNotFound)
	case len(parts) > 1:
		return nil, ErrSeveralClients
	}
	return s.ExplainPart(ctx, cfg, parts[0], actors...)
}

// ExplainPart is Explain of a client's part that was read.
func (s *Service) ExplainPart(ctx context.Context, cfg *model.Config, v store.SessionView, actors ...int64) (x *Explanation, err error) {
	x = s.Describe(cfg, v)
	if x.Ended != nil {
		x.EndedBy, err = s.nameOf(ctx, x.Ended.By, append(actors, cfg.Realm.Num))
		return x, err
	}
	return x, s.refuse(ctx, cfg, x)
}

// nameOf is the username of the user of an id, "" when there is none.
func (s *Service) nameOf(ctx context.Context, userID string, realms []int64) (string, error) {
	for _, realm := range realms {
		u, err := s.Store.UserByID(ctx, realm, userID)
		if err == nil {
			return u.Username, nil
		}
		if !errors.Is(err, store.ErrNotFound) {
			return "", err
		}
	}
	return "", nil
}

// refuse sets why the newest token of a session would be refused.
func (s *Service) refuse(ctx context.Context, cfg *model.Config, x *Explanation) error {
	if x.Client == nil {
		x.Refused = model.ErrSessionGone
		return nil
	}
	row, err := s.Store.SessionForRefresh(ctx, store.KeyOf(&x.ClientSession))
	switch {
	case errors.Is(err, store.ErrNotFound):
		x.Refused = model.ErrSessionGone
	case err != nil:
		return err
	case !x.Client.Enabled:
		x.Refused = ErrClientDisabled
	default:
		newest := model.RefreshUse{Offline: x.Offline, IssuedAt: max(x.Chain.Issued, x.LastRefresh, x.Started)}
		x.Refused = model.CheckRefresh(cfg, x.Client, newest, row, s.now())
	}
	return nil
}

// ErrClientDisabled is why no token of a disabled client is taken.
var ErrClientDisabled = errors.New("client disabled")

// State is "live", "refused" or "ended".
func (x *Explanation) State() string {
	switch {
	case x.Ended != nil:
		return "ended"
	case x.Refused != nil:
		return "refused"
	}
	return "live"
}

// Device is what the person logged in with, "" when it is not known.
func (x *Explanation) Device() string {
	return model.UserAgentOf(x.Notes[model.NoteUserAgent]).String()
}

// PreparedBy is the client that prepared the session for another; "" for none.
func (x *Explanation) PreparedBy() string { return x.Notes[NotePreparedBy] }

// Text is the explanation in one sentence.
func (x *Explanation) Text() string {
	switch x.State() {
	case "ended":
		return x.endedText()
	case "refused":
		return "Nothing ended it, but its tokens are refused: " + x.Refused.Error() + "."
	}
	how := "unless it is refreshed before"
	if strings.HasSuffix(x.Rule.Name, "max") {
		how = "at the latest"
	}
	return fmt.Sprintf("Lives until %s, %s: %s (%s, %d seconds).", moment(x.Expires), how, x.Rule.Name, x.Rule.Setting, x.Rule.Seconds)
}

func (x *Explanation) endedText() string {
	text := "Ended"
	if x.Ended.At > 0 {
		text += " at " + moment(x.Ended.At)
	}
	switch {
	case x.EndedBy != "":
		text += " by user " + x.EndedBy
	case x.Ended.By != "":
		text += " by " + x.Ended.By
	}
	if why := model.ReasonText(x.Ended.Reason); why != "" {
		text += ": " + why
	}
	return text + "."
}

func moment(at int64) string { return time.Unix(at, 0).UTC().Format(time.RFC3339) }
