package model

import (
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Levels of authentication of the one login there is here, and the ACR values
// that name them where nothing is configured.
const (
	LevelSSO      = 0 // an earlier login goes on
	LevelPassword = 1 // the password was given for this request
)

// ACRRequest is what a client asks of how a person logs in: by parameter
// claims, acr_values or its own defaults. OpenID Connect Core §5.5.1.1.
type ACRRequest struct {
	Essential []string `json:"essential,omitempty"` // claims: acr with essential
	Asked     []string `json:"asked,omitempty"`     // all of them, the essential ones too
}

// wanted are the values that count for the level: the essential ones, if any.
func (a ACRRequest) wanted() []string {
	if len(a.Essential) > 0 {
		return a.Essential
	}
	return a.Asked
}

// acrLevel is one entry of attribute acr.loa.map.
type acrLevel struct {
	acr   string
	level int
}

// acrLevels are the ACR values of a client by level, in the attribute's order:
// its own acr.loa.map, else the realm's. What cannot be read is no map.
type acrLevels []acrLevel

func levelsOf(r *Realm, c *Client) acrLevels {
	if own := c.Attributes["acr.loa.map"]; own != "" && own != "{}" {
		return readLevels(own)
	}
	return readLevels(r.Attributes["acr.loa.map"])
}

// readLevels reads {"gold":"2","silver":1}. Most realms have no map, and every
// token asks.
func readLevels(text string) acrLevels {
	if text == "" || text == "{}" {
		return nil
	}
	d := json.NewDecoder(strings.NewReader(text))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil
	}
	var out acrLevels
	for d.More() {
		name, err := d.Token()
		var value any
		if err != nil || d.Decode(&value) != nil {
			return nil
		}
		level, ok := levelNumber(value)
		if !ok {
			return nil
		}
		out = append(out, acrLevel{name.(string), level})
	}
	return out
}

// levelNumber takes what JSON decodes a level to, a number or its text.
func levelNumber(v any) (int, bool) {
	switch v := v.(type) {
	case float64:
		return int(v), v == float64(int32(v))
	case string:
		n, err := strconv.ParseInt(v, 10, 32)
		return int(n), err == nil
	}
	return 0, false
}

// level is what an ACR value stands for: its entry, else the number it is.
func (m acrLevels) level(acr string) (int, bool) {
	for _, e := range m {
		if e.acr == acr {
			return e.level, true
		}
	}
	return levelNumber(acr)
}

// best is the value with the highest level up to level, the first of several;
// "" for none.
func (m acrLevels) best(values []string, level int) string {
	found, highest := "", -1
	for _, v := range values {
		if n, ok := m.level(v); ok && n <= level && n > highest {
			found, highest = v, n
		}
	}
	return found
}

func (m acrLevels) names() []string {
	out := make([]string, len(m))
	for i, e := range m {
		out[i] = e.acr
	}
	return out
}

// ACR names the level a login has reached, in the client's words: the highest
// value it asked for that the level reaches, the essential ones first, else the
// highest of its map; without a map the level's number (measured).
func ACR(r *Realm, c *Client, asked ACRRequest, level int) string {
	m := levelsOf(r, c)
	if len(m) > 0 {
		for _, values := range [][]string{asked.Essential, asked.Asked, m.names()} {
			if acr := m.best(values, level); acr != "" {
				return acr
			}
		}
	}
	return strconv.Itoa(level)
}

// RaisesLevel tells whether the request asks for a level, so that an earlier
// login does not do and the password is asked for again: an earlier login has
// none to show, so that only a value below zero is met. What names no level is
// not met either (measured).
func (a *AuthorizationRequest) RaisesLevel(r *Realm, c *Client) bool {
	m := levelsOf(r, c)
	values := a.ACR.wanted()
	return len(values) > 0 && !slices.ContainsFunc(values, func(v string) bool {
		n, ok := m.level(v)
		return ok && n < 0
	})
}

