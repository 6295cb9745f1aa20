package keycloak

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// DocumentError is a fault in a document or a request body: what is wrong and
// where. It is safe to show to whoever sent the document: values of secrets
// never stand in it.
type DocumentError struct {
	Path    string // e.g. clients[3].redirectUris[0]; "" for the document itself
	Problem string // lower case, e.g. "must be a string"
	// Conflict is set when a name is taken (409 on the wire).
	Conflict bool
	// Missing is set when something named is not there (404 on the wire).
	Missing bool
	// Key and Params are Keycloak's message key and its parameters, where admin
	// REST answers with one (user profile faults); "" and nil otherwise.
	Key    string
	Params []any
	// Faults are all of them, where there are several such messages.
	Faults []FieldFault
}

// FieldFault is one of several messages about a user: an attribute, Keycloak's
// message key and its parameters.
type FieldFault struct {
	Field, Key string
	Params     []any
}

// Error is "path: problem".
func (e *DocumentError) Error() string {
	if e.Path == "" {
		return e.Problem
	}
	return e.Path + ": " + e.Problem
}

// syntaxError turns an error of encoding/json into a DocumentError; errors of
// the underlying reader stay what they are.
func syntaxError(err error) error {
	var se *json.SyntaxError
	var doc *DocumentError
	switch {
	case errors.As(err, &doc):
		return err
	case errors.As(err, &se):
		return &DocumentError{Problem: fmt.Sprintf("not JSON: %v at byte %d", se, se.Offset)}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &DocumentError{Problem: "not JSON: ends too early"}
	}
	return fmt.Errorf("read document: %w", err)
}

// maxDepth is far above what Keycloak writes (9) and far below what hurts.
const maxDepth = 64

// tooDeep tells whether arrays and objects nest deeper than limit. It expects
// valid JSON.
func tooDeep(raw []byte, limit int) bool {
	depth, inString := 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// compact is raw without white space and with HTML escaped, as encoding/json
// writes it: one form for comparison and storage.
func compact(raw json.RawMessage) json.RawMessage {
	var b, escaped bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return raw
	}
	json.HTMLEscape(&escaped, b.Bytes())
	return escaped.Bytes()
}

func indexed(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }
