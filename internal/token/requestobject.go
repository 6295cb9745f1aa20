package token

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Errors of RequestObject.
var (
	ErrRequestObjectShape     = errors.New("request object is no JWS of a JSON object")
	ErrRequestObjectAlg       = errors.New("request object has another algorithm than the client wants")
	ErrRequestObjectSignature = errors.New("request object is not signed by the client")
	ErrRequestObjectTime      = errors.New("request object is not valid now")
)

// RequestObjectKeys is what a client may sign request objects with: its keys,
// and its secret for an HMAC.
type RequestObjectKeys struct {
	JWKS        string // a JWK set of public keys, or
	Certificate string // a certificate or public key
	Secret      string
	Alg         string // attribute request.object.signature.alg; "" and "any" for every one, none too
}

// RequestObject verifies a request object (OpenID Connect Core §6.1, RFC 9101)
// at now and returns its members as parameters: strings as they are, other
// values as their JSON text. Unsigned ones (alg none) pass unless the client
// wants an algorithm. exp and nbf count where they are set.
//
// Errors: those above, never wrapped.
func RequestObject(object string, keys RequestObjectKeys, now time.Time) (map[string]string, error) {
	alg, err := requestObjectAlg(object)
	if err != nil {
		return nil, err
	}
	if keys.Alg != "" && keys.Alg != "any" && keys.Alg != alg {
		return nil, ErrRequestObjectAlg
	}
	payload, err := keys.verify(object, alg)
	if err != nil {
		return nil, err
	}
	return requestObjectParams(payload, now.Unix())
}

// requestObjectAlg reads the header's alg without trusting it.
func requestObjectAlg(object string) (string, error) {
	header, _, ok := strings.Cut(object, ".")
	if !ok || len(object) > maxTokenLength {
		return "", ErrRequestObjectShape
	}
	doc, err := base64.RawURLEncoding.DecodeString(header)
	if err != nil {
		return "", ErrRequestObjectShape
	}
	alg := ""
	err = eachMember(doc, func(name, raw string) (err error) {
		if name == "alg" {
			alg, err = stringValue(raw)
		}
		return err
	})
	if err != nil || alg == "" {
		return "", ErrRequestObjectShape
	}
	return alg, nil
}

// verify checks the signature. A secret and public keys never mix: alg says
// which of them is meant.
func (k RequestObjectKeys) verify(object, alg string) ([]byte, error) {
	a := AssertionKeys{Alg: alg}
	switch {
	case alg == "none":
		return unsignedPayload(object)
	case slices.Contains(symmetricAlgs, jose.SignatureAlgorithm(alg)):
		if a.Secret = k.Secret; k.Secret == "" {
			return nil, ErrRequestObjectSignature
		}
	case slices.Contains(asymmetricAlgs, jose.SignatureAlgorithm(alg)):
		a.JWKS, a.Certificate = k.JWKS, k.Certificate
	default:
		return nil, ErrRequestObjectShape
	}
	jws, err := parseAssertion(object, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
	if err != nil {
		return nil, ErrRequestObjectShape
	}
	candidates, err := a.candidates(jws.Signatures[0].Protected)
	if err != nil {
		return nil, ErrRequestObjectSignature
	}
	payload, ok := tryKeys(jws, candidates)
	if !ok {
		return nil, ErrRequestObjectSignature
	}
	return payload, nil
}

// unsignedPayload reads a JWS with alg none, whose signature must be empty
// (RFC 7518 §3.6).
func unsignedPayload(object string) ([]byte, error) {
	parts := strings.Split(object, ".")
	if len(parts) != 3 || parts[2] != "" {
		return nil, ErrRequestObjectShape
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, ErrRequestObjectShape
	}
	return payload, nil
}

func requestObjectParams(payload []byte, now int64) (map[string]string, error) {
	out := map[string]string{}
	var exp, nbf int64
	err := eachMember(payload, func(name, raw string) (err error) {
		switch name {
		case "exp":
			exp, err = numberValue(raw)
		case "nbf":
			nbf, err = numberValue(raw)
		}
		if err == nil {
			out[name], err = parameterValue(raw)
		}
		return err
	})
	switch {
	case err != nil:
		return nil, ErrRequestObjectShape
	case exp != 0 && exp+assertionSkew < now, nbf > now+assertionSkew:
		return nil, ErrRequestObjectTime
	}
	return out, nil
}

// parameterValue is a JSON value as the parameter it stands for.
func parameterValue(raw string) (string, error) {
	if raw[0] == '"' {
		return stringValue(raw)
	}
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(raw)); err != nil {
		return "", err
	}
	return b.String(), nil
}
