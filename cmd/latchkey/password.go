package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

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
