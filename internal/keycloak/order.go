package keycloak

import (
	"cmp"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/model"
)

// usualOptional is one of the orders in which Keycloak lists the optional
// scopes of a new realm. Its order changes from realm to realm; recordings and
// scripts that count on offline_access being the fourth were made with this.
var usualOptional = []string{"address", "phone", "organization", "offline_access", "microprofile-jwt"}

// OptionalScopeOrder sorts a copy: Keycloak's own optional scopes first, in a
// fixed order, then the others by name.
func OptionalScopeOrder(scopes []*model.ClientScope) []*model.ClientScope {
	rank := func(s *model.ClientScope) int {
		if i := slices.Index(usualOptional, s.Name); i >= 0 {
			return i
		}
		return len(usualOptional)
	}
	out := slices.Clone(scopes)
	slices.SortFunc(out, func(a, b *model.ClientScope) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a.Name, b.Name))
	})
	return out
}
