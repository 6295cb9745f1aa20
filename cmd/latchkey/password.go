package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/term"
)

// maxPassword is the length limit of a password in bytes, as on the wire.
const maxPassword = 4000

// readPassword asks for a new password twice on a terminal, without showing
// it; else it reads the first line of standard input.
func (a *app) readPassword(username string) (string, error) {
	if !terminal(a.in) {
		return checkPassword(readLine(a.in))
	}
	fd := int(a.in.(*os.File).Fd())
	defer restoreOnSignal(fd)()
	ask := func(prompt string) (string, error) {
		fmt.Fprint(a.err, prompt)
		raw, err := term.ReadPassword(fd)
		fmt.Fprintln(a.err)
		return string(raw), err
	}
	first, err := checkPassword(ask(fmt.Sprintf("New password of %s: ", username)))
	if err != nil {
		return "", err
	}
	again, err := ask("Again: ")
	if err == nil && again != first {
		err = errors.New("the two passwords differ: nothing was changed")
	}
	return first, err
}

// restoreOnSignal shows typing again should a signal end the program while a
// password is typed.
func restoreOnSignal(fd int) (done func()) {
	state, err := term.GetState(fd)
	if err != nil {
		return func() {}
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		if _, got := <-signals; got {
			_ = term.Restore(fd, state)
			os.Exit(exitFailed)
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
	}
}

func readLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, maxPassword+2)).ReadString('\n')
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return strings.TrimRight(line, "\r\n"), err
}

func checkPassword(password string, err error) (string, error) {
	switch {
	case err != nil:
		return "", fmt.Errorf("read password: %w", err)
	case password == "":
		return "", usagef("no password: type one at the prompt, or give it as the first line of standard input")
	case len(password) > maxPassword:
		return "", usagef("the password is longer than %d bytes", maxPassword)
	}
	return password, nil
}
