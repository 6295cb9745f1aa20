package clients_test

import (
	"path/filepath"
	"testing"

	"github.com/latchkey-id/latchkey/internal/clients/fetch"
)

// TestJava: Keycloak's own client for its admin API from Maven.
func TestJava(t *testing.T) {
	t.Parallel()
	java := fetch.Programs(t, "java", "javac", "mvn")[0]
	jars := fetch.Jars(t, "testdata/java/pom.xml", "testdata/java/jars.sha256")
	h := newHouse(t)
	h.drive(h.command(t.TempDir(), java, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-cp", filepath.Join(jars, "*"), abs(t, "testdata/java/Main.java")))
}
