package browser_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// install says what is missing where Chromium is not installed.
const install = "no browser is installed: apt-get install chromium, or set LATCHKEY_TEST_CHROMIUM to a Chromium or Chrome"

// chromium is the one browser of the package's tests.
var chromium struct {
	once  sync.Once
	ctx   context.Context
	err   error
	close func()
}

func TestMain(m *testing.M) {
	code := m.Run()
	if chromium.close != nil {
		chromium.close()
	}
	os.Exit(code)
}

var errMissing = errors.New(install)

func program() (string, error) {
	if path := os.Getenv("LATCHKEY_TEST_CHROMIUM"); path != "" {
		return path, nil
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome-stable", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errMissing
}

// start starts the browser, headless, with a profile of its own.
func start() {
	path, err := program()
	if err != nil {
		chromium.err = err
		return
	}
	profile, err := os.MkdirTemp("", "latchkey-browser-")
	if err != nil {
		chromium.err = err
		return
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.DisableGPU,
		chromedp.Flag("mute-audio", true), chromedp.Flag("hide-scrollbars", false),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"), // nothing beyond this machine
	)
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator, chromedp.WithErrorf(func(string, ...any) {}))
	chromium.ctx = ctx
	chromium.err = chromedp.Do(ctx)
	chromium.close = func() {
		end, done := context.WithTimeout(ctx, 10*time.Second)
		_ = chromedp.Cancel(end)
		done()
		cancel()
		stop()
		_ = os.RemoveAll(profile)
	}
}

// browser is the running browser. Where Chromium is missing the test fails if
// CI is set, else it is skipped.
func browser(t *testing.T) context.Context {
	t.Helper()
	chromium.once.Do(start)
	switch {
	case errors.Is(chromium.err, errMissing) && os.Getenv("CI") == "":
		t.Skip(chromium.err)
	case chromium.err != nil:
		t.Fatal(chromium.err)
	}
	return chromium.ctx
}
