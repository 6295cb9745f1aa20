package credential

import (
	"strconv"
	"strings"
)

// Policy says how new hashes are made. The zero value is Keycloak's default:
// argon2id with 5 iterations over 7168 KiB.
type Policy struct {
	Algorithm  string // Argon2, PBKDF2SHA512, PBKDF2SHA256, PBKDF2SHA1; "" or unknown: Argon2
	Iterations int    // 0, or outside what Keycloak takes: the algorithm's default
}

// defaults are the iterations and key sizes in bytes Keycloak 26 uses.
var defaults = map[string]params{
	Argon2:       {algorithm: Argon2, iterations: 5, size: 32, memory: argonMemory, threads: argonThreads, variant: "id"},
	PBKDF2SHA512: {algorithm: PBKDF2SHA512, iterations: 210_000, size: 64},
	PBKDF2SHA256: {algorithm: PBKDF2SHA256, iterations: 600_000, size: 32},
	PBKDF2SHA1:   {algorithm: PBKDF2SHA1, iterations: 1_300_000, size: 64},
}

// maxArgonIterations: above it Keycloak falls back to its default (measured).
const maxArgonIterations = 100

func (p Policy) params() params {
	out, ok := defaults[p.Algorithm]
	if !ok {
		out = defaults[Argon2]
	}
	limit := maxIterations
	if out.algorithm == Argon2 {
		limit = maxArgonIterations
	}
	if p.Iterations > 0 && p.Iterations <= limit {
		out.iterations = p.Iterations
	}
	return out
}

// ParsePolicy reads hashAlgorithm(…) and hashIterations(…) out of a realm's
// passwordPolicy, e.g. "length(8) and hashAlgorithm(pbkdf2-sha512)". Other
// parts are left to others; what is no known value counts as not set.
func ParsePolicy(passwordPolicy string) Policy {
	var p Policy
	for part := range strings.SplitSeq(passwordPolicy, " and ") {
		name, arg, _ := cutPart(part)
		switch arg = strings.TrimSpace(arg); name {
		case "hashAlgorithm":
			if _, ok := defaults[arg]; ok {
				p.Algorithm = arg
			}
		case "hashIterations":
			if n, err := strconv.Atoi(arg); err == nil && n > 0 {
				p.Iterations = n
			}
		}
	}
	return p
}
