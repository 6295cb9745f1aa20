package oidc

import (
	"context"
	"errors"
	"net/http"

	"github.com/latchkey-id/latchkey/internal/credential"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/web"
)

// Decisions made in this package.
var (
	errOfflineNotAllowed = errors.New("offline tokens not allowed for the user or client")
	errInvalidRefresh    = errors.New("invalid refresh token")
	errOtherClient       = errors.New("token of another client")
	errOtherIssuer       = errors.New("token of another issuer")
	errTokenExpired      = errors.New("token expired or not yet valid")
	errConsentMissing    = errors.New("consent missing")
)

// refusal is Keycloak's answer to one inner error.
type refusal struct {
	err                   error
	class                 string // in metrics
	status                int
	code, offline, online string // texts for offline and online tokens
}

// refusals maps inner errors to the wire (behaviour §0a and §3.5).
var refusals = []refusal{
	{errInvalidRefresh, "invalid_token", 400, "invalid_grant", "Invalid refresh token", "Invalid refresh token"},
	{errTokenExpired, "expired", 400, "invalid_grant", "Token is not active", "Token is not active"},
	{errOtherClient, "other_client", 400, "invalid_grant", "Invalid refresh token. Token client and authorized client don't match", "Invalid refresh token. Token client and authorized client don't match"},
	{model.ErrSessionGone, "session_over", 400, "invalid_grant", "Offline user session not found", "Session not active"},
	{model.ErrSessionNotActive, "session_over", 400, "invalid_grant", "Offline session not active", "Session not active"},
	{model.ErrClientSessionGone, "session_over", 400, "invalid_grant", "Session doesn't have required client", "Session doesn't have required client"},
	{model.ErrBeforeSession, "not_before", 400, "invalid_grant", "Refresh token issued before the user session started", "Refresh token issued before the user session started"},
	{model.ErrBeforeClient, "not_before", 400, "invalid_grant", "refresh token issued before the client session started", "refresh token issued before the client session started"},
	{model.ErrStale, "not_before", 400, "invalid_grant", "Stale token", "Stale token"},
	{model.ErrSuperseded, "replayed", 400, "invalid_grant", "Stale token", "Stale token"},
	{model.ErrReused, "replayed", 400, "invalid_grant", "Maximum allowed refresh token reuse exceeded", "Maximum allowed refresh token reuse exceeded"},
	{model.ErrUserDisabled, "user_disabled", 400, "invalid_grant", "User disabled", "User disabled"},
	{model.ErrOfflineNotGranted, "not_granted", 400, "invalid_grant", "Offline session invalid because offline access not granted anymore", "Session not active"},
	{errConsentMissing, "not_granted", 400, "invalid_scope", "Client no longer has requested consent from user", "Client no longer has requested consent from user"},
	{errOfflineNotAllowed, "not_granted", 400, "not_allowed", "Offline tokens not allowed for the user or client", "Offline tokens not allowed for the user or client"},
}

// wire turns an inner error into what the caller is told. Unknown errors pass
// through and become server errors with the cause in the log only.
func (q *request) wire(err error, offline bool) error {
	if errors.Is(err, errOtherIssuer) {
		q.refusal = "other_issuer"
		return web.OAuthError(http.StatusBadRequest, "invalid_grant", "Invalid token issuer. Expected '"+q.issuer+"'")
	}
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			q.refusal = r.class
			text := r.online
			if offline {
				text = r.offline
			}
			return web.OAuthError(r.status, r.code, text)
		}
	}
	return unavailable(err)
}

// refreshResult is the class of a refresh's result: "ok", that of the refusal
// wire told, "bad_request", "unavailable" or "error".
func (q *request) refreshResult(err error) string {
	var told *web.Error
	switch {
	case err == nil:
		return "ok"
	case q.refusal != "":
		return q.refusal
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled),
		errors.As(unavailable(err), &told) && told.Status == http.StatusServiceUnavailable:
		return "unavailable"
	case told != nil && told.Status < http.StatusInternalServerError:
		return "bad_request"
	}
	return "error"
}

// unavailable is 503 with Retry-After for what may go well a moment later: the
// database or the hasher cannot serve now. All else passes.
func unavailable(err error) error {
	var known *web.Error
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case errors.Is(err, store.ErrReadOnly):
		return web.TakesNoWrites()
	case errors.Is(err, credential.ErrBusy), errors.Is(err, store.ErrBusy), errors.Is(err, store.ErrUnknown), errors.Is(err, store.ErrClosed):
		return web.Overloaded(err)
	}
	return err
}
