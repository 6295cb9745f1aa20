package admin

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"slices"
	"time"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/ui"
)

// serverInfo tells what this server can do; of the machine only to master's
// administrators, as Keycloak. Nothing is announced that does not work.
func (c *call) serverInfo() error {
	master, full := c.actor.snap.Realm.Name == realm.Master, false
	if !c.actor.administers(&full) {
		return errForbidden
	}
	o := keycloak.Object{}
	switch {
	case master:
		o = append(o, c.machine()...)
	case full:
		o = append(o, keycloak.Member{Name: "systemInfo", Value: keycloak.Object{{Name: "version", Value: keycloak.Version}}})
	}
	return c.answer(append(o, keycloak.ServerInfoRepresentation(ui.Available())...))
}

// administers tells whether the caller administers some realm; full is set
// when it is its own realm, by role realm-admin.
func (a *actor) administers(full *bool) bool {
	if a.snap.Realm.Name == realm.Master {
		return slices.ContainsFunc(a.snap.Roles, func(r *model.Role) bool { return a.roles[r.ID] && isAdministration(a.snap, r) })
	}
	*full = a.holds(a.snap, "realm-admin")
	return a.meets(a.snap, anyAdmin)
}

// machine is what the operators of the server may see of it.
func (c *call) machine() keycloak.Object {
	up := c.now().Sub(c.api.started).Truncate(time.Millisecond)
	total, used := memory()
	free := total - min(total, used)
	return keycloak.Object{
		{Name: "systemInfo", Value: keycloak.Object{
			{Name: "version", Value: keycloak.Version}, {Name: "serverTime", Value: c.now().UTC().Format(time.UnixDate)},
			{Name: "uptime", Value: uptime(up)}, {Name: "uptimeMillis", Value: up.Milliseconds()},
			{Name: "osName", Value: runtime.GOOS}, {Name: "osArchitecture", Value: runtime.GOARCH},
			{Name: "fileEncoding", Value: "UTF-8"}, {Name: "userTimezone", Value: "UTC"},
		}},
		{Name: "cpuInfo", Value: keycloak.Object{{Name: "processorCount", Value: runtime.GOMAXPROCS(0)}}},
		{Name: "memoryInfo", Value: keycloak.Object{
			{Name: "total", Value: total}, {Name: "totalFormated", Value: megabytes(total)}, {Name: "used", Value: used}, {Name: "usedFormated", Value: megabytes(used)},
			{Name: "free", Value: free}, {Name: "freePercentage", Value: free * 100 / max(total, 1)}, {Name: "freeFormated", Value: megabytes(free)},
		}},
	}
}

// memory is what the process has of the system, and the part of it in use.
func memory() (total, used uint64) {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/free:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	total = s[0].Value.Uint64() - s[2].Value.Uint64()
	return total, total - min(total, s[1].Value.Uint64())
}

func megabytes(n uint64) string { return fmt.Sprintf("%d MB", n>>20) }

func uptime(d time.Duration) string {
	s := int64(d / time.Second)
	return fmt.Sprintf("%d days, %d hours, %d minutes, %d seconds", s/86400, s/3600%24, s/60%60, s%60)
}
