package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

const rootLong = `Latchkey is an OpenID Connect provider built around offline access. It speaks
Keycloak's wire, keeps everything in one SQLite file and is one program.

Start with the demo: it imports a small realm and prints three curl lines that
get an offline token, refresh it, list its session and revoke it.

Every setting can be given as a flag, as an environment variable (--db is
LATCHKEY_DB) or in a JSON file named by --config ({"db": "sqlite:/srv/l.db"});
a flag wins over the environment, the environment over the file.`

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "latchkey",
		Short: "An OpenID Connect provider built around offline access",
		Long:  rootLong,
		Example: `  latchkey serve --demo
  latchkey session list --realm demo
  latchkey serve --help`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return a.resolve(cmd) },
	}
	root.PersistentFlags().String("config", "", "JSON file with settings, named as the flags (env LATCHKEY_CONFIG)")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetUsageTemplate(strings.TrimRight(root.UsageTemplate(), "\n") + "\n\n" + exitHelp + "\n")
	group(root,
		newServe(a), newMigrate(a), newImport(a), newExport(a), newSession(a), newUser(a), newClient(a), newKey(a), newVersion(a))
	return root
}

// group makes cmd a holder of sub commands: alone it shows its help, with a
// word that is none of them it fails and says which is near.
func group(cmd *cobra.Command, subs ...*cobra.Command) *cobra.Command {
	cmd.AddCommand(subs...)
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		msg := fmt.Sprintf("unknown command %q for %q", args[0], cmd.CommandPath())
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			msg += ", did you mean " + strings.Join(near, " or ") + "?"
		}
		return &usageError{errors.New(msg)}
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.SuggestionsMinimumDistance = 2
	return cmd
}

// exactly wants one argument for each name.
func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return usagef("%s: give %s", cmd.CommandPath(), strings.Join(names[len(args):], " and "))
		case len(args) > len(names):
			return usagef("%s: %q is one argument too many", cmd.CommandPath(), args[len(names)])
		}
		return nil
	}
}
