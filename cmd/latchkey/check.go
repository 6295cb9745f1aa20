package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

func oneOf(words ...string) func(string) error {
	return func(v string) error {
		if !slices.Contains(words, v) {
			return fmt.Errorf("want %s", strings.Join(words, ", "))
		}
		return nil
	}
}

func checkDB(v string) error {
	scheme, rest, _ := strings.Cut(v, ":")
	switch scheme {
	case "sqlite":
		if rest == "" {
			return errors.New("the path is missing: sqlite:PATH")
		}
		return nil
	case "postgres", "postgresql":
		return errors.New("PostgreSQL is not supported yet: use sqlite:PATH")
	}
	return errors.New("want sqlite:PATH")
}

func checkAddress(v string) error {
	host, port, err := net.SplitHostPort(v)
	if err != nil {
		return errors.New("want HOST:PORT, e.g. 127.0.0.1:8080")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("port %q: want a number from 0 to 65535", port)
	} else if n == 0 && host == "" {
		return errors.New("want HOST:PORT, e.g. 127.0.0.1:8080")
	}
	return nil
}

func checkPublicURL(v string) error {
	if v == "" {
		return nil
	}
	u, err := url.Parse(v)
	switch {
	case err != nil:
		return errors.New("not a URL")
	case u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return errors.New("want https://HOST or http://HOST, with an optional port")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return errors.New("want no user, query or fragment in it")
	}
	return nil
}

func checkRelativePath(v string) error {
	switch {
	case !strings.HasPrefix(v, "/"):
		return errors.New("must begin with /")
	case strings.Contains(v, "//") || strings.ContainsAny(v, "?#%\\ ") || slices.Contains(strings.Split(v, "/"), ".."):
		return errors.New("want plain path segments, e.g. /auth")
	}
	return nil
}

// checkTogether looks at settings that must fit each other.
func (a *app) checkTogether(cmd *cobra.Command, faults *configError) {
	if cmd.Flags().Lookup("demo") == nil {
		return
	}
	s := &a.set
	named, known := s.AdminUsername != "", s.AdminPassword != ""
	switch {
	case s.Demo && (named || known):
		faults.addf("--demo brings its own administrator: leave --bootstrap-admin-username and --bootstrap-admin-password out")
	case named && !known:
		faults.addf("--bootstrap-admin-username: the password is missing, set LATCHKEY_BOOTSTRAP_ADMIN_PASSWORD")
	case known && !named:
		faults.addf("--bootstrap-admin-password: the name is missing, give --bootstrap-admin-username")
	}
	if host, _, err := net.SplitHostPort(s.Listen); err == nil && s.Demo && !loopback(host) {
		faults.addf("--listen %q: --demo has well-known passwords and listens on a loopback address only", s.Listen)
	}
	if s.Listen == s.ManagementListen && !strings.HasSuffix(s.Listen, ":0") {
		faults.addf("--management-listen %q: the same address as --listen", s.Listen)
	}
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
