package clients_test

import (
	"path/filepath"
	"testing"

	"github.com/latchkey-id/latchkey/internal/clients/fetch"
)

// TestKcadm: kcadm.sh as it is distributed with Keycloak 26.7.2. It starts a
// JVM for each call.
func TestKcadm(t *testing.T) {
	t.Parallel()
	fetch.Programs(t, "mvn", "java")
	folder := fetch.Unpacked(t, "org.keycloak:keycloak-quarkus-dist:26.7.2:zip", "*/bin/kcadm.sh,*/bin/client/**", "testdata/kcadm.sha256")
	h := newHouse(t)
	offline := h.login("openid offline_access")
	h.login("openid")
	cmd := h.command(t.TempDir(), "bash", abs(t, "testdata/kcadm.bash"))
	cmd.Env = append(cmd.Env, "PORTAL="+h.id("/clients?clientId=offline-access-portal"), "USER1="+h.id("/users?username=user1&exact=true"),
		"KCADM="+filepath.Join(folder, "keycloak-26.7.2/bin/kcadm.sh"),
		"KC_OPTS=-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto")
	h.drive(cmd)
	if a := h.token("grant_type", "refresh_token", "refresh_token", offline); a.Error != "invalid_grant" {
		t.Errorf("refresh of the user that kcadm logged out: error %q", a.Error)
	}
}
