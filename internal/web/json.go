package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// DecodeJSON reads a request's JSON body into v. Unknown members are ignored
// and text after the value too. Mux limits the
// body by its route.
//
// Errors, all *Error: 415 for another content type than application/json (none
// is taken for it), 400 "Cannot parse the JSON" with code invalid_request for
// what is no JSON, unknown_error for a member of the wrong type, as
// Keycloak; 413. An empty body or null is 400 too, where Keycloak answers 500.
func DecodeJSON(r *http.Request, v any) error {
	switch mediaType(r.Header.Get("Content-Type")) {
	case "", TypeJSON, "application/*", "*/*":
	default:
		return AdminError(http.StatusUnsupportedMediaType, "The content-type header value did not match the value in @Consumes")
	}
	if r.Body == nil {
		return cannotParse("invalid_request", nil)
	}
	body, err := readBody(r, DefaultMaxAdminBody)
	if err != nil {
		return err
	}
	body = bytes.TrimPrefix(body, []byte("\uFEFF"))
	if hasNULEscape(body) {
		return cannotParse("invalid_request", nil)
	}
	var raw json.RawMessage // first the syntax of one value, then its members
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&raw); err != nil {
		return cannotParse("invalid_request", err)
	}
	if string(raw) == "null" {
		return cannotParse("invalid_request", nil)
	}
	err = json.Unmarshal(raw, v)
	var known *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return known
	}
	return cannotParse("unknown_error", err)
}

// ReadText reads a text/plain body of up to limit bytes; no Content-Type is
// taken for that.
//
// Errors, all *Error: 415 for another content type, 413, 400 for text that is
// no UTF-8 or holds a NUL.
func ReadText(r *http.Request, limit int64) (string, error) {
	switch mediaType(r.Header.Get("Content-Type")) {
	case "", "text/plain", "text/*", "*/*":
	default:
		return "", AdminError(http.StatusUnsupportedMediaType, "The content-type header value did not match the value in @Consumes")
	}
	if r.Body == nil {
		return "", nil
	}
	body, err := readBody(r, limit)
	if err != nil {
		return "", err
	}
	if !utf8.Valid(body) || bytes.IndexByte(body, 0) >= 0 {
		return "", OAuthError(http.StatusBadRequest, "invalid_request", "Text is not UTF-8")
	}
	return string(body), nil
}

// cannotParse keeps the decoder's error out of answer and log: it may quote
// what was sent.
func cannotParse(code string, _ error) *Error {
	return OAuthError(http.StatusBadRequest, code, "Cannot parse the JSON")
}

// hasNULEscape finds \u0000 in JSON text: no database takes it in a text.
func hasNULEscape(body []byte) bool {
	for rest := body; ; {
		i := bytes.Index(rest, []byte(`\u0000`))
		if i < 0 {
			return false
		}
		slashes := 0
		for j := i; j >= 0 && rest[j] == '\\'; j-- {
			slashes++
		}
		if slashes%2 == 1 {
			return true
		}
		rest = rest[i+1:]
	}
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// WriteJSON answers with v as JSON, in one write with its length. HTML
// characters stay as they are. The Content-Type is application/json unless the
// handler set one. An error means nothing was written.
func WriteJSON(w http.ResponseWriter, status int, v any) error {
	buf := buffers.Get().(*bytes.Buffer)
	defer func() {
		if buf.Cap() <= DefaultMaxBody {
			buf.Reset()
			buffers.Put(buf)
		}
	}()
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	return WriteRaw(w, status, "", bytes.TrimSuffix(buf.Bytes(), []byte("\n")))
}

// WriteRaw answers with a body that is ready. contentType "" means the one the
// handler set, else application/json if there is a body. Its error is always
// nil: a caller that went away is none of ours.
func WriteRaw(w http.ResponseWriter, status int, contentType string, body []byte) error {
	h := w.Header()
	switch {
	case contentType != "":
		h["Content-Type"] = []string{contentType}
	case len(body) > 0 && h["Content-Type"] == nil:
		h["Content-Type"] = typeJSON
	}
	if status != http.StatusNoContent && status != http.StatusNotModified {
		h["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	w.WriteHeader(status)
	if len(body) > 0 {
		_, _ = w.Write(body)
	}
	return nil
}

var typeJSON = []string{TypeJSON}

// Paging reads first and max of a list: how many items to skip, 0 or more, and
// how many to return, -1 for no limit. Absent, empty and negative values mean
// no limit; what is no 32-bit number is 404, as in Keycloak, where it makes
// the whole resource not match.
func Paging(r *http.Request) (first, limit int, err error) {
	q := r.URL.Query()
	if first, err = pageNumber(q.Get("first")); err != nil {
		return 0, 0, err
	}
	if limit, err = pageNumber(q.Get("max")); err != nil {
		return 0, 0, err
	}
	if first < 0 {
		first = 0
	}
	return first, limit, nil
}

func pageNumber(s string) (int, error) {
	if s == "" {
		return -1, nil
	}
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil {
		return 0, HTTPStatus(http.StatusNotFound)
	}
	return int(max(n, -1)), nil
}

// QueryBool reads a flag of the query: true for "true" in any case, false for
// anything else, as Keycloak. set is false when it is absent or empty.
func QueryBool(r *http.Request, name string) (value, set bool) {
	s := r.URL.Query().Get(name)
	return strings.EqualFold(s, "true"), s != ""
}
