package oidc

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
)

// However mappers share claims, a token made with the remembered part must be
// the one made anew.
func TestShare_EqualsMappingAnew(t *testing.T) {
	t.Parallel()
	roles := mapperOf("oidc-usermodel-realm-role-mapper", map[string]string{"claim.name": "realm_access.roles", "multivalued": "true"})
	clientRoles := mapperOf("oidc-usermodel-client-role-mapper", map[string]string{"claim.name": "resource_access.${client_id}.roles", "multivalued": "true"})
	resolve := mapperOf("oidc-audience-resolve-mapper", nil)
	attr := func(name string) model.ProtocolMapper {
		return mapperOf("oidc-usermodel-attribute-mapper", map[string]string{"user.attribute": "age", "claim.name": name})
	}
	for name, mappers := range map[string][]model.ProtocolMapper{
		"the usual":                    {roles, clientRoles, resolve, attr("age"), mapperOf("oidc-full-name-mapper", nil), mapperOf("oidc-allowed-origins-mapper", nil)},
		"an attribute beside roles":    {roles, attr("realm_access.age")},
		"an attribute over roles":      {roles, attr("realm_access")},
		"an attribute in the audience": {resolve, attr("aud")},
		"roles named as the full name": {mapperOf("oidc-usermodel-realm-role-mapper", map[string]string{"claim.name": "name", "multivalued": "true"}), mapperOf("oidc-full-name-mapper", nil)},
		"roles named sub":              {mapperOf("oidc-usermodel-realm-role-mapper", map[string]string{"claim.name": "sub", "multivalued": "true"})},
		"a hardcoded role":             {mapperOf("oidc-hardcoded-role-mapper", map[string]string{"role": "api.write"}), clientRoles, resolve},
		"text that must be escaped":    {mapperOf("oidc-hardcoded-claim-mapper", map[string]string{"claim.name": `a"b`, "claim.value": "\u00e4\n\"<>\\"}), roles},
		"no mappers":                   nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := mapperView(t, mappers...)
			userRoles := v.cfg.UserRoles(v.user.Grants)
			want := mapped(v, inAccess)
			wantAudience, _ := want["aud"].([]string)
			delete(want, "aud")
			q := &request{snap: &realm.Snapshot{Config: v.cfg}}
			for _, turn := range []string{"made", "remembered"} {
				again := *v
				again.roles = nil
				p, audience := q.mappedFast(&again, inAccess, userRoles)
				raw, err := p.encode()
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(decoded(t, mustJSON(t, map[string]any(want))), decoded(t, raw)); diff != "" {
					t.Errorf("%s (-anew +shared):\n%s", turn, diff)
				}
				if diff := cmp.Diff(wantAudience, audience); diff != "" {
					t.Errorf("%s: audience (-anew +shared):\n%s", turn, diff)
				}
			}
		})
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// decoded refuses members that stand twice.
func decoded(t *testing.T, raw []byte) map[string]any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(raw))
	if _, err := d.Token(); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	m := map[string]any{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		if _, twice := m[name.(string)]; twice {
			t.Fatalf("%s: member %v stands twice", raw, name)
		}
		var value any
		if err := d.Decode(&value); err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		m[name.(string)] = value
	}
	return m
}
