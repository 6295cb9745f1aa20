package keycloak

import (
	"encoding/json"
	"slices"

	"github.com/latchkey-id/latchkey/internal/model"
)

// CredentialInput is a credential in a document or request: either Value, in
// plain text and still to be hashed, or Credential in its stored form.
type CredentialInput struct {
	Value      string // plain text; "" when Credential is complete
	Temporary  bool   // must be changed at the next login
	Credential model.Credential
}

// updatePassword is the required action of users with a temporary password.
const updatePassword = "UPDATE_PASSWORD"

// readCredentials reads member credentials; a temporary one adds the required
// action to u. Three forms exist: plain value, stored (secretData and
// credentialData, JSON in strings) and that of Keycloak ≤ 7 (hashedSaltedValue).
func readCredentials(f *fields, u *model.User, newID func() string) (out []CredentialInput) {
	given, _ := f.items("credentials")
	for _, it := range given {
		sub := f.object(it.raw, it.path)
		in := readCredential(sub, newID)
		if in.Temporary && !slices.Contains(u.RequiredActions, updatePassword) {
			u.RequiredActions = append(slices.Clip(u.RequiredActions), updatePassword)
		}
		out = append(out, in)
	}
	return out
}

// ParseCredential reads one credential: the body of PUT reset-password.
//
// Errors: *DocumentError.
func ParseCredential(doc []byte, newID func() string) (CredentialInput, error) {
	f := body(doc)
	in := readCredential(f, newID)
	return in, f.fault()
}

func readCredential(f *fields, newID func() string) CredentialInput {
	in := CredentialInput{Credential: model.Credential{ID: f.id(newID), Type: "password"}}
	c := &in.Credential
	f.name("type", &c.Type)
	f.str("userLabel", &c.Label)
	f.number("createdDate", maxMoment, &c.CreatedMS)
	var priority int64
	f.number("priority", maxNumber, &priority)
	c.Priority = int(priority)
	f.boolean("temporary", &in.Temporary)
	f.str("value", &in.Value)
	for _, d := range []struct {
		name string
		to   *string
	}{{"secretData", &c.SecretData}, {"credentialData", &c.CredentialData}} {
		if f.str(d.name, d.to); *d.to != "" && (!json.Valid([]byte(*d.to)) || kind([]byte(*d.to)) != 'o') {
			f.failf(f.at(d.name), "must be a string that holds a JSON object")
		}
	}
	switch {
	case c.SecretData != "":
		in.Value = ""
	case f.has("hashedSaltedValue"):
		readHashedSalted(f, c)
		in.Value = ""
	case c.Type == "totp" || c.Type == "hotp":
		readOldOTP(f, &in)
	}
	return in
}

// readHashedSalted turns the form of Keycloak ≤ 7 into the stored one.
func readHashedSalted(f *fields, c *model.Credential) {
	var hash, salt string
	algorithm, iterations := "pbkdf2", int64(0)
	f.str("hashedSaltedValue", &hash)
	f.str("salt", &salt)
	f.str("algorithm", &algorithm)
	f.number("hashIterations", maxNumber, &iterations)
	c.SecretData = compactJSON(Object{{"value", hash}, {"salt", salt}, {"additionalParameters", map[string]string{}}})
	c.CredentialData = compactJSON(Object{{"hashIterations", iterations}, {"algorithm", algorithm}, {"additionalParameters", map[string]string{}}})
}

// readOldOTP turns a one-time password secret of Keycloak ≤ 7 into type otp.
func readOldOTP(f *fields, in *CredentialInput) {
	algorithm := "HmacSHA1"
	digits, counter, period := int64(6), int64(0), int64(30)
	f.str("algorithm", &algorithm)
	f.number("digits", 10, &digits)
	f.number("counter", maxNumber, &counter)
	f.number("period", maxNumber, &period)
	c := &in.Credential
	c.SecretData = compactJSON(Object{{"value", in.Value}})
	c.CredentialData = compactJSON(Object{{"subType", c.Type}, {"digits", digits}, {"counter", counter}, {"period", period}, {"algorithm", algorithm}})
	c.Type, in.Value = "otp", ""
}

func compactJSON(o Object) string {
	b, _ := o.MarshalJSON() // strings and numbers only
	return string(compact(b))
}

// CredentialRepresentation is a credential as admin REST lists it: without
// its secret.
func CredentialRepresentation(c *model.Credential) Object {
	o := Object{{"id", c.ID}, {"type", c.Type}}
	o.addText("userLabel", c.Label)
	o.add("createdDate", c.CreatedMS)
	o.addText("credentialData", c.CredentialData)
	return o
}
