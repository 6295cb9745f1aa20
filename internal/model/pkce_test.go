package model_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/model"
)

// TestVerifyPKCE: each as a Keycloak 26.7.2 answers at the token endpoint.
func TestVerifyPKCE(t *testing.T) {
	t.Parallel()
	// RFC 7636, appendix B.
	const verifier, challenge = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
	for _, tt := range []struct {
		name, challenge, method, verifier string
		sent                              bool
		want                              error
	}{
		{"neither", "", "", "", false, nil},
		{"S256", challenge, "S256", verifier, true, nil},
		{"plain", verifier, "plain", verifier, true, nil},
		{"missing", challenge, "S256", "", false, model.ErrPKCEMissing},
		{"missing, plain", verifier, "plain", "", false, model.ErrPKCEMissing},
		{"empty", challenge, "S256", "", true, model.ErrPKCESyntax},
		{"of 42", challenge, "S256", verifier[1:], true, model.ErrPKCESyntax},
		{"of 128", challenge, "S256", strings.Repeat("b", 128), true, model.ErrPKCEMismatch},
		{"of 129", challenge, "S256", strings.Repeat("b", 129), true, model.ErrPKCESyntax},
		{"of other characters", challenge, "S256", strings.Repeat("+", 43), true, model.ErrPKCESyntax},
		{"another", challenge, "S256", strings.Repeat("b", 43), true, model.ErrPKCEMismatch},
		{"another, plain", verifier, "plain", strings.Repeat("b", 43), true, model.ErrPKCEMismatch},
		{"the challenge itself", challenge, "S256", challenge, true, model.ErrPKCEMismatch},
		{"not asked for", "", "", verifier, true, model.ErrPKCENotAsked},
		{"not asked for, empty", "", "", "", true, model.ErrPKCENotAsked},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if err := model.VerifyPKCE(tt.challenge, tt.method, tt.verifier, tt.sent); !errors.Is(err, tt.want) {
				t.Errorf("VerifyPKCE = %v, want %v", err, tt.want)
			}
		})
	}
}
