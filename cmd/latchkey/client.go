package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
)

func newClient(a *app) *cobra.Command {
	return group(&cobra.Command{
		Use:   "client",
		Short: "List and show clients, show or renew a secret",
		Long: `Lists and shows the clients of a realm, directly in the database. To create or
change one use admin REST; a running server sees a renewed secret
within about a second.`,
		Example: `  latchkey client list --realm demo
  latchkey client secret --realm demo offline-access-portal`,
	}, newClientList(a), newClientShow(a), newClientSecret(a))
}

func newClientList(a *app) *cobra.Command {
	var realmName string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List clients",
		Long:    "Lists the clients of a realm, those every realm has included.",
		Example: "  latchkey client list --realm demo\n  latchkey client show --realm demo offline-access-portal",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withTools(cmd.Context(), false, func(t *tools) error {
				snap, err := t.realm(cmd.Context(), realmName)
				if err != nil {
					return err
				}
				var rows [][]string
				for _, c := range snap.Clients {
					rows = append(rows, []string{c.ClientID, clientKind(c), yesNo(c.Enabled), c.Name, c.ID})
				}
				return writeTable(a.out, []string{"CLIENT", "KIND", "ENABLED", "NAME", "ID"}, rows)
			})
		},
	}
	a.takes(cmd, databaseSettings...)
	cmd.Flags().StringVar(&realmName, "realm", "", "realm `NAME`")
	return cmd
}

func clientKind(c *model.Client) string {
	switch {
	case c.BearerOnly:
		return "bearer-only"
	case c.PublicClient:
		return "public"
	}
	return "confidential"
}

// clientCommand is a command about one client of a realm.
func (a *app) clientCommand(cmd *cobra.Command, run func(context.Context, *tools, *realm.Snapshot, *model.Client) error) *cobra.Command {
	var realmName string
	cmd.Args = exactly("CLIENTID")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.withTools(cmd.Context(), false, func(t *tools) error {
			snap, err := t.realm(cmd.Context(), realmName)
			if err != nil {
				return err
			}
			c, err := findClient(snap, args[0])
			if err != nil {
				return err
			}
			return run(cmd.Context(), t, snap, c)
		})
	}
	a.takes(cmd, databaseSettings...)
	cmd.Flags().StringVar(&realmName, "realm", "", "realm `NAME`")
	return cmd
}

func newClientShow(a *app) *cobra.Command {
	return a.clientCommand(&cobra.Command{
		Use:     "show CLIENTID",
		Short:   "Show a client as JSON",
		Long:    "Shows a client as admin REST does, its secret as stars.",
		Example: "  latchkey client show --realm demo offline-access-portal\n  latchkey client secret --realm demo offline-access-portal",
	}, func(_ context.Context, _ *tools, snap *realm.Snapshot, c *model.Client) error {
		return writeJSON(a.out, keycloak.ClientRepresentation(snap.Config, c, keycloak.ClientOptions{MaskSecret: true}))
	})
}

func newClientSecret(a *app) *cobra.Command {
	var renew bool
	cmd := a.clientCommand(&cobra.Command{
		Use:   "secret CLIENTID",
		Short: "Show a client's secret, or make a new one",
		Long: `Prints the secret of a confidential client. With --new it makes a new one first:
the old one is refused within about a second, sessions go on.`,
		Example: `  latchkey client secret --realm demo offline-access-portal
  latchkey client secret --realm demo offline-access-portal --new`,
	}, func(ctx context.Context, t *tools, snap *realm.Snapshot, c *model.Client) error {
		if c.PublicClient || c.BearerOnly {
			return fmt.Errorf("client %q is %s: it has no secret", c.ClientID, clientKind(c))
		}
		secret := c.Secret
		if renew {
			var err error
			if secret, err = t.realms.RegenerateSecret(ctx, snap.Realm.Name, c.ID, nil); err != nil {
				return fmt.Errorf("new secret of client %q: %w", c.ClientID, err)
			}
		}
		if secret == "" {
			return notFoundf("client %q has no secret: make one with --new", c.ClientID)
		}
		_, err := fmt.Fprintln(a.out, secret)
		return err
	})
	cmd.Flags().BoolVar(&renew, "new", false, "make a new secret first")
	return cmd
}
