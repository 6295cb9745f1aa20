package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/token"
)

func newKey(a *app) *cobra.Command {
	return group(&cobra.Command{
		Use:   "key",
		Short: "List, add and disable keys of a realm",
		Long: `Lists, adds and disables the keys of a realm, directly in the database. A running
server uses them within about a second.

To change a key: add one, wait until everything the old one signed has expired
(offline tokens do not expire by themselves), then disable the old one.`,
		Example: `  latchkey key list --realm demo
  latchkey key add --realm demo --algorithm RS256`,
	}, newKeyList(a), newKeyAdd(a), newKeyDisable(a))
}

// keyCommand is a command about the keys of a realm.
func (a *app) keyCommand(cmd *cobra.Command, run func(ctx context.Context, t *tools, snap *realm.Snapshot, args []string) error) *cobra.Command {
	var realmName string
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.withTools(cmd.Context(), false, func(t *tools) error {
			snap, err := t.realm(cmd.Context(), realmName)
			if err != nil {
				return err
			}
			return run(cmd.Context(), t, snap, args)
		})
	}
	a.takes(cmd, databaseSettings...)
	cmd.Flags().StringVar(&realmName, "realm", "", "realm `NAME`")
	return cmd
}

func newKeyList(a *app) *cobra.Command {
	return a.keyCommand(&cobra.Command{
		Use:   "list",
		Short: "List keys",
		Long: `Lists the keys of a realm in the order they are chosen: of each algorithm the
first ACTIVE key signs. PASSIVE keys only verify, DISABLED ones do nothing.`,
		Example: "  latchkey key list --realm demo\n  latchkey key add --realm demo --algorithm ES256",
		Args:    exactly(),
	}, func(_ context.Context, _ *tools, snap *realm.Snapshot, _ []string) error {
		signs, rows := snap.Keys.Active(), [][]string{}
		for _, k := range snap.Keys.Keys() {
			until := ""
			if k.ValidTo != 0 {
				until = moment(k.ValidTo / 1000)
			}
			rows = append(rows, []string{k.KID, k.Algorithm, k.Use, k.Status, yesNo(signs[k.Algorithm] == k.KID), strconv.FormatInt(k.ProviderPriority, 10), until})
		}
		return writeTable(a.out, []string{"KID", "ALGORITHM", "USE", "STATUS", "CHOSEN", "PRIORITY", "CERTIFICATE UNTIL"}, rows)
	})
}

func newKeyAdd(a *app) *cobra.Command {
	var algorithm string
	cmd := a.keyCommand(&cobra.Command{
		Use:   "add",
		Short: "Make a new signing key, which signs from now on",
		Long: `Makes a new signing key with a higher priority than the others of its algorithm:
new tokens are signed with it, those the older keys signed stay good.

HS512 keys sign refresh and offline tokens whatever the realm's algorithm is.`,
		Example: `  latchkey key add --realm demo --algorithm RS256
  latchkey key add --realm demo --algorithm HS512

  # Next: both are there, the new one is chosen
  latchkey key list --realm demo`,
		Args: exactly(),
	}, func(ctx context.Context, t *tools, snap *realm.Snapshot, _ []string) error {
		c, ok := token.FallbackComponent(algorithm)
		if !ok {
			return usagef("--algorithm %q: want RS256, PS256, ES256, EdDSA, HS512 or one of their sizes", algorithm)
		}
		if err := a.completeKey(&c, snap, algorithm); err != nil {
			return err
		}
		err := t.realms.Change(ctx, snap.Realm.Name, nil, func(*model.Config) (*store.ConfigChange, error) {
			return &store.ConfigChange{PutComponents: []*model.Component{&c}}, nil
		})
		if err != nil {
			return fmt.Errorf("add key: %w", err)
		}
		now, err := t.realm(ctx, snap.Realm.Name)
		if err != nil {
			return err
		}
		for _, k := range now.Keys.Keys() {
			if k.ProviderID == c.ID {
				_, err = fmt.Fprintf(a.out, "Added %s key %s with priority %d.\n", k.Algorithm, k.KID, k.ProviderPriority)
				return err
			}
		}
		return errors.New("the new key cannot be read back")
	})
	cmd.Flags().StringVar(&algorithm, "algorithm", "RS256", "`ALGORITHM`: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, HS256, HS384, HS512")
	return cmd
}

