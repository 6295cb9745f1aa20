package model

import "unicode/utf8"

// maxEventText is how many characters of a name that a stranger typed an event
// keeps: as many as a username may have.
const maxEventText = 255

// EventText shortens a name that was typed to maxEventText characters, and marks
// that it did.
func EventText(s string) string {
	if len(s) <= maxEventText || utf8.RuneCountInString(s) <= maxEventText {
		return s
	}
	n := 0
	for i := range s {
		if n++; n == maxEventText {
			return s[:i] + "…"
		}
	}
	return s
}

// Event is a user event in Keycloak's terms (EventRepresentation).
type Event struct {
	ID       string
	TimeMS   int64
	Type     string // LOGIN, REFRESH_TOKEN, …; errors end in _ERROR
	RealmNum int64
	RealmID  string
	ClientID string // clientId, as asked for
	UserID   string
	Session  string
	IP       string
	Error    string
	Details  map[string]string
}

// AdminEvent is an administrator's action (AdminEventRepresentation).
type AdminEvent struct {
	ID             string
	TimeMS         int64
	RealmNum       int64
	RealmID        string
	AuthRealmID    string
	AuthClientID   string
	AuthUserID     string
	IP             string
	Operation      string // CREATE, UPDATE, DELETE, ACTION
	ResourceType   string // USER, CLIENT, …
	ResourcePath   string
	Representation string // JSON, kept only when the realm asks for details
	Error          string
	Details        map[string]string
}
