package model

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
