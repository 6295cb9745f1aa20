package model

import (
	"slices"
	"strconv"
	"strings"
)

// AuthorizationRequest is what a client asks for at the authorization
// endpoint, checked. It is stored as JSON while a person logs in.
type AuthorizationRequest struct {
	ClientID            string   `json:"client_id"`
	RedirectURI         string   `json:"redirect_uri"`                    // where the answer goes
	RedirectURISent     bool     `json:"redirect_uri_sent,omitempty"`     // else the only one registered; a token request then need not repeat it
	ResponseType        string   `json:"response_type"`                   // "none", or words of: code id_token token, in this order, once each
	ResponseMode        string   `json:"response_mode"`                   // query, fragment, form_post
	Scope               string   `json:"scope,omitempty"`                 // as sent; every word is a scope of the client
	State               *string  `json:"state,omitempty"`                 // nil: not sent; an empty one goes back empty
	Nonce               string   `json:"nonce,omitempty"`                 // "" also when it was sent empty
	Prompt              []string `json:"prompt,omitempty"`                // all words, unknown ones too
	MaxAge              int64    `json:"max_age"`                         // seconds since the password; -1: not asked
	LoginHint           string   `json:"login_hint,omitempty"`            // up to 255 characters
	UILocales           string   `json:"ui_locales,omitempty"`            // by preference, separated by spaces
	Claims              string   `json:"claims,omitempty"`                // as sent (OpenID Connect Core §5.5)
	Display             string   `json:"display,omitempty"`               //
	IDTokenHint         string   `json:"id_token_hint,omitempty"`         // not verified
	IDPHint             string   `json:"kc_idp_hint,omitempty"`           // alias of an identity provider
	Action              string   `json:"kc_action,omitempty"`             // required action the application starts, e.g. UPDATE_PASSWORD
	CodeChallenge       string   `json:"code_challenge,omitempty"`        // RFC 7636 §4.2
	CodeChallengeMethod string   `json:"code_challenge_method,omitempty"` // S256, plain; "" without a challenge

	ACR ACRRequest `json:"acr,omitzero"` // from claims, acr_values and the client's defaults
}

// Wants tells whether the answer is to hold a code, an id_token, a token.
func (a *AuthorizationRequest) Wants(what string) bool { return HasWord(a.ResponseType, what) }

// Prompts tells whether prompt has a word. Beside others none still counts: for
// Core §3.1.2.1 that is an error, in Keycloak "none login" is login_required.
func (a *AuthorizationRequest) Prompts(word string) bool { return slices.Contains(a.Prompt, word) }

// AuthorizationError is a refused authorization request.
type AuthorizationError struct {
	// Trusted tells that the answer may go to RedirectURI, in ResponseMode and
	// with State: that URI is one of the client's. Else a page is shown.
	Trusted      bool
	Code         string // error; "" for a page
	Description  string // error_description; may be empty
	RedirectURI  string
	ResponseMode string
	State        *string

	Status int    // of the page
	Page   string // key of its message, or the text itself where there is no key
	Args   []any  // {0}, {1} … of the message

	ClientID          string // as asked for, known or not
	ResponseType      string // as far as it was read; "" before
	ResponseTypeKnown bool   // type and mode could be read
	Cause             string // error of the event LOGIN_ERROR, e.g. client_not_found
	Reason            string // its detail "reason"; may be empty
}

func (e *AuthorizationError) Error() string {
	if e.Reason == "" {
		return e.Cause
	}
	return e.Cause + ": " + e.Reason
}

// InvalidAuthorization is the page for a request that cannot be read; it tells
// no more than that. reason is for the event.
func InvalidAuthorization(reason string) *AuthorizationError {
	return &AuthorizationError{Status: 400, Page: "invalidRequestMessage", Cause: "invalid_request", Reason: reason}
}

// Of names the client an error is about, and returns it.
func (e *AuthorizationError) Of(c *Client) *AuthorizationError {
	e.ClientID = c.ClientID
	return e
}

