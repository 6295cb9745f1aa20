package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// printedLines are the lines to copy, in order.
func printedLines(t *testing.T, p *process) []string {
	t.Helper()
	p.line(t, p.out, "ADMIN=$(curl")
	var out []string
	for line := range strings.SplitSeq(p.out.String(), "\n") {
		if strings.Contains(line, "curl -s ") {
			out = append(out, line)
		}
	}
	return out
}

// TestServeDemo_PrintedLinesWork: pasted one after the other, the lines get an
// offline token, refresh it, list its session, revoke it, and list nothing.
func TestServeDemo_PrintedLinesWork(t *testing.T) {
	t.Parallel()
	p := serve(t, t.TempDir(), nil, "--demo")
	pasted := printedLines(t, p)
	if len(pasted) != 3 {
		t.Fatalf("printed %d lines to copy, want 3:\n%s", len(pasted), p.out)
	}
	if want := "Its issuer is " + p.url + "/realms/demo\n"; !strings.Contains(p.out.String(), want) {
		t.Errorf("printed no %q:\n%s", want, p.out)
	}
	for name, path := range shells(t) {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), "sh")
			cmd.Stdin, cmd.Env = strings.NewReader(strings.Join(pasted, "\n")+"\n"), environ("PATH="+path)
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Split(strings.TrimSpace(string(out)), "\n")
			if len(got) != 4 {
				t.Fatalf("the lines wrote %d lines, want token, refreshed tokens, list, list:\n%s", len(got), out)
			}
			if strings.Count(got[0], ".") != 2 {
				t.Errorf("offline token = %q, want a JWT", got[0])
			}
			if !strings.Contains(got[1], `"refresh_token":"`) {
				t.Errorf("refresh = %s", got[1])
			}
			var sessions []struct{ Username string }
			if err := json.Unmarshal([]byte(got[2]), &sessions); err != nil || len(sessions) != 1 || sessions[0].Username != "user1" {
				t.Errorf("offline sessions = %s, want one of user1", got[2])
			}
			if got[3] != "[]" {
				t.Errorf("offline sessions after revoking = %s, want []", got[3])
			}
		})
	}
}

func TestServeDemo_SecondStartFindsTheData(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := serve(t, dir, nil, "--demo")
	token := p.offlineToken(t, "openid offline_access").text("refresh_token")
	first := get(t, p.url+"/realms/demo", "").text("public_key")
	p.stop(t)
	again := serve(t, dir, nil, "--demo", "--listen", strings.TrimPrefix(p.url, "http://"))
	if !strings.Contains(again.log.String(), "found the demo realm") {
		t.Errorf("second start imported again:\n%s", again.log)
	}
	if key := get(t, again.url+"/realms/demo", "").text("public_key"); key == "" || key != first {
		t.Errorf("public key after a second start = %q, want %q", key, first)
	}
	if a := again.refresh(t, token); a.status != http.StatusOK {
		t.Errorf("refresh of a token of the first start = %d %s", a.status, a.raw)
	}
}

// TestServe_DemoDataStaysAtHome: other machines do not meet the password that
// everybody knows.
func TestServe_DemoDataStaysAtHome(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	serve(t, dir, nil, "--demo").stop(t)
	public := freely("--public-url", "https://id.example.org")
	if r := latchkey(t, dir, "", public...); r.code != exitFailed || !strings.Contains(r.err, "made by serve --demo") {
		t.Errorf("a demo's data at a public URL: exit %d, %s", r.code, r.err)
	}
	if r := latchkey(t, dir, "", freely("--listen", "0.0.0.0:0")...); r.code != exitFailed || !strings.Contains(r.err, "made by serve --demo") {
		t.Errorf("a demo's data on every address: exit %d, %s", r.code, r.err)
	}
	if r := latchkey(t, dir, "another password\n", "user", "set-password", "--realm", "master", "admin"); r.code != 0 {
		t.Fatalf("set-password: %s", r.err)
	}
	serve(t, dir, nil, "--public-url", "https://id.example.org")
}

// TestServe_KillLosesNothing: what was acknowledged survives kill -9.
func TestServe_KillLosesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := serve(t, dir, nil, "--demo")
	kept, ended := p.offlineToken(t, "offline_access").text("refresh_token"), p.offlineToken(t, "offline_access").text("refresh_token")
	if a := p.post(t, "revoke", url.Values{"token": {ended}}); a.status != http.StatusOK {
		t.Fatalf("revoke = %d %s", a.status, a.raw)
	}
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	p.wait(t)
	again := serve(t, dir, nil, "--listen", strings.TrimPrefix(p.url, "http://"))
	if a := again.refresh(t, kept); a.status != http.StatusOK {
		t.Errorf("refresh after a kill = %d %s", a.status, a.raw)
	}
	refuses(t, again, ended)
}

func TestServe_FilesAreForTheOwnerOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	serve(t, dir, nil)
	for name, want := range map[string]os.FileMode{"": 0o700, "latchkey.db": 0o600, "latchkey.db-wal": 0o600, "instance.key": 0o600} {
		info, err := os.Stat(filepath.Join(dir, "latchkey-data", name))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("mode of latchkey-data/%s = %o, want %o", name, got, want)
		}
	}
}

