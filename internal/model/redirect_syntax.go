package model

import (
	"slices"
	"strings"
)

// answerNames are the parameters of answers (and kc_action, which Keycloak
// counts among them). A redirect URI that brings one along could pass its value
// off as an answer of ours.
var answerNames = []string{
	"code", "state", "session_state", "iss", "error", "error_description", "access_token", "id_token", "token_type", "expires_in",
	"response", "kc_action", "kc_action_status",
}

// plainRedirect tells whether an answer can be put onto a redirect URI: its
// characters are those of a URI (RFC 3986 §2, or beyond ASCII), and its query
// has no parameter of an answer, however it is written.
func plainRedirect(uri string) bool {
	for i := range len(uri) {
		if strings.IndexByte("\"<>^`{|}", uri[i]) >= 0 || uri[i] == '%' && (i+2 >= len(uri) || !isHex(uri[i+1]) || !isHex(uri[i+2])) {
			return false
		}
	}
	path, query, _ := strings.Cut(uri, "?")
	if _, rest, ok := strings.Cut(path, "://"); ok {
		if _, rest, ok = strings.Cut(rest, "/"); ok && strings.ContainsAny(rest, "[]") {
			return false // fit for a host alone
		}
	}
	for pair := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if slices.Contains(answerNames, strings.ToLower(decodeOnce(name))) {
			return false
		}
	}
	return true
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
