package model

import (
	"errors"
	"net/url"
	"strings"
)

func CheckAuthorization(cfg *Config, params func(string) (string, bool)) (*AuthorizationRequest, *AuthorizationError) {
	get := func(n string) string { v, _ := params(n); return v }
	a := &AuthorizationRequest{ClientID: get("client_id"), RedirectURI: get("redirect_uri"), ResponseType: get("response_type"), ResponseMode: get("response_mode"),
		Scope: get("scope"), State: get("state"), Nonce: get("nonce"), Prompt: strings.Fields(get("prompt")), MaxAge: -1, LoginHint: get("login_hint"), CodeChallenge: get("code_challenge"), CodeChallengeMethod: get("code_challenge_method")}
	c := cfg.Client(a.ClientID)
	if c == nil {
		return nil, &AuthorizationError{Code: "client_not_found", Page: "clientNotFoundMessage", Status: 400}
	}
	if !c.RedirectAllowed(a.RedirectURI) {
		return nil, &AuthorizationError{Code: "invalid_redirect_uri", Page: "invalidRedirectUriMessage", Status: 400}
	}
	if a.ResponseMode == "" {
		a.ResponseMode = "query"
	}
	fault := func(code, d string) (*AuthorizationRequest, *AuthorizationError) {
		return nil, &AuthorizationError{Code: code, Description: d, Trusted: true, RedirectURI: a.RedirectURI, ResponseMode: a.ResponseMode, State: a.State}
	}
	if (a.Wants("token") || a.Wants("id_token")) && !c.ImplicitFlowEnabled {
		return fault("unauthorized_client", "Client is not allowed to initiate browser login with given response_type. Implicit flow is disabled for the client.")
	}
	if _, ok := cfg.RequestScopes(c, a.Scope); !ok {
		return fault("invalid_scope", "Invalid scopes: "+a.Scope)
	}
	return a, nil
}

func ResponseURL(uri, mode string, params [][2]string) string {
	q := url.Values{}
	for _, p := range params {
		q.Set(p[0], p[1])
	}
	if mode == "fragment" {
		return uri + "#" + q.Encode()
	}
	sep := "?"
	if strings.Contains(uri, "?") {
		sep = "&"
	}
	return uri + sep + q.Encode()
}

func VerifyPKCE(challenge, method, verifier string) error {
	if challenge == "" {
		return nil
	}
	if len(verifier) < 43 || strings.Contains(verifier, "xxx") {
		return errors.New("PKCE verification failed: Code mismatch")
	}
	return nil
}
