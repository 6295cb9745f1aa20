package crash_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestDiskFull_ReadsGoOn: the disk under an SQLite file fills up. What must be
// stored is refused with 503 and the log says why once; what only reads goes
// on. When there is space again everything does, with nothing lost and nothing
// broken.
func TestDiskFull_ReadsGoOn(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	// The realms' documents lie elsewhere.
	p := startCommand(t, onSmallDisk(t, dir), "sqlite:"+filepath.Join(dir, "latchkey.db"), realmArgs(t, t.TempDir())...)
	disk, err := os.OpenRoot(fmt.Sprintf("/proc/%d/root%s", p.cmd.Process.Pid, dir))
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	chains := map[string]*chain{}
	for _, realm := range []string{rotating, plain} {
		if chains[realm], err = p.login(realm); err != nil {
			t.Fatal(err)
		}
	}
	fill(t, disk)
	for n := 0; err == nil && n < 5000; n++ { // what the log has room for is still stored
		err = p.advance(chains[rotating])
	}
	if !errors.Is(err, errBusy) {
		t.Fatalf("rotation on a full disk: %v", err)
	}
	for range 50 {
		a, err := p.refresh(chains[rotating])
		if err != nil || !a.busy() || !strings.Contains(a.Description, "cannot store") {
			t.Fatalf("rotation on a full disk: %v %v", a, err)
		}
		p.mustRead(t, chains[plain])
	}
	if n := p.out.lines("the database takes no writes"); n != 1 {
		t.Errorf("the log says %d times that the database takes no writes:\n%s", n, p.out.tail())
	}
	if err := disk.Remove("filler"); err != nil {
		t.Fatal(err)
	}
	// A rotation that was refused was not stored: its token is as good as before.
	for _, c := range chains {
		c.state = live
		p.verify(t, c)
	}
	if _, err := p.login(rotating); err != nil {
		t.Errorf("login when there is space again: %v", err)
	}
	if n := p.out.lines("the database takes writes again"); n != 1 {
		t.Errorf("the log says %d times that it does again:\n%s", n, p.out.tail())
	}
	p.stop(t)
	left := t.TempDir()
	if err := os.CopyFS(left, disk.FS()); err != nil {
		t.Fatal(err)
	}
	checkIntegrity(t, filepath.Join(left, "latchkey.db"))
}

// mustRead wants what needs no write, of a chain without rotation: a refresh
// within its minute, user info, introspection.
func (p *process) mustRead(t *testing.T, c *chain) {
	t.Helper()
	a, err := p.refresh(c)
	if err != nil || a.Status != http.StatusOK {
		t.Fatalf("refresh without rotation on a full disk: %v %v", a, err)
	}
	if got, err := p.post(c.realm, "userinfo", "access_token", a.Access); err != nil || got.Status != http.StatusOK {
		t.Fatalf("user info on a full disk: %v %v", got, err)
	}
	if got, err := p.post(c.realm, "token/introspect", "token", a.Refresh, "token_type_hint", "refresh_token"); err != nil || !got.Active {
		t.Fatalf("introspection on a full disk: %v %v", got, err)
	}
}

// fill writes until nothing more fits.
func fill(t *testing.T, disk *os.Root) {
	t.Helper()
	f, err := disk.Create("filler")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; size /= 4 {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
}

// onSmallDisk makes commands that run the server where dir is a small disk of
// its own, which needs a mount namespace. Without one the test is skipped: the
// store's own test of a full disk runs everywhere.
func onSmallDisk(t *testing.T, dir string) func(serve []string) *exec.Cmd {
	t.Helper()
	own := func(id int) []syscall.SysProcIDMap { return []syscall.SysProcIDMap{{HostID: id, Size: 1}} }
	ways := []syscall.SysProcAttr{
		{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS, UidMappings: own(os.Getuid()), GidMappings: own(os.Getgid())},
		{Cloneflags: syscall.CLONE_NEWNS},
	}
	command := func(way syscall.SysProcAttr, args []string) *exec.Cmd {
		script := `mount --make-rprivate / 2>/dev/null; mount -t tmpfs -o size=16m,mode=700 tmpfs "$0" && exec "$@"`
		cmd := exec.Command("sh", append([]string{"-c", script, dir}, args...)...)
		cmd.SysProcAttr = &way
		return cmd
	}
	var said []string
	for _, way := range ways {
		cmd := command(way, []string{"true"})
		out, err := cmd.CombinedOutput()
		if err == nil {
			return func(serve []string) *exec.Cmd { return command(way, append([]string{program}, serve...)) }
		}
		said = append(said, fmt.Sprintf("%v %s", err, out))
	}
	t.Skipf("a small disk cannot be mounted here: %s", strings.Join(said, "; "))
	return nil
}
