package oidc

import (
	"errors"
	"net/http"
	"slices"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/web"
)

// pushRequest takes a pushed authorization request (RFC 9126): the client
// authenticates, the request is checked as the authorization endpoint would,
// and is stored under a request_uri.
func (e *Endpoints) pushRequest(w http.ResponseWriter, r *http.Request) error {
	web.NoStore(w)
	q, _, err := e.openForm(r) // a repeated parameter is told last
	if err != nil {
		return err
	}
	q.begin("PUSHED_AUTHORIZATION_REQUEST")
	if err := q.authenticateClient(); err != nil {
		return q.refuse(pushUnauthenticated(err))
	}
	if err := q.allowOrigin(w); err != nil {
		return err
	}
	p, err := q.pushedParams()
	if err != nil {
		return q.refuse(err)
	}
	lifespan := q.snap.Realm.PARLifespan()
	handle, err := e.Sessions.Push(q.ctx, q.snap.Realm, p.Values, q.now, lifespan)
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusCreated, pushed{RequestURI: requestURIPrefix + handle, ExpiresIn: lifespan})
}

// pushed is the answer to a pushed request (RFC 9126 §2.2).
type pushed struct {
	RequestURI string `json:"request_uri"`
	ExpiresIn  int64  `json:"expires_in"` // seconds
}

// pushUnauthenticated is Keycloak's answer to any failed authentication here.
func pushUnauthenticated(err error) error {
	if we, ok := errors.AsType[*web.Error](err); ok && we.Status < http.StatusInternalServerError {
		return pushRefused(http.StatusUnauthorized, "invalid_request", "Authentication failed.")
	}
	return err
}

func pushRefused(status int, code, description string) error {
	return web.OAuthError(status, code, description)
}

// credentials of the client are no part of what it asks for.
var credentials = []string{"client_secret", "client_assertion", "client_assertion_type"}

// pushedParams are the checked parameters of the form, or of the request object
// in it: then nothing beside it counts.
func (q *request) pushedParams() (model.AuthorizationParams, error) {
	p := q.params()
	repeated := slices.ContainsFunc(p.Repeated, func(name string) bool { return !slices.Contains(credentials, name) })
	p.Repeated, p.Pushed, p.Pushing = nil, true, true // told last
	for _, name := range credentials {
		delete(p.Values, name)
	}
	if _, ok := p.Lookup("request_uri"); ok || q.form.TooLong("request_uri") {
		return p, pushRefused(http.StatusBadRequest, "invalid_request", "It is not allowed to include request_uri to PAR.")
	}
	code := "invalid_request"
	object, signed := p.Lookup("request")
	if signed || q.form.TooLong("request") {
		code = "invalid_request_object"
		values, err := q.pushedObject(object)
		if err != nil {
			return p, pushFault(code, err)
		}
		p.Values = values
	} else if wanted := q.client.Attributes["request.object.required"]; wanted == "request only" || wanted == "request or request_uri" {
		return p, pushFault(code, objectRequired(q.client, false, false))
	}
	p.Values["client_id"] = q.client.ClientID
	if _, fault := model.CheckAuthorization(q.snap.Config, p); fault != nil {
		return p, pushFault(code, fault)
	}
	if repeated {
		return p, pushRefused(http.StatusBadRequest, "invalid_request", "duplicated parameter")
	}
	return p, nil
}

// pushedObject reads a request object; it must be of the client that pushes it.
func (q *request) pushedObject(object string) (map[string]string, error) {
	values, err := q.readObject(q.client, object)
	if err != nil {
		return nil, err
	}
	outer := model.AuthorizationParams{Values: map[string]string{"client_id": q.client.ClientID}}
	inner, fault := outer.Within(values)
	if fault != nil {
		return nil, fault
	}
	return inner.Values, nil
}

// pushFault tells the client what the authorization endpoint would tell a
// browser: all is invalid_request here but flows the client must not use.
// code is for what cannot be read; its text is Keycloak's.
func pushFault(code string, err error) error {
	fault, ok := errors.AsType[*model.AuthorizationError](err)
	if !ok {
		return err
	}
	switch {
	case fault.Page == "invalidRequestMessage":
		return pushRefused(http.StatusBadRequest, code, fault.Page)
	case fault.Page == "invalidParameterMessage":
		return pushRefused(http.StatusBadRequest, "invalid_request", "Invalid parameter: redirect_uri")
	case fault.Page == "bearerOnlyMessage":
		return pushRefused(http.StatusBadRequest, "invalid_client", "Bearer-only not allowed")
	case !fault.Trusted:
		return pushRefused(http.StatusBadRequest, "invalid_request", fault.Page)
	case fault.Code == "unauthorized_client":
		return pushRefused(http.StatusUnauthorized, fault.Code, fault.Description)
	case fault.Code == "unsupported_response_type":
		return pushRefused(http.StatusBadRequest, "invalid_request", "Unsupported response type")
	}
	return pushRefused(http.StatusBadRequest, "invalid_request", fault.Description)
}
