package web

import (
	"errors"
	"io"
	"iter"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// ErrDuplicated is returned with a complete form in which a parameter stands
// twice. RFC 6749 §3.2: "Parameters MUST NOT be included more than once";
// Keycloak's text for it is invalid_request "duplicated parameter". Endpoints
// that tolerate repetition (logout) use the form as it is: the first counts.
var ErrDuplicated = errors.New("duplicated parameter")

// Limits of form parameters.
const (
	MaxParams = 1000  // Keycloak's; above it Keycloak answers 500
	MaxValue  = 4000  // characters of a parameter
	MaxToken  = 20000 // characters of a parameter that holds a token
)

// Form is the parameters of one request body, in their order. The zero value
// is an empty form.
type Form struct {
	pairs []pair
	long  []string
}

type pair struct{ name, value string }

// Get is the first value of a parameter, "" when it is absent.
func (f Form) Get(name string) string {
	v, _ := f.Lookup(name)
	return v
}

// Lookup is Get that tells an empty parameter from an absent one: an empty
// scope, for one, is an error.
func (f Form) Lookup(name string) (string, bool) {
	for i := range f.pairs {
		if f.pairs[i].name == name {
			return f.pairs[i].value, true
		}
	}
	return "", false
}

// Values are all values of a parameter in their order.
func (f Form) Values(name string) []string {
	var out []string
	for _, p := range f.pairs {
		if p.name == name {
			out = append(out, p.value)
		}
	}
	return out
}

// Repeats tells whether a parameter but those named stands twice. ErrDuplicated
// tells it of any.
func (f Form) Repeats(but ...string) bool {
	seen := make(map[string]bool, len(f.pairs)+len(f.long))
	for _, p := range f.pairs {
		if seen[p.name] && !slices.Contains(but, p.name) {
			return true
		}
		seen[p.name] = true
	}
	for _, name := range f.long {
		if seen[name] && !slices.Contains(but, name) {
			return true
		}
		seen[name] = true
	}
	return false
}

// TooLong tells whether a parameter was left out for its length. Keycloak goes
// on as if it had not been sent, except for token exchange, which names it:
// "The size of OIDC parameter 'subject_token' is longer than allowed."
func (f Form) TooLong(name string) bool {
	for _, n := range f.long {
		if n == name {
			return true
		}
	}
	return false
}

// Long names the parameters that were left out for their length, repeated ones
// as often.
func (f Form) Long() []string { return f.long }

// ParseForm reads the parameters of a request. Only a body of type
// application/x-www-form-urlencoded has any: another type is an empty form and
// no error, and the query is not looked at. Parameters longer than they may be
// are left out (see TooLong). Invalid UTF-8 is replaced, as Keycloak does.
//
// Errors: ErrDuplicated beside a complete form; *Error 400 for wrong percent
// encoding, NUL bytes or more than MaxParams (each 500 in Keycloak), 413 for
// too large a body; what reading the body returns.
func ParseForm(r *http.Request) (Form, error) {
	if r.Body == nil || r.Body == http.NoBody || !isForm(r.Header.Get("Content-Type")) {
		return Form{}, nil
	}
	body, err := readBody(r, DefaultMaxBody)
	if err != nil {
		return Form{}, err
	}
	return parseForm(string(body))
}

// ParseParameters is ParseForm for an endpoint that a person's browser opens:
// the parameters of a GET are in its query.
func ParseParameters(r *http.Request) (Form, error) {
	if r.Method == http.MethodPost {
		return ParseForm(r)
	}
	return parseForm(r.URL.RawQuery)
}

// All are the parameters in their order, repeated ones too, without those that
// are too long.
func (f Form) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, p := range f.pairs {
			if !yield(p.name, p.value) {
				return
			}
		}
	}
}

func isForm(contentType string) bool {
	if contentType == TypeForm {
		return true
	}
	t, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(t), TypeForm)
}

