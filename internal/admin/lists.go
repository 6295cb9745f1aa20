package admin

import (
	"encoding/json"
	"errors"
	"slices"

	"github.com/latchkey-id/latchkey/internal/store"
)

// with is a copy of ids with id in it.
func with(ids []string, id string) []string {
	if slices.Contains(ids, id) {
		return ids
	}
	return append(slices.Clone(ids), id)
}

// without is a copy of ids without those in gone.
func without(ids []string, gone ...string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return slices.Contains(gone, id) })
}

func isNotFound(err error) bool { return errors.Is(err, store.ErrNotFound) }

// hasMember tells whether a JSON object has a member that is not null.
func hasMember(doc []byte, name string) bool {
	var m map[string]json.RawMessage
	return json.Unmarshal(doc, &m) == nil && m[name] != nil && string(m[name]) != "null"
}
