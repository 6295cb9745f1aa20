package browser_test

import (
	"crypto/rand"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// TestGoOIDC: a relying party made with go-oidc finds the server by discovery,
// logs somebody in with PKCE and nonce, verifies what it gets, and goes on
// refreshing after the person signed out.
func TestGoOIDC(t *testing.T) {
	t.Parallel()
	b, h, ctx := newTab(t), newHouse(t), t.Context()
	provider, err := oidc.NewProvider(ctx, h.issuer())
	if err != nil {
		t.Fatal(err)
	}
	client := oauth2.Config{
		ClientID: "portal", ClientSecret: "s3cret", Endpoint: provider.Endpoint(), RedirectURL: h.app + "/cb",
		Scopes: []string{oidc.ScopeOpenID, "profile", "email", oidc.ScopeOfflineAccess},
	}
	state, nonce, verifier := rand.Text(), rand.Text(), oauth2.GenerateVerifier()
	b.open(client.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)))
	b.signIn("uma", "pw")
	b.press("button[name=accept]")
	answer := h.arrival()
	if answer.Get("state") != state {
		t.Fatalf("state %q, want %q", answer.Get("state"), state)
	}
	token, err := client.Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	checkIDToken(t, provider, token, nonce)

	info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil || info.Email != "uma@example.org" {
		t.Errorf("userinfo: %+v, %v", info, err)
	}
	again := func(when string) *oauth2.Token {
		next, err := client.TokenSource(ctx, &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
		if err != nil {
			t.Fatalf("refresh %s: %v", when, err)
		}
		if next.AccessToken == token.AccessToken {
			t.Errorf("refresh %s brought the same access token", when)
		}
		checkIDToken(t, provider, next, "") // a refresh repeats no nonce (OpenID Connect Core §12.2)
		return next
	}
	again("while signed in")
	online := h.ask("notes", "openid")
	b.open(online.url)
	b.signOut(h, h.works("second client", h.redeem(online, h.arrival())))
	again("after sign-out")
}

// checkIDToken verifies a token's ID token as a relying party must.
func checkIDToken(t *testing.T, provider *oidc.Provider, token *oauth2.Token, nonce string) {
	t.Helper()
	raw, _ := token.Extra("id_token").(string)
	id, err := provider.Verifier(&oidc.Config{ClientID: "portal"}).Verify(t.Context(), raw)
	if err != nil {
		t.Fatalf("ID token: %v", err)
	}
	if id.Nonce != nonce {
		t.Errorf("nonce %q, want %q", id.Nonce, nonce)
	}
	if err := id.VerifyAccessToken(token.AccessToken); err != nil {
		t.Errorf("at_hash: %v", err)
	}
	var claims struct {
		Name string `json:"preferred_username"`
		SID  string `json:"sid"`
	}
	if err := id.Claims(&claims); err != nil || claims.Name != "uma" || claims.SID == "" {
		t.Errorf("claims %+v, %v", claims, err)
	}
}
