package model

// Names of the limits a session can end by.
const (
	RuleRealmIdle       = "realm idle"        // of the user session, as the realm says
	RuleRealmMax        = "realm max"         // likewise
	RuleRealmClientIdle = "realm client idle" // of a client's part, as the realm says for all clients
	RuleRealmClientMax  = "realm client max"
	RuleClientIdle      = "client idle" // of a client's part, as the client says
	RuleClientMax       = "client max"
)

// Rule is the limit that ends a session if nobody refreshes or ends it.
type Rule struct {
	Name    string // one of those above
	Setting string // the member of the realm or the attribute of the client that says so
	Seconds int64  // its value
}

// limitSettings name where the limits of a kind of session are set.
type limitSettings struct{ realm, realmClient, client string }

var (
	offlineIdle = limitSettings{"offlineSessionIdleTimeout", "clientOfflineSessionIdleTimeout", "client.offline.session.idle.timeout"}
	offlineMax  = limitSettings{"offlineSessionMaxLifespan", "clientOfflineSessionMaxLifespan", "client.offline.session.max.lifespan"}
	onlineIdle  = limitSettings{"ssoSessionIdleTimeout", "clientSessionIdleTimeout", "client.session.idle.timeout"}
	onlineMax   = limitSettings{"ssoSessionMaxLifespan", "clientSessionMaxLifespan", "client.session.max.lifespan"}
)

// SessionExpiry tells when a client session ends, Unix seconds, if nobody
// refreshes it, and by which of its limits (SessionLimits). Of limits that come
// to the same second the idle one and the realm's is named.
func SessionExpiry(r *Realm, c *Client, s *ClientSession) (at int64, rule Rule) {
	l := SessionLimits(r, c, s)
	idle, longest := onlineIdle, onlineMax
	if s.Offline {
		idle, longest = offlineIdle, offlineMax
	} else if s.RememberMe {
		if r.SSOSessionIdleTimeoutRememberMe > r.SSOSessionIdleTimeout {
			idle.realm += "RememberMe"
		}
		if r.SSOSessionMaxLifespanRememberMe > r.SSOSessionMaxLifespan {
			longest.realm += "RememberMe"
		}
	}
	at = l.Dies(s)
	switch own := c.Seconds(idle.client) > 0; {
	case at != s.LastRefresh+min(l.Idle, l.RealmIdle)+l.SlackIdle:
	case l.RealmIdle <= l.Idle:
		return at, Rule{RuleRealmIdle, idle.realm, l.RealmIdle}
	case own:
		return at, Rule{RuleClientIdle, idle.client, l.Idle}
	default:
		return at, Rule{RuleRealmClientIdle, idle.realmClient, l.Idle}
	}
	switch {
	case at == l.RealmMax:
		return at, Rule{RuleRealmMax, longest.realm, at - s.UserStarted}
	case c.Seconds(longest.client) > 0:
		return at, Rule{RuleClientMax, longest.client, at - s.Started}
	}
	return at, Rule{RuleRealmClientMax, longest.realmClient, at - s.Started}
}

// InUseUntil is the second, Unix, until which the newest access token of a
// session may be valid. The stored last refresh may lag behind, so it is an
// upper bound while rotation is off.
func InUseUntil(r *Realm, c *Client, s *ClientSession) int64 {
	l := SessionLimits(r, c, s)
	at := s.LastRefresh
	if !r.RevokeRefreshToken {
		at += l.SlackIdle
	}
	return AccessTokenExpiry(r, c, l, at)
}
