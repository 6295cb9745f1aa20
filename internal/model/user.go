package model

// User is a person or a service account. Times: CreatedMS is Unix
// milliseconds (Keycloak's createdTimestamp), NotBefore Unix seconds.
type User struct {
	ID            string
	RealmNum      int64
	Username      string // lower case
	Email         string // lower case, "" for none
	FirstName     string
	LastName      string
	Enabled       bool
	EmailVerified bool
	CreatedMS     int64
	NotBefore     int64 // tokens issued before are stale
	// ServiceClientID is the ID of the client whose service account this is.
	ServiceClientID string
	Grants          Grants
	Attributes      map[string][]string
	RequiredActions []string
	Extra           Extra
}

// Grants are the roles and groups a user is given directly, as ids.
type Grants struct {
	Roles  []string `json:"roles,omitempty"`
	Groups []string `json:"groups,omitempty"`
}

// Credential is a stored credential in Keycloak's two JSON strings.
type Credential struct {
	ID             string
	Type           string // password
	Label          string
	CreatedMS      int64
	Priority       int
	SecretData     string // {"value":…,"salt":…,"additionalParameters":{}}
	CredentialData string // {"hashIterations":…,"algorithm":…,"additionalParameters":{…}}
}

// Consent is what a user allowed a client.
type Consent struct {
	ClientID  string   // the client's ID
	ScopeIDs  []string // client scope ids
	CreatedMS int64
	UpdatedMS int64
}
