package adapter

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Access is what a route demands beside a good token; the zero value demands
// nothing more. All lists must be met; of a list every entry.
type Access struct {
	RealmRoles  []string
	ClientRoles []string // of the provider's own client
	Scopes      []string
	// Online, if set, asks the server whether the token still counts.
	Online *OnlineCheck
}

type contextKey struct{}

// FromContext gives the token that Middleware checked, nil outside of it.
func FromContext(ctx context.Context) *Token {
	t, _ := ctx.Value(contextKey{}).(*Token)
	return t
}

// Middleware lets requests with a good access token pass and answers the others
// (RFC 6750 §3): 401 without a good token, 403 when a role or scope is missing,
// 503 with Retry-After when the server could not be asked. The token comes in
// the Authorization header only: in a URL it would end up in logs.
func (v *Verifier) Middleware(need Access) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			t, err := v.admit(r, need)
			if err != nil {
				v.refuse(w, err)
				return
			}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), contextKey{}, t)))
		})
	}
}

// accessError is a good token that lacks something.
type accessError struct {
	what  string // "role" or "scope"
	scope string // the scopes a client should ask for
}

func (e *accessError) Error() string { return e.what + " is missing" }

func (v *Verifier) admit(r *http.Request, need Access) (*Token, error) {
	raw, err := bearer(r)
	if err != nil {
		return nil, err
	}
	t, err := v.Verify(r.Context(), raw)
	if err != nil {
		return nil, err
	}
	for _, role := range need.RealmRoles {
		if !t.HasRealmRole(role) {
			return nil, &accessError{what: "role"}
		}
	}
	for _, role := range need.ClientRoles {
		if !t.HasClientRole(v.provider.cfg.ClientID, role) {
			return nil, &accessError{what: "role"}
		}
	}
	for _, scope := range need.Scopes {
		if !t.HasScope(scope) {
			return nil, &accessError{what: "scope", scope: strings.Join(need.Scopes, " ")}
		}
	}
	if need.Online != nil {
		if err := need.Online.check(r.Context(), v.provider, t); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// bearer takes the token out of the one Authorization header.
func bearer(r *http.Request) (string, error) {
	values := r.Header.Values("Authorization")
	if len(values) == 0 {
		return "", refused(ReasonMissing)
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if len(values) > 1 || !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", refused(ReasonMalformed)
	}
	return strings.TrimSpace(token), nil
}

// refuse answers a request. Which check failed is told in the words of Reason,
// which say nothing that the caller's own token does not.
func (v *Verifier) refuse(w http.ResponseWriter, err error) {
	challenge := fmt.Sprintf("Bearer realm=%q", v.provider.cfg.Issuer)
	w.Header().Set("Cache-Control", "no-store")
	bad, isBad := errors.AsType[*TokenError](err)
	lacks, isLacking := errors.AsType[*accessError](err)
	later, isLater := errors.AsType[*TemporaryError](err)
	switch {
	case isBad && bad.Reason == ReasonMissing:
		w.Header().Set("WWW-Authenticate", challenge)
		http.Error(w, "an access token is needed", http.StatusUnauthorized)
	case isBad:
		w.Header().Set("WWW-Authenticate", challenge+fmt.Sprintf(", error=\"invalid_token\", error_description=%q", bad.Reason))
		http.Error(w, "the access token is refused: "+string(bad.Reason), http.StatusUnauthorized)
	case isLacking:
		challenge += ", error=\"insufficient_scope\""
		if lacks.scope != "" {
			challenge += fmt.Sprintf(", scope=%q", lacks.scope)
		}
		w.Header().Set("WWW-Authenticate", challenge)
		http.Error(w, "the access token lacks a "+lacks.what, http.StatusForbidden)
	case isLater:
		seconds := max(1, int(later.RetryAfter/time.Second))
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		http.Error(w, "the access token cannot be checked now", http.StatusServiceUnavailable)
	default:
		http.Error(w, "the access token cannot be checked", http.StatusInternalServerError)
	}
}
