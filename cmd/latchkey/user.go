package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/store"
)

func newUser(a *app) *cobra.Command {
	return group(&cobra.Command{
		Use:   "user",
		Short: "List, create, change and delete users",
		Long: `Lists, creates, changes and deletes users, directly in the database. A running
server sees every change with the next request.

Passwords are typed at a prompt, or come as the first line of standard input;
they are never arguments, which other users of the machine could see.`,
		Example: `  latchkey user list --realm demo
  latchkey user create --realm demo ada --email ada@example.org --password`,
	}, newUserList(a), newUserCreate(a), newUserSetPassword(a), newUserEnabled(a, false), newUserEnabled(a, true), newUserDelete(a))
}

// userCommand is a command about one user of a realm.
func (a *app) userCommand(cmd *cobra.Command, run func(ctx context.Context, t *tools, snap *realm.Snapshot, username string) error) *cobra.Command {
	var realmName string
	cmd.Args = exactly("USERNAME")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.withTools(cmd.Context(), false, func(t *tools) error {
			snap, err := t.realm(cmd.Context(), realmName)
			if err != nil {
				return err
			}
			return run(cmd.Context(), t, snap, args[0])
		})
	}
	a.takes(cmd, databaseSettings...)
	cmd.Flags().StringVar(&realmName, "realm", "", "realm `NAME`")
	return cmd
}

func newUserList(a *app) *cobra.Command {
	var realmName, search string
	var first, limit int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List users",
		Long: `Lists users of a realm by name, in pages of --max. --search finds words at the
beginning of username, e-mail, first and last name; *word* finds it anywhere.`,
		Example: `  latchkey user list --realm demo
  latchkey user list --realm demo --search user
  latchkey session list --realm demo --user user1`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if first < 0 || limit < 1 {
				return usagef("--first must not be negative, --max must be at least 1")
			}
			return a.withTools(cmd.Context(), false, func(t *tools) error {
				snap, err := t.realm(cmd.Context(), realmName)
				if err != nil {
					return err
				}
				users, err := t.store.Users(cmd.Context(), snap.Realm.Num, store.UserFilter{Search: search, First: first, Max: limit + 1})
				if err != nil {
					return err
				}
				return a.showUsers(users, first, limit, asJSON)
			})
		},
	}
	a.takes(cmd, databaseSettings...)
	cmd.Flags().StringVar(&realmName, "realm", "", "realm `NAME`")
	cmd.Flags().StringVar(&search, "search", "", "`WORDS` to find")
	cmd.Flags().IntVar(&first, "first", 0, "skip so many")
	cmd.Flags().IntVar(&limit, "max", 100, "show so many at most")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON, one list")
	return cmd
}

func (a *app) showUsers(users []*model.User, first, limit int, asJSON bool) error {
	more := len(users) > limit
	if more {
		users = users[:limit]
	}
	if asJSON {
		docs := make([]keycloak.Object, 0, len(users))
		for _, u := range users {
			docs = append(docs, keycloak.UserRepresentation(u, keycloak.UserOptions{}))
		}
		return writeJSON(a.out, docs)
	}
	rows := make([][]string, 0, len(users))
	for _, u := range users {
		rows = append(rows, []string{u.Username, u.Email, strings.TrimSpace(u.FirstName + " " + u.LastName), yesNo(u.Enabled), moment(u.CreatedMS / 1000), u.ID})
	}
	if err := writeTable(a.out, []string{"USERNAME", "E-MAIL", "NAME", "ENABLED", "CREATED", "ID"}, rows); err != nil {
		return err
	}
	if more {
		fmt.Fprintf(a.err, "There are more: --first %d\n", first+limit)
	}
	return nil
}

func newUserCreate(a *app) *cobra.Command {
	var email, firstName, lastName string
	var verified, askPassword, temporary bool
	var roles []string
	cmd := a.userCommand(&cobra.Command{
		Use:   "create USERNAME",
		Short: "Create a user",
		Long: `Creates a user with the realm's default role and groups, and the realm roles
named by --role. With --password it asks for the password; without one the user
cannot log in until latchkey user set-password gives one.`,
		Example: `  latchkey user create --realm demo ada --email ada@example.org --password
  printf 'correct horse\n' | latchkey user create --realm demo bob --password
  latchkey user create --realm master boss --role admin --password

  # Next: what the user may get
  latchkey user list --realm demo --search ada`,
	}, func(ctx context.Context, t *tools, snap *realm.Snapshot, username string) error {
		roleIDs, err := realmRoles(snap, roles)
		if err != nil {
			return err
		}
		body := map[string]any{"username": username, "enabled": true, "email": email, "emailVerified": verified, "firstName": firstName, "lastName": lastName}
		if askPassword {
			password, err := a.readPassword(username)
			if err != nil {
				return err
			}
			body["credentials"] = []map[string]any{{"type": "password", "value": password, "temporary": temporary}}
		}
		return a.createUser(ctx, t, snap, body, roleIDs)
	})
	cmd.Flags().StringVar(&email, "email", "", "e-mail `ADDRESS`")
	cmd.Flags().BoolVar(&verified, "email-verified", false, "the address is known to be theirs")
	cmd.Flags().StringVar(&firstName, "first-name", "", "first `NAME`")
	cmd.Flags().StringVar(&lastName, "last-name", "", "last `NAME`")
	cmd.Flags().StringArrayVar(&roles, "role", nil, "realm role `NAME` to give (may be repeated)")
	cmd.Flags().BoolVar(&askPassword, "password", false, "ask for a password, or read it from standard input")
	cmd.Flags().BoolVar(&temporary, "temporary", false, "the password must be changed at the next login")
	return cmd
}

