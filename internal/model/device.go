package model

import "strconv"

// DeviceGrantEnabled tells whether a client may ask for device codes (RFC 8628).
func (c *Client) DeviceGrantEnabled() bool {
	return c.Flag("oauth2.device.authorization.grant.enabled", false)
}

// DeviceTimes are how long a device code lives and how far apart polls must be,
// in seconds: the client's, else the realm's, else Keycloak's defaults.
func DeviceTimes(r *Realm, c *Client) (lifespan, interval int64) {
	return deviceTime(r, c, "oauth2.device.code.lifespan", "oauth2DeviceCodeLifespan", 600),
		deviceTime(r, c, "oauth2.device.polling.interval", "oauth2DevicePollingInterval", 5)
}

func deviceTime(r *Realm, c *Client, ofClient, ofRealm string, def int64) int64 {
	if n := c.Seconds(ofClient); n > 0 {
		return n
	}
	if n, err := strconv.ParseInt(r.Attributes[ofRealm], 10, 64); err == nil && n > 0 {
		return n
	}
	return def
}

// CheckDevicePKCE reads the code challenge of a device authorization request,
// under the rules of a request for a code.
func CheckDevicePKCE(c *Client, p AuthorizationParams) (challenge, method string, fault *AuthorizationError) {
	a := &AuthorizationRequest{ResponseType: "code", CodeChallenge: p.get("code_challenge"), CodeChallengeMethod: p.get("code_challenge_method")}
	if fault := a.checkPKCE(nil, c, p); fault != nil {
		return "", "", fault
	}
	return a.CodeChallenge, a.CodeChallengeMethod, nil
}
