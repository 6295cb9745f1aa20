package account

import (
	"errors"
	"net/http"

	"github.com/latchkey-id/latchkey/internal/credential"
	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/web"
)

// Decisions of handlers, one for each answer Keycloak gives.
var (
	errUnauthorized   = errors.New("no valid token for account")
	errForbidden      = errors.New("role missing")
	errNoAccount      = errors.New("client account is missing or disabled")
	errNoCredential   = errors.New("unknown credential")
	errKeptCredential = errors.New("credential that cannot be removed")
	errBadLabel       = errors.New("label is no text")
	errNoUMA          = errors.New("no user-managed access")
	errNoLinking      = errors.New("accounts are not linked here")
	errNoProvider     = errors.New("unknown identity provider")
	errBadConsent     = errors.New("consent without scopes")
)

// answers maps inner errors to the wire, as measured on Keycloak 26.7.2.
var answers = []struct {
	err    error
	answer *web.Error
}{
	{errUnauthorized, web.HTTPStatus(http.StatusUnauthorized)},
	{realm.ErrUnknown, web.HTTPStatus(http.StatusUnauthorized)}, // the user was deleted meanwhile
	{realm.ErrUnknownRealm, web.AdminError(http.StatusNotFound, "Realm does not exist")},
	{store.ErrNotFound, web.HTTPStatus(http.StatusNotFound)}, // the user or the client was
	{errForbidden, web.HTTPStatus(http.StatusForbidden)},
	{errNoAccount, web.AdminError(http.StatusNotFound, "account management not enabled")},
	{errNoCredential, web.AdminError(http.StatusNotFound, "Credential not found")},
	{errKeptCredential, web.AdminError(http.StatusBadRequest, "Credential type cannot be removed")},
	{errBadLabel, web.ErrorMessage(http.StatusBadRequest, "invalidRequestMessage")},
	{errNoUMA, web.ErrorMessage(http.StatusForbidden, "User-managed access not enabled")},
	{errNoLinking, web.ErrorMessage(http.StatusNotFound, "Legacy client-initiated account linking is disabled. Use AIA with kc_action=idp_link instead.")},
	{errNoProvider, web.ErrorMessage(http.StatusBadRequest, "identityProviderNotFoundMessage")},
	{errBadConsent, web.OAuthError(http.StatusBadRequest, "unknown_error", "Cannot parse the JSON")},
}

// wire turns an inner error into what the caller is told. Unknown errors pass
// through: they become server errors with the cause in the log only.
func wire(err error) error {
	if err == nil {
		return nil
	}
	for _, a := range answers {
		if errors.Is(err, a.err) {
			return a.answer
		}
	}
	var (
		conflict *store.ConflictError
		profile  *keycloak.ProfileError
		doc      *keycloak.DocumentError
	)
	switch {
	case errors.As(err, &conflict):
		return conflictError(conflict)
	case errors.As(err, &profile):
		return profileError(http.StatusBadRequest, profile.Faults)
	case errors.As(err, &doc) && doc.Path == "" && doc.Problem[0] == 'I': // Keycloak's own text
		return web.AdminError(http.StatusBadRequest, doc.Problem)
	case errors.As(err, &doc):
		return web.OAuthError(http.StatusBadRequest, "unknown_error", "Cannot parse the JSON")
	case errors.Is(err, store.ErrReadOnly):
		return web.TakesNoWrites()
	case errors.Is(err, credential.ErrBusy), errors.Is(err, store.ErrBusy), errors.Is(err, store.ErrStale), errors.Is(err, store.ErrUnknown), errors.Is(err, store.ErrClosed):
		return web.Overloaded(err)
	}
	return err
}

// conflictError tells which name is taken.
func conflictError(e *store.ConflictError) error {
	fault := keycloak.ProfileFault{Field: "username", Key: "usernameExistsMessage", Params: []any{"${username}"}}
	if e.Kind == "email" {
		fault = keycloak.ProfileFault{Field: "email", Key: "emailExistsMessage", Params: []any{"${email}"}}
	}
	return profileError(http.StatusConflict, []keycloak.ProfileFault{fault})
}

// profileError lists faults; one alone stands at the top too.
func profileError(status int, faults []keycloak.ProfileFault) error {
	e := &web.Error{Status: status}
	for _, f := range faults {
		e.Errors = append(e.Errors, web.FieldError{Field: f.Field, Message: f.Key, Params: f.Params})
	}
	if len(faults) == 1 {
		e.Field, e.Message, e.Params = faults[0].Field, faults[0].Key, faults[0].Params
	}
	return e
}
