package admin

import (
	"net/http"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/web"
)

// installation is the file that Keycloak's adapters read, keycloak.json. The
// other formats, of servers and protocols that are not spoken here, are unknown
// providers.
func (c *call) installation() error {
	x, err := c.client()
	if err != nil {
		return err
	}
	if c.r.PathValue("provider") != "keycloak-oidc-keycloak-json" {
		return web.AdminError(http.StatusNotFound, "Unknown Provider")
	}
	o := keycloak.Object{{Name: "realm", Value: c.realmName()}}
	add := func(name string, value any) { o = append(o, keycloak.Member{Name: name, Value: value}) }
	if x.BearerOnly {
		add("bearer-only", true)
	}
	add("auth-server-url", c.base+"/")
	add("ssl-required", c.snap.Realm.SSLRequired)
	add("resource", x.ClientID)
	withRoles := len(c.snap.ClientRoles(x.ID)) > 0
	if x.PublicClient {
		add("public-client", true)
	}
	if withRoles {
		add("verify-token-audience", true)
	}
	if !x.PublicClient && !x.BearerOnly {
		add("credentials", c.adapterCredentials(x))
	}
	if withRoles {
		add("use-resource-role-mappings", true)
	}
	add("confidential-port", 0)
	c.w.Header().Set("Content-Type", "text/plain;charset=UTF-8") // a file to save, as Keycloak sends it
	return c.answer(o)
}

// adapterCredentials are how an adapter shows who it is: the secret, masked for
// who may not change the client, or what it needs to sign.
func (c *call) adapterCredentials(x *model.Client) keycloak.Object {
	secret := x.Secret
	if secret != "" && !c.may(manageClients) {
		secret = keycloak.Masked
	}
	switch x.ClientAuthenticatorType {
	case "client-secret-jwt":
		return keycloak.Object{{Name: "secret-jwt", Value: keycloak.Object{{Name: "secret", Value: secret}}}}
	case "client-jwt":
		return keycloak.Object{{Name: "jwt", Value: keycloak.Object{
			{Name: "client-key-password", Value: "REPLACE WITH THE KEY PASSWORD IN KEYSTORE"},
			{Name: "client-keystore-file", Value: "REPLACE WITH THE LOCATION OF YOUR KEYSTORE FILE"},
			{Name: "client-keystore-password", Value: "REPLACE WITH THE KEYSTORE PASSWORD"},
			{Name: "client-key-alias", Value: x.ClientID}, {Name: "token-timeout", Value: 10}, {Name: "client-keystore-type", Value: "jks"},
		}}}
	}
	return keycloak.Object{{Name: "secret", Value: secret}}
}
