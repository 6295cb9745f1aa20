package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// build is what the Go toolchain noted in this program.
type build struct{ version, goVersion, commit string }

func readBuild() build {
	b := build{version: "(unknown)", goVersion: "(unknown)", commit: "(unknown)"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.version, b.goVersion = info.Main.Version, info.GoVersion
	modified := ""
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.commit = s.Value
		case "vcs.modified":
			if s.Value == "true" {
				modified = " (with local changes)"
			}
		}
	}
	b.commit += modified
	return b
}

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Show the version of this program",
		Long:    "Shows the version of this program, of the Go it was built with, and the commit.\nA build outside a checkout, or with go run, knows no commit.",
		Example: "  latchkey version",
		Args:    exactly(),
		RunE: func(*cobra.Command, []string) error {
			b := readBuild()
			_, err := fmt.Fprintf(a.out, "latchkey %s\ngo       %s\ncommit   %s\n", b.version, b.goVersion, b.commit)
			return err
		},
	}
}
