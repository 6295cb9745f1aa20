package account

import (
	"encoding/json"
	"net/http"

	"github.com/latchkey-id/latchkey/internal/web"
)

// answer writes v as JSON with status 200.
func (c *call) answer(v any) error {
	c.w.Header().Set("Content-Type", web.TypeJSONUTF8)
	return web.WriteJSON(c.w, http.StatusOK, v)
}

func (c *call) noContent() error {
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// body reads the request body, which must be JSON.
func (c *call) body() ([]byte, error) {
	var raw json.RawMessage
	if err := web.DecodeJSON(c.r, &raw); err != nil {
		return nil, err
	}
	return raw, nil
}

// each maps a list; the result is never nil, so that it is [] on the wire.
func each[T, R any](list []T, f func(T) R) []R {
	out := make([]R, 0, len(list))
	for _, x := range list {
		out = append(out, f(x))
	}
	return out
}