// checkACR settles which ACR values are asked for. An essential one that names
// no level is refused; one that no login here reaches is not: the token tells
// what was reached (measured). A pushed request is not looked at before it is
// used.
func (a *AuthorizationRequest) checkACR(cfg *Config, c *Client, p AuthorizationParams) *AuthorizationError {
	if p.Pushing {
		return nil
	}
	m := levelsOf(cfg.Realm, c)
	values, sent := p.Lookup("acr_values")
	var ok bool
	if a.ACR, ok = claimedACR(a.Claims); ok && sent {
		a.ACR.Asked = append(a.ACR.Asked, acrWords(values)...)
	}
	if len(a.ACR.Asked) == 0 {
		a.ACR.Asked = multiple(c.Attributes["default.acr.values"])
	}
	if ok {
		ok = a.ACR.raiseTo(m, c.Attributes["minimum.acr.value"])
	}
	for _, v := range a.ACR.Essential {
		_, named := m.level(v)
		ok = ok && named
	}
	if ok {
		return nil
	}
	fault := page(400, "invalid_request", "invalidParameterMessage", "claims")
	fault.Reason = "Invalid requested essential acr value"
	return fault
}

// raiseTo is client attribute minimum.acr.value: an essential value below it is
// refused (false), others are left out, and the minimum stands for none.
func (a *ACRRequest) raiseTo(m acrLevels, minimum string) bool {
	least, ok := m.level(minimum)
	if minimum == "" || !ok {
		return true
	}
	below := func(v string) bool {
		n, ok := m.level(v)
		return !ok || n < least || n > LevelPassword && !slices.Contains(m.names(), v)
	}
	if slices.ContainsFunc(a.Essential, below) {
		return false
	}
	if a.Asked = slices.DeleteFunc(a.Asked, below); len(a.Asked) == 0 {
		a.Asked = []string{minimum}
	}
	return true
}

// acrWords splits acr_values. An empty one asks for something, if for nothing
// known (measured).
func acrWords(s string) []string {
	words := strings.Split(s, " ")
	for len(words) > 1 && words[len(words)-1] == "" {
		words = words[:len(words)-1]
	}
	return words
}

// multiple splits an attribute with several values.
func multiple(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, "##")
}

// ACRValues are the values the realm announces: those of its map, and the
// levels a login can have.
func ACRValues(r *Realm) []string {
	return append(readLevels(r.Attributes["acr.loa.map"]).names(), strconv.Itoa(LevelSSO), strconv.Itoa(LevelPassword))
}

// claimsRequest reads parameter claims as Keycloak does: nil when it is not
// what OpenID Connect Core §5.5 describes, down to the last member, and what
// follows the object does not count (measured). Members are named exactly.
func claimsRequest(text string) map[string]map[string]claimRequest {
	var out map[string]map[string]claimRequest
	if text == "" || json.NewDecoder(strings.NewReader(text)).Decode(&out) != nil {
		return nil
	}
	for place := range out {
		if place != "id_token" && place != "userinfo" {
			return nil
		}
	}
	return out
}

// claimRequest is what is asked of one claim.
type claimRequest struct {
	essential bool
	value     json.RawMessage // nil: none
	values    []json.RawMessage
}

// UnmarshalJSON takes the three members there are and no others.
func (c *claimRequest) UnmarshalJSON(text []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return err
	}
	for name, raw := range members {
		switch name {
		case "essential":
			var ok bool
			if c.essential, ok = looseBool(raw); !ok {
				return io.ErrUnexpectedEOF
			}
		case "value":
			if string(raw) != "null" {
				c.value = raw
			}
		case "values":
			if err := json.Unmarshal(raw, &c.values); err != nil {
				return err
			}
		default:
			return io.ErrUnexpectedEOF
		}
	}
	return nil
}

// looseBool also takes "true", 1 and null.
func looseBool(raw json.RawMessage) (value, ok bool) {
	text := strings.Trim(string(raw), `"`)
	if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		return n != 0, true
	}
	switch text {
	case "true", "True", "TRUE":
		return true, true
	case "false", "False", "FALSE", "null", "":
		return false, true
	}
	return false, false
}

// claimedACR is what parameter claims asks of acr. ok is false when a value is
// neither text nor null, which Keycloak fails at.
func claimedACR(claims string) (asked ACRRequest, ok bool) {
	claim := claimsRequest(claims)["id_token"]["acr"]
	for _, raw := range append(claim.values, claim.value) {
		var v *string
		switch {
		case raw == nil:
			continue
		case json.Unmarshal(raw, &v) != nil:
			return asked, false
		case v == nil:
			v = new(string) // names no level
		}
		asked.Asked = append(asked.Asked, *v)
	}
	if claim.essential {
		asked.Essential = slices.Clone(asked.Asked)
	}
	return asked, true
}