func realmRoles(snap *realm.Snapshot, names []string) (ids []string, err error) {
	for _, name := range names {
		r := snap.Role("", name)
		if r == nil {
			return nil, notFoundf("no realm role %q in realm %q", name, snap.Realm.Name)
		}
		ids = append(ids, r.ID)
	}
	return ids, nil
}

func (a *app) createUser(ctx context.Context, t *tools, snap *realm.Snapshot, body map[string]any, roleIDs []string) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	u, err := t.realms.CreateUser(ctx, snap.Realm.Name, raw, nil)
	if err != nil {
		return fmt.Errorf("create user %q: %w", body["username"], err)
	}
	if len(roleIDs) > 0 {
		err = t.realms.ChangeUser(ctx, snap.Realm.Name, u.ID, nil, func(_ *model.Config, u *model.User) error {
			u.Grants.Roles = append(u.Grants.Roles, roleIDs...)
			slices.Sort(u.Grants.Roles)
			u.Grants.Roles = slices.Compact(u.Grants.Roles)
			return nil
		})
		if err != nil {
			return fmt.Errorf("user %q was created, but its roles were not given: %w", u.Username, err)
		}
	}
	_, err = fmt.Fprintf(a.out, "Created user %s, id %s.\n", u.Username, u.ID)
	return err
}

func newUserSetPassword(a *app) *cobra.Command {
	var temporary bool
	cmd := a.userCommand(&cobra.Command{
		Use:   "set-password USERNAME",
		Short: "Give a user a new password",
		Long: `Replaces a user's password by one typed at a prompt, or read as the first line of
standard input. Sessions go on: end them with latchkey session revoke --user.`,
		Example: `  latchkey user set-password --realm demo user1
  printf 'correct horse\n' | latchkey user set-password --realm demo user1
  latchkey session revoke --realm demo --user user1`,
	}, func(ctx context.Context, t *tools, snap *realm.Snapshot, username string) error {
		u, err := t.user(ctx, snap, username)
		if err != nil {
			return err
		}
		password, err := a.readPassword(u.Username)
		if err != nil {
			return err
		}
		if err := t.realms.SetPassword(ctx, snap.Realm.Name, u.ID, password, temporary, nil); err != nil {
			return fmt.Errorf("set password of user %q: %w", u.Username, err)
		}
		_, err = fmt.Fprintf(a.out, "Set the password of user %s.\n", u.Username)
		return err
	})
	cmd.Flags().BoolVar(&temporary, "temporary", false, "it must be changed at the next login")
	return cmd
}

func newUserEnabled(a *app, enabled bool) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "disable USERNAME",
		Short: "Disable a user: no login, no refresh",
		Long: `Disables a user: logins and refreshes are refused from now on. Sessions are kept
for latchkey user enable; to end them for good use latchkey session revoke.`,
		Example: `  latchkey user disable --realm demo user1
  latchkey user enable --realm demo user1`,
	}
	done := "Disabled"
	if enabled {
		cmd.Use, cmd.Short, done = "enable USERNAME", "Enable a user again", "Enabled"
		cmd.Long = "Enables a user again. Sessions that have not expired meanwhile go on."
		cmd.Example = "  latchkey user enable --realm demo user1"
	}
	return a.userCommand(cmd, func(ctx context.Context, t *tools, snap *realm.Snapshot, username string) error {
		u, err := t.user(ctx, snap, username)
		if err != nil {
			return err
		}
		err = t.realms.ChangeUser(ctx, snap.Realm.Name, u.ID, nil, func(_ *model.Config, u *model.User) error {
			u.Enabled = enabled
			return nil
		})
		if err != nil {
			return fmt.Errorf("user %q: %w", u.Username, err)
		}
		_, err = fmt.Fprintf(a.out, "%s user %s.\n", done, u.Username)
		return err
	})
}

func newUserDelete(a *app) *cobra.Command {
	return a.userCommand(&cobra.Command{
		Use:   "delete USERNAME",
		Short: "Delete a user with its sessions",
		Long: `Deletes a user with its password, consents and sessions. There is no way back;
latchkey user disable is one that has.`,
		Example: `  latchkey user delete --realm demo ada`,
	}, func(ctx context.Context, t *tools, snap *realm.Snapshot, username string) error {
		u, err := t.user(ctx, snap, username)
		if err != nil {
			return err
		}
		err = t.realms.DeleteUser(ctx, snap.Realm.Name, u.ID, nil)
		if errors.Is(err, realm.ErrUnknown) {
			return notFoundf("user %q is gone already", u.Username)
		} else if err != nil {
			return fmt.Errorf("delete user %q: %w", u.Username, err)
		}
		_, err = fmt.Fprintf(a.out, "Deleted user %s.\n", u.Username)
		return err
	})
}
