package adapter

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// tokenAnswer is the token endpoint's (RFC 6749 §5.1). A refresh token is
// missing where the old one stays good.
type tokenAnswer struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	IDToken      string `json:"id_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"` // seconds
	Scope        string `json:"scope"`
}

// refresh uses a refresh token (RFC 6749 §6).
//
// Errors: *LoginRequiredError, *TemporaryError, *ProtocolError.
func (p *Provider) refresh(ctx context.Context, token string) (*Grant, error) {
	a, err := p.token(ctx, "refresh", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
	var said *ProtocolError
	if errors.As(err, &said) && said.Status == http.StatusBadRequest && said.Code == "invalid_grant" {
		return nil, &LoginRequiredError{Description: said.Description, At: p.cfg.Clock().UTC()}
	}
	if err != nil {
		return nil, err
	}
	return p.grant(a), nil
}

// token asks the token endpoint.
func (p *Provider) token(ctx context.Context, op string, form url.Values) (*tokenAnswer, error) {
	m, err := p.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	a, err := p.post(ctx, op, m.TokenEndpoint, form)
	if err != nil {
		return nil, err
	}
	t := &tokenAnswer{}
	if err := a.decode(op, t); err != nil {
		return nil, err
	}
	if t.AccessToken == "" || !strings.EqualFold(t.TokenType, "Bearer") {
		return nil, &ProtocolError{Op: op, Status: a.status, Description: "the answer holds no bearer token"}
	}
	return t, nil
}

func (p *Provider) grant(a *tokenAnswer) *Grant {
	return &Grant{
		RefreshToken: a.RefreshToken, AccessToken: a.AccessToken, Scope: strings.Fields(a.Scope),
		Expires: p.cfg.Clock().UTC().Add(time.Duration(max(a.ExpiresIn, 0)) * time.Second),
	}
}

// Revoke ends a refresh, offline or access token (RFC 7009).
//
// Errors: *TemporaryError, *ProtocolError.
func (p *Provider) Revoke(ctx context.Context, token string) error {
	const op = "revoke"
	m, err := p.Metadata(ctx)
	if err != nil {
		return err
	}
	if m.RevocationEndpoint == "" {
		return &ProtocolError{Op: op, Description: "the server has no revocation endpoint"}
	}
	a, err := p.post(ctx, op, m.RevocationEndpoint, url.Values{"token": {token}})
	if err != nil {
		return err
	}
	if a.status != http.StatusOK {
		return a.failure(op)
	}
	return nil
}