// readBody reads a body of up to limit bytes, in one allocation when its length
// was announced. Mux may have set a lower limit.
func readBody(r *http.Request, limit int64) ([]byte, error) {
	var body []byte
	var err error
	if n := r.ContentLength; n >= 0 && n <= min(limit, DefaultMaxBody) {
		body = make([]byte, n)
		_, err = io.ReadFull(r.Body, body)
	} else {
		body, err = io.ReadAll(io.LimitReader(r.Body, limit+1))
	}
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge), err == nil && int64(len(body)) > limit:
		return nil, errTooLarge(err)
	case err != nil: // the caller went away or sent less than announced
		if ctxErr := r.Context().Err(); ctxErr != nil {
			return nil, ctxErr
		}
		return nil, OAuthError(http.StatusBadRequest, "invalid_request", "Request body is incomplete").WithCause(err)
	}
	return body, nil
}

// parseForm is one pass over the body: names and values are slices of it
// unless they are encoded.
func parseForm(body string) (Form, error) {
	if body == "" {
		return Form{}, nil
	}
	f := Form{pairs: make([]pair, 0, 8)}
	duplicated := false
	var seen map[string]bool // once there are many, so that the check stays linear
	for body != "" {
		var part string
		part, body, _ = strings.Cut(body, "&")
		if part == "" {
			continue
		}
		if len(f.pairs)+len(f.long) == MaxParams {
			return Form{}, errTooManyParams
		}
		name, value, _ := strings.Cut(part, "=")
		name, ok := formText(name)
		if !ok {
			return Form{}, errFormEncoding
		}
		if value, ok = formText(value); !ok {
			return Form{}, errFormEncoding
		}
		duplicated = duplicated || f.has(name, &seen)
		if len(value) > MaxValue && tooLong(name, value) {
			f.long = append(f.long, name)
			continue
		}
		f.pairs = append(f.pairs, pair{name, value})
	}
	if duplicated {
		return f, ErrDuplicated
	}
	return f, nil
}

// has tells whether a name came before.
func (f *Form) has(name string, seen *map[string]bool) bool {
	const few = 24
	if len(f.pairs)+len(f.long) < few {
		_, ok := f.Lookup(name)
		return ok || f.TooLong(name)
	}
	if *seen == nil {
		*seen = make(map[string]bool, 2*few)
		for _, p := range f.pairs {
			(*seen)[p.name] = true
		}
		for _, n := range f.long {
			(*seen)[n] = true
		}
	}
	was := (*seen)[name]
	(*seen)[name] = true
	return was
}

func tooLong(name, value string) bool {
	switch name {
	case "username", "grant_type": // Keycloak answers "unknown" to these, not "missing"
		return false
	case "token", "refresh_token", "access_token", "id_token_hint", "subject_token", "actor_token",
		"client_assertion", "assertion", "request", "logout_token", "code", "device_code":
		return utf8.RuneCountInString(value) > MaxToken
	}
	return utf8.RuneCountInString(value) > MaxValue
}

var (
	errFormEncoding  = OAuthError(http.StatusBadRequest, "invalid_request", "Malformed form body")
	errTooManyParams = OAuthError(http.StatusBadRequest, "invalid_request", "too many parameters")
)

// formText decodes a name or value of application/x-www-form-urlencoded. ok is
// false for wrong percent encoding and for NUL, which no database text takes.
func formText(s string) (text string, ok bool) {
	i := strings.IndexAny(s, "%+\x00")
	if i >= 0 {
		b := make([]byte, i, len(s))
		copy(b, s)
		for ; i < len(s); i++ {
			switch c := s[i]; c {
			case '+':
				b = append(b, ' ')
			case '%':
				if i+2 >= len(s) || unhex(s[i+1]) < 0 || unhex(s[i+2]) < 0 {
					return "", false
				}
				b = append(b, byte(unhex(s[i+1])<<4|unhex(s[i+2])))
				i += 2
			default:
				b = append(b, c)
			}
		}
		s = string(b)
		if strings.IndexByte(s, 0) >= 0 {
			return "", false
		}
	}
	return strings.ToValidUTF8(s, "\uFFFD"), true
}

// mediaType is a Content-Type without parameters, lower case; "" if it is
// absent, "?" if it cannot be read.
func mediaType(contentType string) string {
	if contentType == "" {
		return ""
	}
	t, _, err := mime.ParseMediaType(contentType)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return "?"
	}
	return t
}
