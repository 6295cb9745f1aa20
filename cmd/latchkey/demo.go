package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/url"

	"github.com/latchkey-id/latchkey/internal/credential"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/store"
)

// demoDocument is a Keycloak realm document; a Keycloak imports it as well.
//
//go:embed demo.json
var demoDocument []byte

const (
	demoRealm    = "demo"
	demoClient   = "offline-access-portal"
	demoUser     = "user1"
	demoPassword = "password" // of demoClient and demoUser
	demoAdmin    = "admin"    // and its password
)

// ensureDemo imports the demo realm and its administrator; what is there
// stays as it is.
func ensureDemo(ctx context.Context, realms *realm.Service) (imported bool, err error) {
	if err := realms.Bootstrap(ctx, demoAdmin, demoAdmin); err != nil {
		return false, fmt.Errorf("demo administrator: %w", err)
	}
	if _, err := realms.Snapshot(ctx, demoRealm); !errors.Is(err, realm.ErrUnknownRealm) {
		return false, err
	}
	if _, err := realms.CreateRealm(ctx, bytes.NewReader(demoDocument), realm.ImportOptions{}); err != nil {
		return false, fmt.Errorf("import demo realm: %w", err)
	}
	return true, nil
}

// errDemoData keeps the passwords of a demo from strangers.
var errDemoData = errors.New(`this database was made by serve --demo, and administrator "admin" still has the password "admin".
Other machines can reach this server: take another --db, or change that password first (latchkey user set-password --realm master admin)`)

// refuseDemoData refuses to serve a demo's data to other machines while its
// administrator has the password everybody knows.
//
// Errors: errDemoData.
func (a *app) refuseDemoData(ctx context.Context, realms *realm.Service, st *store.Store) error {
	if a.set.Demo || a.set.local() {
		return nil
	}
	if _, err := realms.Snapshot(ctx, demoRealm); errors.Is(err, realm.ErrUnknownRealm) {
		return nil
	} else if err != nil {
		return err
	}
	master, err := realms.Snapshot(ctx, realm.Master)
	if err != nil {
		return err
	}
	_, creds, err := st.UserAndPassword(ctx, master.Realm.Num, demoAdmin, false)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	} else if err != nil {
		return err
	}
	for _, c := range creds {
		known, _, err := realms.Hasher.Verify(ctx, c, demoAdmin, credential.Policy{})
		if err != nil {
			return fmt.Errorf("check password of administrator %s: %w", demoAdmin, err)
		}
		if known {
			return errDemoData
		}
	}
	return nil
}

// local tells whether only this machine can reach the server: it listens on a
// loopback address, and no other URL leads to it.
func (s *settings) local() bool {
	host, _, err := net.SplitHostPort(s.Listen)
	if err != nil || !loopback(host) {
		return false
	}
	u, err := url.Parse(s.PublicURL)
	return s.PublicURL == "" || err == nil && loopback(u.Hostname())
}

// demoText says what to try. Its three lines need a POSIX shell, curl and sed,
// and work one after the other in the same shell. %[1]s is the base URL, %[2]s
// the id of user1, %[3]s the id of the portal.
const demoText = `
Realm demo is ready. Its issuer is %[1]s/realms/demo
User user1 has the password "password", administrator admin of realm master "admin".

1. Get an offline token:
TOKEN=$(curl -s %[1]s/realms/demo/protocol/openid-connect/token -u offline-access-portal:password -d grant_type=password -d username=user1 -d password=password -d scope='openid offline_access' | sed -n 's/.*"refresh_token":"\([^"]*\)".*/\1/p'); echo "$TOKEN"

2. Refresh it:
curl -s %[1]s/realms/demo/protocol/openid-connect/token -u offline-access-portal:password -d grant_type=refresh_token -d refresh_token="$TOKEN"; echo

3. List its session as an administrator, revoke it, list again:
ADMIN=$(curl -s %[1]s/realms/master/protocol/openid-connect/token -d client_id=admin-cli -d grant_type=password -d username=admin -d password=admin | sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p'); LIST=%[1]s/admin/realms/demo/users/%[2]s/offline-sessions/%[3]s; curl -s "$LIST" -H "Authorization: Bearer $ADMIN"; echo; curl -s %[1]s/realms/demo/protocol/openid-connect/revoke -u offline-access-portal:password -d token="$TOKEN"; curl -s "$LIST" -H "Authorization: Bearer $ADMIN"; echo

`

// demoLines is demoText for a server at base, or why there is none: somebody
// may have changed the realm since.
func demoLines(ctx context.Context, realms *realm.Service, st *store.Store, base string) string {
	snap, err := realms.Snapshot(ctx, demoRealm)
	if err != nil {
		return "\nRealm demo is gone.\n\n"
	}
	client := snap.Client(demoClient)
	user, err := st.UserByUsername(ctx, snap.Realm.Num, demoUser)
	if client == nil || err != nil {
		return fmt.Sprintf("\nRealm demo is at %s/realms/demo, without client %s or user %s.\n\n", base, demoClient, demoUser)
	}
	return fmt.Sprintf(demoText, base, user.ID, client.ID)
}
