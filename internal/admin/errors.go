package admin

import (
	"errors"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/latchkey-id/latchkey/internal/credential"
	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/token"
	"github.com/latchkey-id/latchkey/internal/web"
)

// Decisions of handlers, one for each answer Keycloak gives.
var (
	errBadJSON = errors.New("body is not the JSON expected")
	errNoBody  = errors.New("body is missing")

	errNoUser          = errors.New("unknown user")
	errNoClient        = errors.New("unknown client")
	errNoMappingClient = errors.New("unknown client of a role mapping")
	errNoRole          = errors.New("unknown role")
	errNoRoleID        = errors.New("unknown role id")
	errNoMappingRole   = errors.New("unknown role in a mapping")
	errNoCompositeRole = errors.New("unknown role in composites")
	errNoScope         = errors.New("unknown client scope")
	errNoAssignedScope = errors.New("unknown client scope to assign")
	errNoGroup         = errors.New("unknown group id")
	errNoMemberGroup   = errors.New("unknown group to join")
	errNoGroupPath     = errors.New("unknown group path")
	errNoMapperType    = errors.New("unknown type of protocol mapper")
	errMapperTwice     = errors.New("protocol mapper name stands twice")
	errNoMapper        = errors.New("unknown protocol mapper")
	errNoComponent     = errors.New("unknown component")
	errNoCredential    = errors.New("unknown credential")
	errNoNode          = errors.New("unknown node of a client")
	errNoRotated       = errors.New("no rotated secret")
	errNoSession       = errors.New("unknown session")
	errNoConsent       = errors.New("neither consent nor offline session")
	errDuplicate       = errors.New("exists already")
	errNoPassword      = errors.New("no password in the body")
	errEmptyPassword   = errors.New("empty password")
	errBuiltInClient   = errors.New("built-in client")
	errNoChildGroup    = errors.New("unknown group to move")
	errGroupCycle      = errors.New("group would be its own ancestor")
)

// body is the form of an error answer.
type body int

const (
	plain   body = iota // {"error": text}
	message             // {"errorMessage": text}
	oauth               // {"error": code, "error_description": text}
)

// answers maps inner errors to the wire (behaviour §1.5).
var answers = []struct {
	err    error
	status int
	body   body
	code   string // of oauth
	text   string
}{
	{errUnauthorized, 401, plain, "", "HTTP 401 Unauthorized"},
	{errForbidden, 403, plain, "", "HTTP 403 Forbidden"},
	{realm.ErrUnknownRealm, 404, plain, "", "Realm not found."},

	{errBadJSON, 400, oauth, "unknown_error", "Cannot parse the JSON"},
	{errNoBody, 400, oauth, "invalid_request", "Cannot parse the JSON"},
	{errNoUser, 404, plain, "", "User not found"},
	{errNoClient, 404, plain, "", "Could not find client"},
	{errNoMappingClient, 404, plain, "", "Client not found"},
	{errNoRole, 404, plain, "", "Could not find role"},
	{errNoRoleID, 404, plain, "", "Could not find role with id"},
	{errNoMappingRole, 404, plain, "", "Role not found"},
	{errNoCompositeRole, 404, plain, "", "Could not find composite role"},
	{errNoScope, 404, plain, "", "Could not find client scope"},
	{errNoAssignedScope, 404, plain, "", "Client scope not found"},
	{errNoGroup, 404, plain, "", "Could not find group by id"},
	{errNoChildGroup, 404, plain, "", "Could not find child by id"},
	{errNoMemberGroup, 404, plain, "", "Group not found"},
	{errNoGroupPath, 404, plain, "", "Group path does not exist"},
	{errNoMapperType, 404, plain, "", "ProtocolMapper provider not found"},
	{errMapperTwice, 409, oauth, "conflict", "Protocol mapper name must be unique per protocol"},
	{errNoMapper, 404, plain, "", "Model not found"},
	{errNoComponent, 404, plain, "", "Could not find component"},
	{errNoCredential, 404, plain, "", "Credential not found"},
	{errNoNode, 404, plain, "", "Client does not have node "}, // it ends so in Keycloak too
	{errNoRotated, 404, plain, "", "Client does not have a rotated secret"},
	{errNoSession, 404, plain, "", "Sesssion not found"}, // three s, as Keycloak
	{errNoConsent, 404, plain, "", "Consent nor offline token not found"},
	{realm.ErrUnknown, 404, plain, "", "HTTP 404 Not Found"},

	{errDuplicate, 409, oauth, "conflict", "Duplicate resource error"},
	{errNoPassword, 400, plain, "", "No password provided"},
	{errEmptyPassword, 400, plain, "", "Empty password not allowed"},
	{errBuiltInClient, 400, oauth, "invalid_request", "Could not delete client"},
	{errGroupCycle, 400, message, "", "A group cannot be moved below itself"},
	{token.ErrUnknownProvider, 400, plain, "", "Invalid provider type or no such provider"},
}