// TestServe_NoPasswordIsBuiltIn: without --demo nobody can log in with a
// password that everybody knows.
func TestServe_NoPasswordIsBuiltIn(t *testing.T) {
	t.Parallel()
	p := serve(t, t.TempDir(), nil)
	if got := must(t, p.Dir, "user", "list", "--realm", "master"); strings.Count(got, "\n") != 1 {
		t.Errorf("users of a new master = %q, want none", got)
	}
	if a := get(t, p.url+"/realms/demo", ""); a.status != http.StatusNotFound {
		t.Errorf("realm demo without --demo = %d, want 404", a.status)
	}
}

// TestServe_BootstrapAdministrator: Latchkey's names win over Keycloak's; the
// administrator is made once and keeps a changed password.
func TestServe_BootstrapAdministrator(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	env := []string{
		"KC_BOOTSTRAP_ADMIN_USERNAME=boss", "KC_BOOTSTRAP_ADMIN_PASSWORD=no",
		"LATCHKEY_BOOTSTRAP_ADMIN_PASSWORD=first",
	}
	p := serve(t, dir, env)
	if a := p.adminToken(t, "boss", "first"); a.status != http.StatusOK {
		t.Fatalf("login of the administrator = %d %s", a.status, a.raw)
	}
	if r := latchkey(t, dir, "second\n", "user", "set-password", "--realm", "master", "boss"); r.code != exitOK {
		t.Fatalf("set-password = %d %s", r.code, r.err)
	}
	p.stop(t)
	again := serve(t, dir, env)
	if a := again.adminToken(t, "boss", "first"); a.status == http.StatusOK {
		t.Error("a second start set the password back")
	}
	if a := again.adminToken(t, "boss", "second"); a.status != http.StatusOK {
		t.Errorf("login with the changed password = %d %s", a.status, a.raw)
	}
	if log := again.log.String() + p.log.String(); strings.Contains(log, "first") || strings.Contains(log, "second") {
		t.Errorf("a password is in the log:\n%s", log)
	}
}

func (p *process) adminToken(t *testing.T, name, password string) answer {
	t.Helper()
	form := url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {name}, "password": {password}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/realms/master/protocol/openid-connect/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return send(t, req)
}

// TestServe_OlderTutorial: the requests of tutorials for Keycloaks before 17,
// under /auth, with a scope of one's own.
func TestServe_OlderTutorial(t *testing.T) {
	t.Parallel()
	p := serve(t, t.TempDir(), nil, "--demo", "--relative-path", "/auth")
	if !strings.HasSuffix(p.url, "/auth") {
		t.Fatalf("url = %q, want it to end in /auth", p.url)
	}
	tokens := p.offlineToken(t, "openid info offline_access")
	if scope := strings.Fields(tokens.text("scope")); !contains(scope, "info", "offline_access", "openid") {
		t.Errorf("scope = %q, want openid, info and offline_access in it", scope)
	}
	if tokens.body["refresh_expires_in"] != 0.0 {
		t.Errorf("refresh_expires_in = %v, want 0", tokens.body["refresh_expires_in"])
	}
	refreshed := p.refresh(t, tokens.text("refresh_token"))
	if refreshed.status != http.StatusOK {
		t.Fatalf("refresh = %d %s", refreshed.status, refreshed.raw)
	}
	access, offline := refreshed.text("access_token"), refreshed.text("refresh_token")
	active := p.post(t, "token/introspect", url.Values{"token": {access}})
	if active.body["active"] != true || active.text("username") != "user1" {
		t.Errorf("introspection = %s, want active, of user1", active.raw)
	}
	if a := p.post(t, "token/introspect", url.Values{"token": {offline}, "token_type_hint": {"refresh_token"}}); a.body["active"] != true || a.text("token_type") != "Offline" {
		t.Errorf("introspection of the offline token = %s, want active, Offline", a.raw)
	}
	if info := get(t, p.url+"/realms/demo/protocol/openid-connect/userinfo", access); info.status != http.StatusOK || info.text("preferred_username") != "user1" {
		t.Errorf("userinfo = %d %s, want that of user1", info.status, info.raw)
	}
	if a := p.post(t, "logout", url.Values{"refresh_token": {offline}}); a.status != http.StatusNoContent {
		t.Errorf("logout = %d %s, want 204", a.status, a.raw)
	}
	if a := p.refresh(t, offline); a.status != http.StatusBadRequest || a.text("error") != "invalid_grant" {
		t.Errorf("refresh after logout = %d %s, want 400 invalid_grant", a.status, a.raw)
	}
	if a := get(t, strings.TrimSuffix(p.url, "/auth")+"/realms/demo", ""); a.status != http.StatusNotFound {
		t.Errorf("realm outside /auth = %d, want 404", a.status)
	}
}

func contains(list []string, words ...string) bool {
	have := map[string]bool{}
	for _, s := range list {
		have[s] = true
	}
	for _, w := range words {
		if !have[w] {
			return false
		}
	}
	return true
}
