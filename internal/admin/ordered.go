package admin

import (
	"bytes"
	"encoding/json"

	"github.com/latchkey-id/latchkey/internal/keycloak"
)

// maxNesting is how deep a document in an event may nest.
const maxNesting = 64

// decodeOrdered reads JSON and keeps the order of members, so that an event
// shows a body as it was sent. ok is false for what is no JSON.
func decodeOrdered(doc []byte) (v any, ok bool) {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	v, ok = orderedValue(d, 0)
	return v, ok && !d.More()
}

func orderedValue(d *json.Decoder, depth int) (any, bool) {
	t, err := d.Token()
	if err != nil || depth > maxNesting {
		return nil, false
	}
	switch t {
	case json.Delim('{'):
		o := keycloak.Object{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, false
			}
			v, ok := orderedValue(d, depth+1)
			if !ok {
				return nil, false
			}
			o = append(o, keycloak.Member{Name: name.(string), Value: v})
		}
		_, err := d.Token()
		return o, err == nil
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, ok := orderedValue(d, depth+1)
			if !ok {
				return nil, false
			}
			list = append(list, v)
		}
		_, err := d.Token()
		return list, err == nil
	}
	return t, true
}
