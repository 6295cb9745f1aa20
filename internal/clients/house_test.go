package clients_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/server"
	"github.com/latchkey-id/latchkey/internal/server/servertest"
)

var against = flag.String("against", "", "base URL of a running server, administrator admin/admin, to drive the clients against")

// patience is for everything one client does on a busy machine.
const patience = 6 * time.Minute

// house is a server with the realm of the recordings in it, in which user1 has
// consented to consent-app.
type house struct {
	t           *testing.T
	base, realm string
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, base: *against, realm: "clients-" + strings.ToLower(rand.Text()[:8])}
	if h.base == "" {
		s := servertest.New(t, servertest.WithConfig(func(c *server.Config) {
			c.Now, c.PresetRSAKey = time.Now, nil // keys of its own, as libraries look for them by kid
		}))
		front := httptest.NewServer(s.Handler())
		t.Cleanup(front.Close)
		h.base = front.URL
	}
	document, err := os.ReadFile("../compat/testdata/realm.json")
	if err != nil {
		t.Fatal(err)
	}
	h.admin(t.Context(), http.MethodPost, "/admin/realms", bytes.ReplaceAll(document, []byte("{{realm}}"), []byte(h.realm)))
	t.Cleanup(func() { h.admin(context.Background(), http.MethodDelete, "/admin/realms/"+h.realm, nil) })
	h.consent()
	return h
}

// login is a direct login of user1 at offline-access-portal; it returns the
// refresh token.
func (h *house) login(scope string) string {
	h.t.Helper()
	answer := h.token("grant_type", "password", "username", "user1", "password", "password", "scope", scope)
	if answer.Refresh == "" {
		h.t.Fatalf("login: %s: %s", answer.Error, answer.Text)
	}
	return answer.Refresh
}

// tokens is an answer of the token endpoint.
type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	Error   string `json:"error"`
	Text    string `json:"error_description"`
}

// token is a request of offline-access-portal to the token endpoint.
func (h *house) token(pairs ...string) tokens {
	h.t.Helper()
	return h.post(h.realm, append(pairs, "client_id", "offline-access-portal", "client_secret", "password")...)
}

// post sends a form of names and values to the token endpoint of a realm.
func (h *house) post(realm string, pairs ...string) (answer tokens) {
	h.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	resp, err := http.PostForm(h.base+"/realms/"+realm+"/protocol/openid-connect/token", form)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		h.t.Fatalf("token endpoint: %s: %v", resp.Status, err)
	}
	return answer
}

// admin does one request as the administrator, and returns the body of the answer.
func (h *house) admin(ctx context.Context, method, path string, body []byte) []byte {
	h.t.Helper()
	token := h.post("master", "grant_type", "password", "client_id", "admin-cli", "username", "admin", "password", "admin")
	req, err := http.NewRequestWithContext(ctx, method, h.base+path, bytes.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token.Access)
	req.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= 300 {
		h.t.Fatalf("%s %s: %s, %v: %s", method, path, answer.Status, err, text)
	}
	return text
}

// id is the id of the one object that a list of the realm finds.
func (h *house) id(list string) string {
	h.t.Helper()
	var found []struct {
		ID string `json:"id"`
	}
	answer := h.admin(h.t.Context(), http.MethodGet, "/admin/realms/"+h.realm+list, nil)
	if err := json.Unmarshal(answer, &found); err != nil || len(found) != 1 {
		h.t.Fatalf("%s: %d found, %v", list, len(found), err)
	}
	return found[0].ID
}

// command is a program that knows where the server is. folder is where it runs.
func (h *house) command(folder, program string, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	h.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "BASE="+h.base, "REALM="+h.realm)
	return cmd
}

// abs is a path that a program in another folder finds.
func abs(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// A step is one line of the Test Anything Protocol, and what follows it.
type step struct {
	name, why string
	ok        bool
}

var (
	stepLine = regexp.MustCompile(`^(ok|not ok) \d+ - (.+)$`)
	planLine = regexp.MustCompile(`^1\.\.(\d+)$`)
)

// steps reads what a client's program printed. A program that says nothing, or
// not at its end how many steps it did, did not run through.
func steps(out string) (done []step, err error) {
	planned := -1
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, "\r\n")
		if m := stepLine.FindStringSubmatch(line); m != nil {
			done = append(done, step{name: m[2], ok: m[1] == "ok"})
		} else if m := planLine.FindStringSubmatch(line); m != nil {
			_, err = fmt.Sscan(m[1], &planned)
		} else if len(done) > 0 {
			done[len(done)-1].why += line + "\n"
		}
	}
	if err == nil && (len(done) == 0 || planned != len(done)) {
		err = errors.New("the program did not run through")
	}
	return done, err
}

// drive runs a client's program and makes a subtest of each of its steps.
func (h *house) drive(cmd *exec.Cmd) {
	h.t.Helper()
	out, failed := cmd.CombinedOutput()
	done, err := steps(string(out))
	if err = errors.Join(failed, err); err != nil {
		h.t.Errorf("%v\n%s", err, out)
	}
	for _, s := range done {
		h.t.Run(s.name, func(t *testing.T) {
			if !s.ok {
				t.Error(s.why)
			}
		})
	}
}

func TestSteps(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, out string
		want      int
		fails     bool
	}{
		{"all", "ok 1 - a\n# note\nok 2 - b\n1..2\n", 2, false},
		{"a failure is read", "not ok 1 - a\n# why\n1..1\n", 1, false},
		{"none", "1..0\n", 0, true},
		{"stopped half way", "ok 1 - a\n", 1, true},
		{"a step lost", "ok 1 - a\n1..2\n", 1, true},
		{"nothing", "", 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := steps(tt.out)
			if len(got) != tt.want || (err != nil) != tt.fails {
				t.Errorf("steps = %v, %v, want %d, an error: %v", got, err, tt.want, tt.fails)
			}
		})
	}
}