// conflicts are the answers to names that are taken; %s stands for the name.
var conflicts = map[string]func(name string) string{
	"realm":       func(n string) string { return "Realm " + n + " already exists" },
	"clientId":    func(n string) string { return "Client " + n + " already exists" },
	"clientScope": func(n string) string { return "Client Scope " + n + " already exists" },
	"role":        func(n string) string { return "Role with name " + n + " already exists" },
	"group":       func(n string) string { return "Sibling group named '" + n + "' already exists." },
	"username":    func(string) string { return "User exists with same username" },
	"email":       func(string) string { return "User exists with same email" },
	"id":          func(string) string { return "Duplicate resource error" },
}

// wire turns an inner error into what the caller is told. Unknown errors pass
// through: they become server errors with the cause in the log only.
func wire(err error) error {
	if err == nil {
		return nil
	}
	for _, a := range answers {
		if errors.Is(err, a.err) {
			switch a.body {
			case message:
				return web.ErrorMessage(a.status, a.text)
			case oauth:
				return web.OAuthError(a.status, a.code, a.text)
			}
			return web.AdminError(a.status, a.text)
		}
	}
	var (
		conflict *store.ConflictError
		doc      *keycloak.DocumentError
		config   *token.ConfigError
		weak     *credential.ViolationError
	)
	switch {
	case errors.As(err, &conflict):
		if text := conflicts[conflict.Kind]; text != nil {
			return web.ErrorMessage(http.StatusConflict, text(conflict.Value))
		}
		return web.ErrorMessage(http.StatusConflict, "Duplicate resource error")
	case errors.As(err, &doc):
		return documentError(doc)
	case errors.As(err, &weak):
		return web.OAuthError(http.StatusBadRequest, weak.Key, weak.Text)
	case errors.As(err, &config):
		return web.ErrorMessage(http.StatusBadRequest, config.Message)
	case errors.Is(err, store.ErrReadOnly):
		return web.TakesNoWrites()
	case errors.Is(err, credential.ErrBusy), errors.Is(err, store.ErrBusy), errors.Is(err, store.ErrUnknown), errors.Is(err, store.ErrClosed):
		return web.Overloaded(err)
	}
	return err
}

// documentError tells what is wrong with a document and where. Keycloak's own
// texts, which start with a capital, stand alone.
func documentError(e *keycloak.DocumentError) error {
	status := http.StatusBadRequest
	switch {
	case e.Conflict:
		status = http.StatusConflict
	case e.Missing:
		status = http.StatusNotFound
	}
	switch {
	case len(e.Faults) > 0:
		all := &web.Error{Status: status}
		for _, f := range e.Faults {
			all.Errors = append(all.Errors, web.FieldError{Field: f.Field, Message: f.Key, Params: f.Params})
		}
		return all
	case e.Key != "":
		return &web.Error{Status: status, Field: e.Path, Message: e.Key, Params: e.Params}
	case e.Path == "" && e.Problem == notAnObject:
		return web.OAuthError(status, "unknown_error", "Cannot parse the JSON")
	case e.Path != "" && strings.HasPrefix(e.Problem, "must be "): // of another type
		return web.OAuthError(status, "unknown_error", "Cannot parse the JSON: "+e.Error())
	case e.Problem == "role has no name":
		return web.AdminError(status, e.Problem)
	case startsUpper(e.Problem):
		return web.ErrorMessage(status, e.Problem)
	}
	return web.ErrorMessage(status, e.Error())
}

// notAnObject is what package keycloak says of a body that is no object.
const notAnObject = "must be an object"

func startsUpper(s string) bool {
	first, _ := utf8.DecodeRuneInString(s)
	return unicode.IsUpper(first) || first == '\''
}
