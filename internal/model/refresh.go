package model

import "errors"

// Decisions of CheckRefresh and Chain.Use, one for each answer a door gives.
var (
	ErrSessionGone       = errors.New("session not found, ended or expired")
	ErrSessionNotActive  = errors.New("session no longer valid in its realm")
	ErrClientSessionGone = errors.New("session has no live part for the client")
	ErrBeforeSession     = errors.New("token issued before the user session started")
	ErrBeforeClient      = errors.New("token issued before the client session started")
	ErrStale             = errors.New("token issued before a not-before")
	ErrUserDisabled      = errors.New("user disabled")
	ErrOfflineNotGranted = errors.New("offline access not granted any more")
	ErrReused            = errors.New("refresh token used too often")
	ErrSuperseded        = errors.New("refresh token superseded")
)

// RefreshUse is what a presented refresh token says, after its signature.
type RefreshUse struct {
	JTI      string
	ChainID  string // reuse_id, "" when it has none
	IssuedAt int64
	Offline  bool
}

// CheckRefresh decides whether a refresh token may be used at now, before
// rotation is looked at. It is pure: row is what one read yielded.
// The order is Keycloak's (behaviour §3.5, rows 12 to 23).
//
// Errors: those above, compared with errors.Is.
func CheckRefresh(cfg *Config, c *Client, t RefreshUse, row *SessionRow, now int64) error {
	s, u := &row.Session, &row.User
	if sup := s.Superseded; sup != nil && sup.Reason == EndedByUserLogout && s.Offline {
		return ErrStale
	}
	limits := SessionLimits(cfg.Realm, c, s)
	realmOver := s.LastRefresh+limits.RealmIdle+limits.SlackIdle < now || limits.RealmMax > 0 && limits.RealmMax <= now
	if !row.UserSessionLive || s.Superseded != nil || realmOver {
		return ErrSessionGone
	}
	if s.RememberMe && !cfg.Realm.RememberMe {
		return ErrSessionNotActive
	}
	if !u.Enabled {
		return ErrUserDisabled
	}
	if t.IssuedAt+1 < s.UserStarted {
		return ErrBeforeSession
	}
	if !s.Live() {
		return ErrClientSessionGone
	}
	if _, over := limits.Expired(s, now); over {
		return ErrClientSessionGone
	}
	if t.IssuedAt+1 < s.Started {
		return ErrBeforeClient
	}
	if t.IssuedAt < LatestNotBefore(cfg.Realm, c, u) {
		return ErrStale
	}
	if t.Offline && !cfg.OfflineStillGranted(c, cfg.UserRoles(u.Grants)) {
		return ErrOfflineNotGranted
	}
	return nil
}

// UseChain advances the rotation state of a client session for one use of a
// refresh token, whose successor has newJTI and is issued at newIssued. It
// returns the changed chain list, main chain first; the session is not changed.
//
// A token is good when its chain has no state yet, when it is the newest, or
// when it is used again at most maxReuse times. Keycloak also accepts an older
// token of the same second; here, with maxReuse 0, only the newest passes.
//
// Errors: ErrReused (used too often), ErrSuperseded (an older link): both end
// the client session (behaviour §4.5). ErrStale: of a chain that was forgotten,
// which ends nothing.
func UseChain(s *ClientSession, t RefreshUse, maxReuse int, newJTI string, newIssued int64) (Chain, []Chain, error) {
	main, more := s.Chain, append([]Chain(nil), s.MoreChains...)
	i := -1 // -1 is the main chain
	switch {
	case main.ID == t.ChainID:
	case main == Chain{}:
	default:
		for k := range more {
			if more[k].ID == t.ChainID {
				i = k
			}
		}
		if i < 0 {
			var err error
			if more, err = addChain(more, t); err != nil {
				return Chain{}, nil, err
			}
			i = len(more) - 1
		}
	}
	ch := main
	if i >= 0 {
		ch = more[i]
	}
	next, err := ch.use(t, maxReuse, newJTI, newIssued)
	if err != nil {
		return Chain{}, nil, err
	}
	if i < 0 {
		return next, more, nil
	}
	more[i] = next
	return main, more, nil
}

// MaxChains bounds the chains of a client session beside its main one. Each is
// a login of the client in the same session, which Keycloak counts without
// end; every one lies in the row a refresh reads, at about 150 bytes.
const MaxChains = 31

// addChain makes room for a chain first seen with t. Beyond MaxChains the one
// unused for longest is forgotten. Its tokens are older than any use of those
// kept, by which they are known if they come again: an old link must not pass
// for the beginning of a new chain.
func addChain(more []Chain, t RefreshUse) ([]Chain, error) {
	if len(more) >= MaxChains {
		oldest := 0
		for k := range more {
			if more[k].Issued < more[oldest].Issued {
				oldest = k
			}
		}
		if t.IssuedAt <= more[oldest].Issued {
			return nil, ErrStale
		}
		more = append(more[:oldest], more[oldest+1:]...)
	}
	return append(more, Chain{ID: t.ChainID}), nil
}

func (ch Chain) use(t RefreshUse, maxReuse int, newJTI string, newIssued int64) (Chain, error) {
	next := Chain{ID: t.ChainID, Used: t.JTI, Uses: 1, Current: newJTI, Issued: newIssued}
	switch {
	case ch.Used == t.JTI && ch.Used != "":
		if ch.Uses > maxReuse {
			return Chain{}, ErrReused
		}
		next.Uses = ch.Uses + 1
	case ch.Current == "" && ch.Used == "", t.JTI == ch.Current:
	case t.IssuedAt < ch.Issued:
		return Chain{}, ErrSuperseded
	case maxReuse == 0:
		return Chain{}, ErrReused
	}
	return next, nil
}
