package model

import (
	"maps"
	"time"
)

// Reasons a session ended. They are stored, shown to operators and never to
// anonymous callers.
const (
	EndedByLogout      = "logout"          // POST /logout with its token
	EndedByRevoke      = "revoke"          // POST /revoke with its token
	EndedByAdmin       = "admin"           // DELETE /sessions/{id}, session revoke
	EndedByConsent     = "consent_revoked" // the consent or offline grant was taken back
	EndedByReplay      = "refresh_reuse"   // a superseded refresh token was used again
	EndedByUserLogout  = "user_logout"     // all sessions of the user
	EndedByUser        = "user"            // the user ended it in the account REST
	EndedByRealmLogout = "realm_logout"    // all sessions of the realm
	EndedByCodeReplay  = "code_reuse"      // an authorization code was used twice
	EndedByOffline     = "offline_only"    // the browser login was for offline access alone
	EndedByIdle        = "idle"            // nobody refreshed it in time
	EndedByMax         = "max_lifespan"    // its maximum lifetime passed
	EndedByRememberMe  = "remember_me_off" // the realm switched remember-me off
	EndedByDeletion    = "client_deleted"  // the client was deleted

	// EndedByUserDeletion is in the log alone: the rows go with the user's.
	EndedByUserDeletion = "user_deleted"
)

// reasonTexts say each reason to an operator.
var reasonTexts = map[string]string{
	EndedByLogout:      "a logout with a token of the session, or of its person in a browser",
	EndedByRevoke:      "its token was revoked by the client",
	EndedByAdmin:       "an administrator ended it",
	EndedByConsent:     "the consent or the offline grant of the client was taken back",
	EndedByReplay:      "a refresh token that had been replaced was used again",
	EndedByUserLogout:  "all sessions of the user were ended",
	EndedByUser:        "the person ended it in their account",
	EndedByRealmLogout: "all sessions of the realm were ended",
	EndedByCodeReplay:  "the authorization code was used twice",
	EndedByOffline:     "the browser login was for offline access alone",
	EndedByIdle:        "nobody refreshed it in time",
	EndedByMax:         "its maximum lifetime passed",
	EndedByRememberMe:  "the realm switched remember-me off",
	EndedByDeletion:    "the client was deleted",
}

// ReasonText says a reason in words; "" for one that is not known.
func ReasonText(reason string) string { return reasonTexts[reason] }

// ByCommand is who ended a session by a command of this program.
const ByCommand = "latchkey command"

// Ending says when, why and by whom a session ended. By is a user id, a
// clientId, ByCommand, or "" where its time passed.
type Ending struct {
	At     int64
	Reason string
	By     string
}

// UserSession is one login. With Offline set it is what stays of it for
// offline access; the twin of a browser login has the same ID.
type UserSession struct {
	ID         string // the sid of every token
	Offline    bool
	RealmNum   int64
	UserID     string
	Started    int64
	IP         string
	RememberMe bool
	Ended      *Ending // nil while it lives
}

// ClientSession is one client's share of a UserSession: what a refresh reads
// and writes. Its key is (SessionID, ClientNum, Offline).
type ClientSession struct {
	SessionID   string
	ClientNum   int64
	Offline     bool
	RealmNum    int64
	UserID      string
	UserStarted int64 // start of the user session it belongs to
	Started     int64
	LastRefresh int64 // may lag behind by up to TouchEvery when rotation is off
	RememberMe  bool
	Scope       string            // scope granted at login, as in the first refresh token
	Notes       map[string]string // session notes read by mappers: AUTH_TIME, acr, clientHost, …
	Chain       Chain
	MoreChains  []Chain // further rotation chains of the same client session, at most MaxChains
	Version     int64   // counts the writes of this row: a guarded update names it
	Ended       *Ending
	// Superseded is set when the realm, the client or the user ended all
	// sessions after this one was made; its Reason says which.
	Superseded *Ending
}

// Live tells whether nothing ended the session; timeouts are not looked at.
func (s *ClientSession) Live() bool { return s.Ended == nil && s.Superseded == nil }

// Chain is the rotation state of one line of refresh tokens (reuse_id).
type Chain struct {
	ID      string `json:"id"`   // reuse_id; "" for tokens issued while rotation was off
	Used    string `json:"used"` // jti last used
	Uses    int    `json:"uses"` // how often Used was used
	Current string `json:"cur"`  // jti issued for that use: the newest token
	Issued  int64  `json:"iat"`  // iat of Current
}

// SessionRow is what one read for a refresh yields: the client session and
// the user it belongs to, in one statement.
type SessionRow struct {
	Session ClientSession
	// UserSessionLive is false when the whole user session was ended.
	UserSessionLive bool
	User            User
}

// Limits are the lifetimes that apply to a client session, in Unix seconds;
// 0 in a max means no maximum.
type Limits struct {
	Idle      int64 // seconds without a refresh, for this client
	RealmIdle int64 // seconds without a refresh, as the realm says
	MaxEnd    int64 // when this client's session ends at the latest
	RealmMax  int64 // when the user session ends at the latest
	SlackIdle int64 // the stored LastRefresh may lag by this much
}

// OfflineMaxLimited tells whether offline tokens carry exp: only when the
// realm limits the maximum (behaviour §2.4).
func (r *Realm) OfflineMaxLimited() bool { return r.OfflineSessionMaxLifespanEnabled }

