package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// standInCurl is as much of curl as the demo's lines use, for machines that
// have none: there the lines are tried all the same.
func standInCurl(args []string) int {
	var target, user, header string
	var data []string
	for i := 0; i < len(args); i++ {
		option := args[i]
		if !strings.HasPrefix(option, "-") {
			target = option
			continue
		}
		if option == "-s" {
			continue
		}
		i++
		switch option {
		case "-u":
			user = args[i]
		case "-H":
			header = args[i]
		case "-d":
			name, value, _ := strings.Cut(args[i], "=")
			data = append(data, name+"="+strings.ReplaceAll(url.QueryEscape(value), "+", "%20"))
		default:
			fmt.Fprintln(os.Stderr, "curl: unknown option", option)
			return 2
		}
	}
	method := http.MethodGet
	if data != nil {
		method = http.MethodPost
	}
	req, err := http.NewRequest(method, target, strings.NewReader(strings.Join(data, "&")))
	if err != nil {
		return 3
	}
	if data != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if name, secret, ok := strings.Cut(user, ":"); ok {
		req.SetBasicAuth(name, secret)
	}
	if name, value, ok := strings.Cut(header, ": "); ok {
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		fmt.Fprintln(os.Stderr, "curl:", err)
		return 7
	}
	defer func() { _ = res.Body.Close() }()
	if _, err := io.Copy(os.Stdout, res.Body); err != nil {
		return 18
	}
	return 0
}

// shells are PATHs to try the demo's lines with: the stand-in, and the real
// curl where there is one.
func shells(t *testing.T) map[string]string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(self, filepath.Join(dir, "curl")); err != nil {
		t.Fatal(err)
	}
	path := os.Getenv("PATH")
	out := map[string]string{"stand-in curl": dir + string(os.PathListSeparator) + path}
	if _, err := exec.LookPath("curl"); err == nil {
		out["curl"] = path
	}
	return out
}
