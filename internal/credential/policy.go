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
	eachPart(passwordPolicy, func(name, arg string, _ bool) {
		switch name {
		case "hashAlgorithm":
			if _, ok := defaults[arg]; ok {
				p.Algorithm = arg
			}
		case "hashIterations":
			if n, err := strconv.Atoi(arg); err == nil && n > 0 {
				p.Iterations = n
			}
		}
	})
	return p
}

// PolicyError is a refused passwordPolicy; Text is for the caller, in
// Keycloak's words, to be sent as errorMessage with status 400.
type PolicyError struct{ Text string }

func (e *PolicyError) Error() string { return e.Text }

// CheckPolicy tells whether Keycloak would store a passwordPolicy, as far as
// its hash parts go: nil or a *PolicyError.
func CheckPolicy(passwordPolicy string) error {
	var bad string
	eachPart(passwordPolicy, func(name, arg string, hasArg bool) {
		switch {
		case bad != "":
		case name == "hashAlgorithm" && arg == "":
			bad = "Invalid config for hashAlgorithm: Password hashing provider id must be set"
		case name == "hashAlgorithm":
			if _, ok := defaults[arg]; !ok {
				bad = "Invalid config for hashAlgorithm: Password hashing provider not found"
			}
		case name == "hashIterations" && hasArg:
			if _, err := strconv.Atoi(arg); err != nil {
				bad = "Invalid config for hashIterations: Not a valid number"
			}
		}
	})
	if bad != "" {
		return &PolicyError{Text: bad}
	}
	return nil
}

func eachPart(policy string, f func(name, arg string, hasArg bool)) {
	for part := range strings.SplitSeq(policy, " and ") {
		name, arg, hasArg := strings.Cut(strings.TrimSpace(part), "(")
		f(strings.TrimSpace(name), strings.TrimSpace(strings.TrimSuffix(arg, ")")), hasArg)
	}
}
