package oidc

import (
	"errors"
	"strings"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/token"
)

// requestURIPrefix begins the request_uri of a pushed request (RFC 9126 §2.2).
const requestURIPrefix = "urn:ietf:params:oauth:request_uri:"

// authorizationRequest checks the parameters of an authorization request,
// wherever they are: in p, in a request object, pushed before (then q.pushed is
// set).
//
// Errors: *model.AuthorizationError, those of the store.
func (q *request) authorizationRequest(p model.AuthorizationParams) (*model.AuthorizationRequest, error) {
	c, fault := model.AuthorizationClient(q.snap.Config, p)
	if fault != nil {
		return nil, fault
	}
	p, err := q.resolveObject(c, p)
	if err != nil {
		return nil, err
	}
	req, fault := model.CheckAuthorization(q.snap.Config, p)
	if fault != nil {
		return nil, fault
	}
	return req, nil
}

// resolveObject puts what request or request_uri stands for over the
// parameters beside it.
func (q *request) resolveObject(c *model.Client, p model.AuthorizationParams) (model.AuthorizationParams, error) {
	object, hasObject := p.Lookup("request")
	uri, hasURI := p.Lookup("request_uri")
	handle := pushedHandle(uri)
	var values map[string]string
	var err error
	switch {
	case q.form.TooLong("request"), q.form.TooLong("request_uri"): // what it asks for must not be passed over
		return p, invalidObject(c, "Failed to build JWS")
	case hasObject && hasURI:
		return p, invalidObject(c, "Illegal to use both 'request' and 'request_uri' parameters together")
	case handle == "": // what was pushed was checked then
		if err := objectRequired(c, hasObject, hasURI); err != nil {
			return p, err
		}
	}
	switch {
	case hasObject:
		values, err = q.readObject(c, object)
	case handle != "":
		values, err = q.readPushed(c, handle)
		p.Pushed = true
	case hasURI:
		err = invalidObject(c, "Specified 'request_uri' not allowed for this client.")
	default:
		return p, nil
	}
	if err != nil {
		return p, err
	}
	out, fault := p.Within(values)
	if fault != nil {
		return p, fault.Of(c)
	}
	return out, nil
}

// pushedHandle is the handle in the request_uri of a pushed request; "" for
// another one.
func pushedHandle(uri string) string {
	if n := len(requestURIPrefix); len(uri) > n && strings.EqualFold(uri[:n], requestURIPrefix) {
		return uri[n:]
	}
	return ""
}

func invalidObject(c *model.Client, reason string) error {
	return model.InvalidAuthorization(reason).Of(c)
}

// objectRequired is client attribute request.object.required.
func objectRequired(c *model.Client, hasObject, hasURI bool) error {
	switch required := c.Attributes["request.object.required"]; {
	case required == "request or request_uri" && !hasObject && !hasURI:
		return invalidObject(c, "Client is required to use 'request' or 'request_uri' parameter.")
	case required == "request only" && !hasObject:
		return invalidObject(c, "Client is required to use 'request' parameter.")
	case required == "request_uri only" && !hasURI:
		return invalidObject(c, "Client is required to use 'request_uri' parameter.")
	}
	return nil
}

// readObject verifies a request object with the client's keys.
func (q *request) readObject(c *model.Client, object string) (map[string]string, error) {
	keys := token.RequestObjectKeys{Secret: c.Secret, Alg: c.Attributes["request.object.signature.alg"]}
	keys.JWKS, keys.Certificate = publicKeys(c)
	values, err := token.RequestObject(object, keys, q.e.Now())
	if err != nil {
		return nil, invalidObject(c, objectReasons[err])
	}
	return values, nil
}

// objectReasons are Keycloak's words for events.
var objectReasons = map[error]string{
	token.ErrRequestObjectShape:     "Failed to build JWS",
	token.ErrRequestObjectAlg:       "Request object signed with different algorithm than client requested algorithm",
	token.ErrRequestObjectSignature: "Failed to verify signature on 'request' object",
	token.ErrRequestObjectTime:      "Request object is not active", // our own
}

// readPushed reads a pushed request, of this client or of another: model
// compares them.
func (q *request) readPushed(c *model.Client, handle string) (map[string]string, error) {
	values, err := q.e.Sessions.Pushed(q.ctx, q.snap.Realm.Num, handle, q.now)
	if errors.Is(err, store.ErrNotFound) {
		return nil, pushedUnknown().Of(c)
	}
	q.pushed = handle
	return values, err
}

func pushedUnknown() *model.AuthorizationError {
	return model.InvalidAuthorization("PAR not found, not issued or used multiple times.")
}
