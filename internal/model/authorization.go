package model

// AuthorizationRequest is what a client asks for at the authorization endpoint.
type AuthorizationRequest struct {
	ClientID            string   `json:"client_id"`
	RedirectURI         string   `json:"redirect_uri"`
	ResponseType        string   `json:"response_type"`
	ResponseMode        string   `json:"response_mode"`
	Scope               string   `json:"scope"`
	State               string   `json:"state,omitempty"`
	Nonce               string   `json:"nonce,omitempty"`
	Prompt              []string `json:"prompt,omitempty"`
	MaxAge              int64    `json:"max_age"`
	LoginHint           string   `json:"login_hint,omitempty"`
	UILocales           string   `json:"ui_locales,omitempty"`
	ACRValues           string   `json:"acr_values,omitempty"`
	Claims              string   `json:"claims,omitempty"`
	CodeChallenge       string   `json:"code_challenge,omitempty"`
	CodeChallengeMethod string   `json:"code_challenge_method,omitempty"`
}

// Wants tells whether the answer is to hold a code, a token or an id_token.
func (a *AuthorizationRequest) Wants(part string) bool { return HasWord(a.ResponseType, part) }

// AuthorizationError is a refused request.
type AuthorizationError struct {
	Code, Description                string
	Trusted                          bool
	RedirectURI, ResponseMode, State string
	Page                             string
	Status                           int
}
