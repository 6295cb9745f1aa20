package web

import (
	"context"
	"errors"
	"net/http"
	"strconv"
)

// Handler serves a request or returns what went wrong. Headers it set before
// are kept in the error's answer. After it has begun to write, an error is
// only logged.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Error is an answer in one of Keycloak's three JSON shapes, chosen by what is
// set (behaviour of Keycloak, §1.5):
//
//	Code, Description  {"error":"invalid_grant","error_description":"…"}
//	Code               {"error":"User not found"}
//	Message            {"field":…,"errorMessage":"…","params":[…],"errors":[…]}
type Error struct {
	Status      int
	Code        string // "error": an OAuth code or, in admin REST, a text
	Description string // "error_description"

	Message string       // "errorMessage": admin REST, validation and conflicts
	Field   string       // "field" the message is about
	Params  []any        // "params" of the message's text
	Errors  []FieldError // "errors", when there are several

	Cause error // for the log only
}

// FieldError is one of several messages of an Error.
type FieldError struct {
	Field   string `json:"field,omitempty"`
	Message string `json:"errorMessage"`
	Params  []any  `json:"params,omitempty"`
}

// Error tells status and texts, for logs and tests.
func (e *Error) Error() string {
	s := strconv.Itoa(e.Status)
	for _, part := range []string{e.Code, e.Description, e.Field, e.Message} {
		if part != "" {
			s += " " + part
		}
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Cause }

// OAuthError is the error of protocol endpoints (RFC 6749 §5.2).
func OAuthError(status int, code, description string) *Error {
	return &Error{Status: status, Code: code, Description: description}
}

// AdminError is {"error": text}, most errors of admin REST.
func AdminError(status int, text string) *Error { return &Error{Status: status, Code: text} }

// ErrorMessage is {"errorMessage": text}, what admin REST answers to conflicts
// and refused values.
func ErrorMessage(status int, text string) *Error { return &Error{Status: status, Message: text} }

// HTTPStatus is {"error":"HTTP 404 Not Found"}, an error without a text of its own.
func HTTPStatus(status int) *Error {
	return AdminError(status, "HTTP "+strconv.Itoa(status)+" "+http.StatusText(status))
}

// Overloaded is 503 with Retry-After: what the caller asked for may succeed a
// moment later. The cause goes to the log.
func Overloaded(cause error) *Error {
	return &Error{
		Status: http.StatusServiceUnavailable, Code: "temporarily_unavailable",
		Description: "The server is busy. Try again in a moment.", Cause: cause,
	}
}

// TakesNoWrites is Overloaded for a database that can be read alone: its disk
// is full, or it fails. What only reads goes on. The log gets no cause with
// each request: the store tells it once.
func TakesNoWrites() *Error {
	e := Overloaded(nil)
	e.Description = "The server cannot store anything at the moment. Try again later."
	return e
}

// WithCause is a copy of e with what the log should know and the caller should
// not.
func (e *Error) WithCause(cause error) *Error {
	c := *e
	c.Cause = cause
	return &c
}

// wireError turns any error into an answer. What it does not know is a fault
// of the server, and the caller learns nothing about it.
func wireError(err error) *Error {
	var known *Error
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &tooLarge):
		return errTooLarge(err)
	case errors.Is(err, ErrDuplicated):
		return OAuthError(http.StatusBadRequest, "invalid_request", "duplicated parameter")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return Overloaded(err)
	}
	return &Error{
		Status: http.StatusInternalServerError, Code: "unknown_error",
		Description: "For more on this error consult the server log.", Cause: err,
	}
}

func errTooLarge(cause error) *Error {
	return OAuthError(http.StatusRequestEntityTooLarge, "invalid_request", "Request body is too large").WithCause(cause)
}

// errorBody is the JSON of an Error, members in Keycloak's order.
type errorBody struct {
	Error       string       `json:"error,omitempty"`
	Description string       `json:"error_description,omitempty"`
	Field       string       `json:"field,omitempty"`
	Message     string       `json:"errorMessage,omitempty"`
	Params      []any        `json:"params,omitempty"`
	Errors      []FieldError `json:"errors,omitempty"`
}

// writeError answers with e, unless the answer has begun already.
func writeError(w http.ResponseWriter, e *Error) {
	if rw, ok := w.(*response); ok && rw.status != 0 {
		return
	}
	if e.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	w.Header()["Content-Type"] = typeJSON // whatever the handler was about to send
	body := errorBody{e.Code, e.Description, e.Field, e.Message, e.Params, e.Errors}
	if err := WriteJSON(w, e.Status, body); err != nil {
		w.WriteHeader(e.Status) // params that are no JSON: the status must do
	}
}

// fail records an error for the log and answers it. page, if not nil, answers
// people's browsers instead.
func fail(w http.ResponseWriter, r *http.Request, err error, page ErrorPage) {
	e := wireError(err)
	ev := Log(r.Context())
	ev.failed(e, err)
	if rw, ok := w.(*response); ok && rw.status != 0 {
		return
	}
	if page != nil && pageable(e) && WantsHTML(r) {
		page(w, r, e)
		return
	}
	writeError(w, e)
}

// ErrorPage writes an error for a person's browser. e is not to be changed.
type ErrorPage func(w http.ResponseWriter, r *http.Request, e *Error)

// pageable tells which errors Keycloak shows as a page when the request takes
// HTML: those without a shape of their own and faults of the server. So are
// parameters that cannot be read: no endpoint has seen them.
func pageable(e *Error) bool {
	switch e {
	case errQueryText, errFormEncoding, errTooManyParams:
		return true
	}
	return e.Message == "" && e.Description == "" || e.Status == http.StatusInternalServerError
}
