package adapter

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
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

// refresh uses a refresh token (RFC 6749 §6). used tells, beside an error, that
// the server may have replaced the token all the same.
//
// Errors: *LoginRequiredError, *TemporaryError, *ProtocolError.
func (p *Provider) refresh(ctx context.Context, token string) (g *Grant, used bool, err error) {
	m, err := p.Metadata(ctx)
	if err != nil {
		return nil, false, err
	}
	a, err := p.tokenAt(ctx, "refresh", m, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
	if err == nil {
		return p.grant(a), true, nil
	}
	if gone := p.gone(err); gone != nil {
		return nil, false, gone
	}
	return nil, mayHaveActed(err), err
}

// mayReturn are refusals that an administrator can undo.
var mayReturn = []string{"User disabled", "Offline session invalid because offline access not granted anymore"}

// gone makes of a refusal of a refresh token what it means, nil if it means
// something else. A refresh asks for no scope: invalid_scope says that consent
// is missing, which the person alone can give.
func (p *Provider) gone(err error) *LoginRequiredError {
	said, ok := errors.AsType[*ProtocolError](err)
	if !ok || said.Status != http.StatusBadRequest || said.Code != "invalid_grant" && said.Code != "invalid_scope" {
		return nil
	}
	return &LoginRequiredError{Description: said.Description, At: p.cfg.Clock().UTC(), MayReturn: slices.Contains(mayReturn, said.Description)}
}

// token asks the token endpoint.
func (p *Provider) token(ctx context.Context, op string, form url.Values) (*tokenAnswer, error) {
	m, err := p.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	return p.tokenAt(ctx, op, m, form)
}

func (p *Provider) tokenAt(ctx context.Context, op string, m *Metadata, form url.Values) (*tokenAnswer, error) {
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

// maxExpiresIn keeps a stranger's number from overflowing: ten years.
const maxExpiresIn = 10 * 365 * 24 * 3600

func (p *Provider) grant(a *tokenAnswer) *Grant {
	return &Grant{
		RefreshToken: a.RefreshToken, AccessToken: a.AccessToken, Scope: strings.Fields(a.Scope),
		Expires: p.cfg.Clock().UTC().Add(time.Duration(min(max(a.ExpiresIn, 0), maxExpiresIn)) * time.Second),
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