// page is an error that stays here.
func page(status int, cause, key string, args ...any) *AuthorizationError {
	return &AuthorizationError{Status: status, Page: key, Args: args, Cause: cause}
}

// invalidAuthorization is an error for the client.
func invalidAuthorization(description string) *AuthorizationError {
	return &AuthorizationError{Trusted: true, Code: "invalid_request", Description: description, Cause: "invalid_request", Reason: description}
}

// unexplained is an error for the client whose event has no reason.
func unexplained(description string) *AuthorizationError {
	e := invalidAuthorization(description)
	e.Reason = ""
	return e
}

// AuthorizationClient finds the client of a request, the first thing that is
// checked: the keys of request objects are the client's.
func AuthorizationClient(cfg *Config, p AuthorizationParams) (*Client, *AuthorizationError) {
	id, ok := p.Lookup("client_id")
	if !ok || slices.Contains(p.Repeated, "client_id") {
		return nil, InvalidAuthorization("Parameter 'client_id' not present or present multiple times in the HTTP request parameters")
	}
	c := cfg.Client(id)
	var fault *AuthorizationError
	switch {
	case c == nil:
		fault = page(400, "client_not_found", "clientNotFoundMessage")
	case !c.Enabled:
		fault = page(400, "client_disabled", "clientDisabledMessage")
	case c.BearerOnly:
		fault = page(403, "not_allowed", "bearerOnlyMessage")
	case c.Protocol != "" && c.Protocol != "openid-connect":
		fault = page(400, "invalid_client", "Wrong client protocol.")
		fault.Reason = fault.Page
	default:
		return c, nil
	}
	fault.ClientID = id
	return nil, fault
}

// CheckAuthorization applies Keycloak's checks in Keycloak's order (each put to
// a Keycloak 26.7.2, two faults at a time): client, syntax, redirect URI,
// response type and mode, flows of the client, what stands beside an object,
// pushed requests, repeated parameters, scopes, nonce, PKCE, ACR values. A parameter
// "request" or "request_uri" must have been resolved before (Within): left in p,
// it is refused.
//
// RFC 6749 §4.1.1, §4.2.1; OpenID Connect Core §3; RFC 7636 §4.3, §4.4.1.
func CheckAuthorization(cfg *Config, p AuthorizationParams) (*AuthorizationRequest, *AuthorizationError) {
	c, fault := AuthorizationClient(cfg, p)
	if fault != nil {
		return nil, fault
	}
	a, fault := p.request(c)
	known := false // of the fault: response type and mode were read
	for i, check := range []func(*Config, *Client, AuthorizationParams) *AuthorizationError{
		a.checkRedirect, a.checkResponse, a.checkFlow, a.checkBeside, a.checkPushed, a.checkScope, a.checkNonce, a.checkPKCE, a.checkACR, a.checkCreate,
	} {
		if fault == nil {
			fault, known = check(cfg, c, p), i > 1
		}
	}
	if fault == nil {
		return a, nil
	}
	fault.ClientID, fault.RedirectURI, fault.ResponseMode, fault.State = c.ClientID, a.RedirectURI, a.ResponseMode, a.State
	fault.ResponseType, fault.ResponseTypeKnown = a.ResponseType, known
	return nil, fault
}

