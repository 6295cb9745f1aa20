package browser_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience bounds every wait; what works takes a fraction of it.
const patience = 2 * time.Minute

// tab is a browser of one person: cookies and storage are its own.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu        sync.Mutex
	faults    []string // what the browser complained of
	tolerated []string // parts of complaints that belong to what is tested
	mark      int      // of the document that was there before a step
}

// newTab opens an empty tab. When the test ends, what the browser complained of
// fails it: errors in the console, violations of a page's policy.
func newTab(t *testing.T) *tab {
	t.Helper()
	return watch(t, browser(t), chromedp.WithNewBrowserContext())
}

// newTabBeside opens another tab of the same person.
func newTabBeside(b *tab) *tab {
	b.t.Helper()
	return watch(b.t, b.ctx)
}

func watch(t *testing.T, in context.Context, options ...chromedp.ContextOption) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(in, options...)
	b := &tab{t: t, ctx: ctx}
	t.Cleanup(func() {
		b.mu.Lock()
		for _, f := range b.faults {
			if strings.Contains(f, "net::ERR_CONNECTION_REFUSED") && strings.Contains(f, "/resources/") {
				continue // an icon asked for when the test's server had stopped
			}
			if !slices.ContainsFunc(b.tolerated, func(part string) bool { return strings.Contains(f, part) }) {
				t.Errorf("the browser says: %s", f)
			}
		}
		b.mu.Unlock()
		if t.Failed() {
			b.mourn()
		}
		cancel()
	})
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, audits.Enable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	return b
}

// hear notes what a developer would see in the console.
func (b *tab) hear(event any) {
	var fault string
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			fault = fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		fault = "exception: " + e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			fault += " " + x.Description
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			args, _ := json.Marshal(e.Args)
			fault = fmt.Sprintf("console.%s: %s", e.Type, args)
		}
	case *audits.EventIssueAdded:
		if e.Issue.Code == audits.InspectorIssueCodePerformanceIssue {
			return // advice
		}
		if g := e.Issue.Details.GenericIssueDetails; g != nil && g.ErrorType == "NavigationEntryMarkedSkippable" {
			return // the back button passes over pages that nobody touched: redirects by script
		}
		details, _ := json.Marshal(e.Issue.Details)
		fault = fmt.Sprintf("%s: %s", e.Issue.Code, details)
	}
	if fault != "" {
		b.mu.Lock()
		b.faults = append(b.faults, fault)
		b.mu.Unlock()
	}
}

// tolerate names part of a complaint that the test causes on purpose.
func (b *tab) tolerate(part string) {
	b.mu.Lock()
	b.tolerated = append(b.tolerated, part)
	b.mu.Unlock()
}

// mourn shows where a failed test left the browser.
func (b *tab) mourn() {
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	at, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.origin+location.pathname+"\n"+document.body.innerText`))
	b.t.Logf("the browser is at %s (%v)", at, err)
}

// limited is for one action.
func (b *tab) limited() (context.Context, context.CancelFunc) {
	return context.WithTimeout(b.ctx, patience)
}

func (b *tab) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := b.limited()
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
}

// call sends a command of the DevTools protocol.
func call[P, R any](b *tab, cmd cdp.Command[P, R], params P) R {
	b.t.Helper()
	ctx, cancel := b.limited()
	defer cancel()
	r, err := chromedp.Call(ctx, cmd, params)
	if err != nil {
		b.t.Fatalf("%s: %v", cmd.Method, err)
	}
	return r
}

// eval is the value of a JavaScript expression on the page.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	ctx, cancel := b.limited()
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits for a JavaScript condition to hold on a loaded page, whatever page
// that will be.
func (b *tab) until(condition string) {
	b.t.Helper()
	ctx, cancel := b.limited()
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.readyState=="complete"&&!!(`+condition+`)`))
		if err == nil && ok {
			return
		}
		select {
		case <-ctx.Done():
			b.t.Fatalf("the page never fulfils %s (last: %v)", condition, err)
		case <-tick.C:
		}
	}
}

// has tells whether an element is on the page.
func (b *tab) has(css string) bool {
	b.t.Helper()
	return eval[bool](b, fmt.Sprintf(`!!document.querySelector(%q)`, css))
}

// text is the text of an element, as a person reads it.
func (b *tab) text(css string) string {
	b.t.Helper()
	return eval[string](b, fmt.Sprintf(`document.querySelector(%q).innerText.trim()`, css))
}

// open goes to an address.
func (b *tab) open(url string) {
	b.t.Helper()
	b.do("open "+url, chromedp.Navigate(url))
}

// leaving does something that loads another page, and waits for that page.
func (b *tab) leaving(what string, actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	b.mark++
	eval[int](b, fmt.Sprintf(`window.latchkeyMark=%d`, b.mark))
	b.do(what, actions...)
	b.until(fmt.Sprintf(`window.latchkeyMark!==%d`, b.mark))
}

// press clicks what leads to another page.
func (b *tab) press(css string) {
	b.t.Helper()
	b.leaving("press "+css, chromedp.Click(chromedp.CSS(css)))
}

// back is the browser's back button.
func (b *tab) back() {
	b.t.Helper()
	b.leaving("back", chromedp.NavigateBack())
}

// fill types into fields, in pairs of selector and text.
func (b *tab) fill(pairs ...string) {
	b.t.Helper()
	for i := 0; i+1 < len(pairs); i += 2 {
		eval[bool](b, fmt.Sprintf(`(document.querySelector(%q).select(),true)`, pairs[i]))
		b.do("type into "+pairs[i], chromedp.SendKeys(chromedp.CSS(pairs[i]), pairs[i+1]))
	}
}

// look makes the window so wide, in a colour scheme.
func (b *tab) look(width int64, scheme string) {
	b.t.Helper()
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 800, DeviceScaleFactor: 1, Mobile: width < 600})
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
}
