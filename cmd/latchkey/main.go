// Command latchkey is the OpenID Connect provider and its tools, one file a
// command. serve answers requests; the others work directly on the database,
// also while a server runs on it: sessions are never cached, and a running
// server sees a changed configuration within about a second.
//
//	flags > environment (LATCHKEY_…) > --config FILE ─► settings ─► command
//
// Commands write results to standard output, everything else to standard
// error. Exit codes: see exitHelp.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// Exit codes, the same for every command.
const (
	exitOK       = 0
	exitFailed   = 1
	exitUsage    = 2
	exitNotFound = 3
)

const exitHelp = "Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 not found"

// usageError is a fault of the command line or the configuration.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// notFoundError says that what a command was asked to work on is not there.
type notFoundError struct{ what string }

func (e *notFoundError) Error() string { return e.what }

func notFoundf(format string, args ...any) error {
	return &notFoundError{fmt.Sprintf(format, args...)}
}

// errReported ends a command whose faults were already told.
var errReported = errors.New("reported")

func exitCode(err error) int {
	var usage *usageError
	var missing *notFoundError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &missing):
		return exitNotFound
	}
	return exitFailed
}

// app is what commands share: where they read and write, and their settings.
type app struct {
	in       io.Reader
	out, err io.Writer
	getenv   func(string) string
	now      func() time.Time
	set      settings
}

func main() {
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv, now: time.Now}
	os.Exit(a.run(context.Background(), os.Args[1:]))
}

// run executes one command line and returns its exit code.
func (a *app) run(ctx context.Context, args []string) int {
	root := newRoot(a)
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil || errors.Is(err, errReported) {
		return exitCode(err)
	}
	var faults *configError
	if errors.As(err, &faults) {
		for _, f := range faults.list {
			fmt.Fprintf(a.err, "latchkey: %s\n", f)
		}
	} else {
		fmt.Fprintf(a.err, "latchkey: %v\n", err)
	}
	code := exitCode(err)
	if code == exitUsage {
		fmt.Fprintf(a.err, "Run \"%s --help\" to see how it is used.\n", cmd.CommandPath())
	}
	return code
}

// terminal tells whether f is a terminal, where a line may be rewritten.
func terminal(f any) bool {
	file, ok := f.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