// request reads what needs no decision; never nil, also with a fault.
func (p AuthorizationParams) request(c *Client) (*AuthorizationRequest, *AuthorizationError) {
	a := &AuthorizationRequest{
		ClientID: c.ClientID, Scope: p.get("scope"), Nonce: p.get("nonce"), Prompt: strings.Fields(p.get("prompt")), MaxAge: -1,
		LoginHint: p.get("login_hint"), UILocales: p.get("ui_locales"), Claims: p.get("claims"), Display: p.get("display"),
		IDTokenHint: p.get("id_token_hint"), IDPHint: p.get("kc_idp_hint"), Action: p.get("kc_action"),
		CodeChallenge: p.get("code_challenge"), CodeChallengeMethod: p.get("code_challenge_method"),
	}
	if state, ok := p.Lookup("state"); ok {
		a.State = &state
	}
	for _, unresolved := range []string{"request", "request_uri"} {
		if _, ok := p.Lookup(unresolved); ok {
			return a, InvalidAuthorization("Parameter '" + unresolved + "' is not supported")
		}
	}
	if s, ok := p.Lookup("max_age"); ok {
		n, err := strconv.ParseInt(s, 10, 32) // an int in Keycloak; "+5" is one
		if err != nil {
			return a, InvalidAuthorization("Parameter 'max_age' is not a number")
		}
		a.MaxAge = max(n, 0) // nothing is younger than a negative age
	}
	return a, nil
}

// checkRedirect settles where the answer goes. Only a request without openid
// may leave it out, and only when the client has one place to go.
func (a *AuthorizationRequest) checkRedirect(_ *Config, c *Client, p AuthorizationParams) *AuthorizationError {
	a.RedirectURI, a.RedirectURISent = p.Lookup("redirect_uri")
	if !a.RedirectURISent && !HasWord(a.Scope, "openid") && len(c.RedirectURIs) == 1 {
		a.RedirectURI = c.onlyRedirect()
	}
	allowed := c.RedirectAllowed(a.RedirectURI)
	if mode, _ := p.Lookup("response_mode"); mode == "query" {
		allowed = allowed || c.routeAllowed(a.RedirectURI)
	}
	if !allowed || !plainRedirect(a.RedirectURI) {
		return page(400, "invalid_redirect_uri", "invalidParameterMessage", "redirect_uri")
	}
	return nil
}

// onlyRedirect is the one registered URI, without a trailing wildcard.
func (c *Client) onlyRedirect() string {
	uri := strings.TrimSuffix(c.absolute(c.RedirectURIs[0]), "/*")
	if strings.HasSuffix(uri, "*") {
		return "" // "http://host/a*" names no place; Keycloak redirects to the star
	}
	return uri
}

// checkResponse settles type and mode, and so where errors go from here on.
func (a *AuthorizationRequest) checkResponse(_ *Config, _ *Client, p AuthorizationParams) *AuthorizationError {
	a.ResponseMode = "query"
	mode, asked := p.Lookup("response_mode")
	known := slices.Contains(ResponseModes, mode)
	if known {
		a.ResponseMode = mode
	}
	responseType, ok := p.Lookup("response_type")
	if !ok {
		return invalidAuthorization("Missing parameter: response_type")
	}
	if a.ResponseType, ok = canonicalResponseType(responseType); !ok {
		a.ResponseType = responseType
		fault := invalidAuthorization("Unsupported response_type")
		fault.Code, fault.Description = "unsupported_response_type", ""
		return fault
	}
	switch {
	case asked && !known:
		return invalidAuthorization("Invalid parameter: response_mode")
	case a.throughBrowser() && mode == "query":
		return invalidAuthorization("Response_mode 'query' not allowed for implicit or hybrid flow")
	case a.throughBrowser() && !asked:
		a.ResponseMode = "fragment"
	}
	return nil
}

// throughBrowser tells whether tokens are in the answer: implicit and hybrid
// flow.
func (a *AuthorizationRequest) throughBrowser() bool { return a.Wants("token") || a.Wants("id_token") }

// checkFlow: the client must have the flows on that the response type takes.
func (a *AuthorizationRequest) checkFlow(_ *Config, c *Client, _ AuthorizationParams) *AuthorizationError {
	var off string
	switch {
	case (a.Wants("code") || a.ResponseType == "none") && !c.StandardFlowEnabled:
		off = "Standard"
	case a.throughBrowser() && !c.ImplicitFlowEnabled:
		off = "Implicit"
	default:
		return nil
	}
	fault := invalidAuthorization("Client is not allowed to initiate browser login with given response_type. " + off + " flow is disabled for the client.")
	fault.Code, fault.Cause = "unauthorized_client", "not_allowed"
	return fault
}

