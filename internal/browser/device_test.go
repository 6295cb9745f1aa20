package browser_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
)

// TestDevice_CodeTypedOnAnotherDevice: a device without a keyboard shows a code;
// a person types it on their phone, logs in and agrees; the device gets its
// offline token, once. Waits for device_authorization_endpoint.
func TestDevice_CodeTypedOnAnotherDevice(t *testing.T) {
	t.Parallel()
	b, h := newTab(t), newHouse(t)
	endpoint := h.announced("device_authorization_endpoint")
	if endpoint == "" {
		t.Log("waits for device_authorization_endpoint: nothing announces it")
		return
	}
	resp, err := http.PostForm(endpoint, url.Values{"client_id": {"portal"}, "client_secret": {"s3cret"}, "scope": {"openid offline_access"}})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var device struct {
		Device   string `json:"device_code"`
		User     string `json:"user_code"`
		URI      string `json:"verification_uri"`
		Complete string `json:"verification_uri_complete"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&device); err != nil || device.Device == "" {
		t.Fatalf("device authorization: %+v, %v", device, err)
	}
	b.open(device.URI)
	b.inspect("device-code")
	b.fill("#device-user-code", "WRONG-CODE")
	b.press("button[type=submit]")
	b.inspect("device-code-wrong")
	b.fill("#device-user-code", device.User)
	b.press("button[type=submit]")
	b.signIn("uma", "pw")
	b.inspect("device-consent")
	b.press("button[name=accept]")
	b.inspect("device-done")
	redeem := func() tokens {
		return h.post("portal", "grant_type", "urn:ietf:params:oauth:grant-type:device_code", "device_code", device.Device)
	}
	h.works("refresh of the device's token", h.refresh("portal", h.works("device code", redeem()).Refresh))
	if again := redeem(); again.Access != "" {
		t.Error("the device code worked twice")
	}
}