// completeKey turns a component into a new key above all of its algorithm.
func (a *app) completeKey(c *model.Component, snap *realm.Snapshot, algorithm string) error {
	priority := int64(100)
	for _, k := range snap.Keys.Keys() {
		if k.Algorithm == algorithm {
			priority = max(priority, k.ProviderPriority+1)
		}
	}
	id, err := model.NewUUID(rand.Reader)
	if err != nil {
		return err
	}
	c.ID, c.ParentID = id, snap.Realm.ID
	c.Name = strings.ToLower(algorithm) + "-" + a.now().UTC().Format(time.DateOnly)
	c.Config["priority"] = []string{strconv.FormatInt(priority, 10)}
	if err := token.Complete(c, snap.Realm.Name, a.now(), rand.Reader); err != nil {
		return fmt.Errorf("make %s key: %w", algorithm, err)
	}
	return nil
}

func newKeyDisable(a *app) *cobra.Command {
	var passive bool
	cmd := a.keyCommand(&cobra.Command{
		Use:   "disable KID",
		Short: "Stop using a key",
		Long: `Disables a key: what it signed is refused within about a second. With --passive it
only stops signing and still verifies what it signed before.

The last active key of an algorithm is not disabled: add another one first.`,
		Example: `  # The oldest RS256 key, after latchkey key add --realm demo:
  KID=$(latchkey key list --realm demo | awk '$2 == "RS256" {kid = $1} END {print kid}')
  latchkey key disable --realm demo "$KID" --passive
  latchkey key disable --realm demo "$KID"`,
		Args: exactly("KID"),
	}, func(ctx context.Context, t *tools, snap *realm.Snapshot, args []string) error {
		k, err := findKey(snap, args[0])
		if err != nil {
			return err
		}
		member, done := "enabled", "Disabled"
		if passive {
			member, done = "active", "Made passive"
		}
		err = t.realms.Change(ctx, snap.Realm.Name, nil, func(cfg *model.Config) (*store.ConfigChange, error) {
			return withoutKey(cfg, k, member)
		})
		if err != nil {
			return fmt.Errorf("key %s: %w", k.KID, err)
		}
		_, err = fmt.Fprintf(a.out, "%s %s key %s.\n", done, k.Algorithm, k.KID)
		return err
	})
	cmd.Flags().BoolVar(&passive, "passive", false, "keep verifying with it")
	return cmd
}

// findKey finds a key that may be disabled.
func findKey(snap *realm.Snapshot, kid string) (token.KeyInfo, error) {
	keys := snap.Keys.Keys()
	i := slices.IndexFunc(keys, func(k token.KeyInfo) bool { return k.KID == kid })
	if i < 0 {
		return token.KeyInfo{}, notFoundf("no key %q in realm %q: latchkey key list --realm %s shows them", kid, snap.Realm.Name, snap.Realm.Name)
	}
	others := slices.ContainsFunc(keys, func(k token.KeyInfo) bool {
		return k.KID != kid && k.Algorithm == keys[i].Algorithm && k.Status == token.StatusActive
	})
	if keys[i].Status == token.StatusActive && !others {
		return token.KeyInfo{}, fmt.Errorf("%s is the only active %s key of realm %q: add another one first with latchkey key add", kid, keys[i].Algorithm, snap.Realm.Name)
	}
	return keys[i], nil
}

// withoutKey sets a flag of a key's component to false.
func withoutKey(cfg *model.Config, k token.KeyInfo, member string) (*store.ConfigChange, error) {
	for _, old := range cfg.Components {
		if old.ID == k.ProviderID {
			c := *old
			c.Config = maps.Clone(old.Config)
			c.Config[member] = []string{"false"}
			return &store.ConfigChange{PutComponents: []*model.Component{&c}}, nil
		}
	}
	return nil, notFoundf("it is gone")
}