// ResponseModes are the ways an answer can take (OAuth 2.0 Multiple Response
// Type Encoding Practices §2.1, Form Post Response Mode).
var ResponseModes = []string{"query", "fragment", "form_post"}

// ResponseTypes are the values of response_type, words in canonical order.
var ResponseTypes = []string{"code", "none", "id_token", "token", "id_token token", "code id_token", "code token", "code id_token token"}

// canonicalResponseType puts words in order, each once. A blank at either end is
// tolerated, two between words are not, as in Keycloak.
func canonicalResponseType(s string) (string, bool) {
	words := strings.Split(strings.Trim(s, " "), " ")
	var out []string
	for _, w := range []string{"code", "none", "id_token", "token"} {
		if slices.Contains(words, w) {
			out = append(out, w)
			words = slices.DeleteFunc(words, func(v string) bool { return v == w })
		}
	}
	canonical := strings.Join(out, " ")
	return canonical, len(words) == 0 && slices.Contains(ResponseTypes, canonical)
}

// checkBeside: what stands beside an object must not ask for another answer.
func (a *AuthorizationRequest) checkBeside(_ *Config, _ *Client, p AuthorizationParams) *AuthorizationError {
	if p.Claimed != nil && *p.Claimed != p.get("response_type") {
		return unexplained("Parameter response_type does not match")
	}
	return nil
}

// RequiresPushedRequests is client attribute
// require.pushed.authorization.requests (RFC 9126 §6).
func (c *Client) RequiresPushedRequests() bool {
	return c.Flag("require.pushed.authorization.requests", false)
}

func (a *AuthorizationRequest) checkPushed(_ *Config, c *Client, p AuthorizationParams) *AuthorizationError {
	switch {
	case c.RequiresPushedRequests() && !p.Pushed:
		return invalidAuthorization("Pushed Authorization Request is only allowed.")
	case len(p.Repeated) > 0:
		return unexplained("duplicated parameter")
	}
	return nil
}

// checkScope: every word is one of the client's scopes.
func (a *AuthorizationRequest) checkScope(cfg *Config, c *Client, p AuthorizationParams) *AuthorizationError {
	if _, sent := p.Lookup("scope"); !sent {
		return nil
	}
	if _, ok := cfg.RequestScopes(c, a.Scope); ok && wellSpaced(a.Scope) {
		return nil
	}
	fault := invalidAuthorization("Invalid scopes: " + a.Scope)
	fault.Code = "invalid_scope"
	return fault
}

// wellSpaced: one space between words (RFC 6749 §3.3). Keycloak tolerates more
// at the end, but an empty list is none.
func wellSpaced(scope string) bool {
	words := strings.TrimRight(scope, " ")
	if words == "" {
		return scope != ""
	}
	return words[0] != ' ' && !strings.Contains(words, "  ") && !strings.ContainsFunc(words, func(r rune) bool { return r < ' ' })
}

// checkNonce: OpenID Connect Core §3.2.2.1 and §3.3.2.11 demand one where an ID
// token comes through the browser; Keycloak takes an empty one.
func (a *AuthorizationRequest) checkNonce(_ *Config, _ *Client, p AuthorizationParams) *AuthorizationError {
	if _, sent := p.Lookup("nonce"); !sent && a.Wants("id_token") {
		return invalidAuthorization("Missing parameter: nonce")
	}
	return nil
}

// checkCreate: nobody registers himself here.
func (a *AuthorizationRequest) checkCreate(*Config, *Client, AuthorizationParams) *AuthorizationError {
	if len(a.Prompt) == 1 && a.Prompt[0] == "create" {
		return page(400, "invalid_request", "Registration not allowed")
	}
	return nil
}