// SessionLimits computes a client session's lifetimes (behaviour §4.4).
func SessionLimits(r *Realm, c *Client, s *ClientSession) Limits {
	var l Limits
	if s.Offline {
		l.RealmIdle = r.OfflineSessionIdleTimeout
		l.Idle = firstPositive(c.Seconds("client.offline.session.idle.timeout"), r.ClientOfflineSessionIdleTimeout, r.OfflineSessionIdleTimeout)
		if r.OfflineSessionMaxLifespanEnabled {
			l.RealmMax = s.UserStarted + r.OfflineSessionMaxLifespan
		}
		own := c.Seconds("client.offline.session.max.lifespan")
		if r.OfflineSessionMaxLifespanEnabled || own > 0 {
			l.MaxEnd = earliest(s.Started+firstPositive(own, r.ClientOfflineSessionMaxLifespan, r.OfflineSessionMaxLifespan), l.RealmMax)
		}
	} else {
		idle, lifespan := r.SSOSessionIdleTimeout, r.SSOSessionMaxLifespan
		if s.RememberMe {
			idle, lifespan = max(idle, r.SSOSessionIdleTimeoutRememberMe), max(lifespan, r.SSOSessionMaxLifespanRememberMe)
		}
		l.RealmIdle, l.RealmMax = idle, s.UserStarted+lifespan
		l.Idle = firstPositive(c.Seconds("client.session.idle.timeout"), r.ClientSessionIdleTimeout, idle)
		l.MaxEnd = earliest(s.Started+firstPositive(c.Seconds("client.session.max.lifespan"), r.ClientSessionMaxLifespan, lifespan), l.RealmMax)
	}
	l.SlackIdle = int64(TouchEvery(min(l.Idle, l.RealmIdle)) / time.Second)
	return l
}

// TouchEvery is how stale the stored last refresh may become before a refresh
// without rotation writes it: a hundredth of the idle limit, at most a minute.
func TouchEvery(idleSeconds int64) time.Duration {
	return min(time.Minute, time.Duration(idleSeconds)*time.Second/100)
}

// Dies is the earliest second at which the session could be over if nobody
// refreshed it: a lower bound, since a later refresh moves it.
func (l Limits) Dies(s *ClientSession) int64 {
	end := s.LastRefresh + min(l.Idle, l.RealmIdle) + l.SlackIdle
	return earliest(end, earliest(l.MaxEnd, l.RealmMax))
}

// Expired tells whether the session's time is over at now, and why.
func (l Limits) Expired(s *ClientSession, now int64) (reason string, over bool) {
	switch {
	case s.LastRefresh+min(l.Idle, l.RealmIdle)+l.SlackIdle < now:
		return EndedByIdle, true
	case l.MaxEnd > 0 && l.MaxEnd <= now, l.RealmMax > 0 && l.RealmMax <= now:
		return EndedByMax, true
	}
	return "", false
}

// AccessTokenExpiry is exp of an access token issued at now for a session;
// it never outlives the session's maximum.
func AccessTokenExpiry(r *Realm, c *Client, l Limits, now int64) int64 {
	life := c.Seconds("access.token.lifespan")
	switch {
	case life == -1: // as long as the session may last; an endless one, as long as a login
		if l.RealmMax == 0 {
			return earliest(now+r.SSOSessionMaxLifespan, l.MaxEnd)
		}
		return earliest(l.RealmMax, l.MaxEnd)
	case life <= 0:
		life = r.AccessTokenLifespan
	}
	return earliest(now+life, l.MaxEnd)
}

// RefreshTokenExpiry is exp of a refresh token issued at now, 0 for none: an
// offline token has none unless the realm limits the maximum.
func RefreshTokenExpiry(r *Realm, l Limits, offline bool, now int64) int64 {
	if offline && !r.OfflineSessionMaxLifespanEnabled {
		return 0
	}
	return earliest(earliest(now+l.Idle, now+l.RealmIdle), l.MaxEnd)
}

// LatestNotBefore is the not-before that counts: the latest of realm, client
// and user (design §3).
func LatestNotBefore(r *Realm, c *Client, u *User) int64 {
	return max(r.NotBefore, c.NotBefore, u.NotBefore)
}

func firstPositive(vs ...int64) int64 {
	for _, v := range vs {
		if v > 0 {
			return v
		}
	}
	return 0
}

// earliest is the smaller of two moments, where 0 means never.
func earliest(a, b int64) int64 {
	switch {
	case a == 0:
		return b
	case b == 0:
		return a
	}
	return min(a, b)
}

// NoteOfflineWithoutRefresh marks the online session of a login that asked for
// offline access at a client that gets no refresh tokens: its access tokens say
// that they belong to an offline session.
const NoteOfflineWithoutRefresh = "offline_without_refresh"

// NotesAttached are the notes of a client session that another login of the
// client goes on with: those of the new login, and what tokens of before need.
func NotesAttached(old, next map[string]string) map[string]string {
	mark := old[NoteOfflineWithoutRefresh]
	if mark == "" || next[NoteOfflineWithoutRefresh] != "" {
		return next
	}
	kept := make(map[string]string, len(next)+1)
	maps.Copy(kept, next)
	kept[NoteOfflineWithoutRefresh] = mark
	return kept
}
