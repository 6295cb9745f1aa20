package browser_test

import (
	"fmt"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/latchkey-id/latchkey/internal/ui/gallery"
)

// axeRules are those of WCAG 2.2 A and AA and axe-core's best practices.
const axeRules = `{type:"tag",values:["wcag2a","wcag2aa","wcag21a","wcag21aa","wcag22aa","best-practice"]}`

// axeColours is the one rule that a colour scheme changes.
const axeColours = `{type:"rule",values:["color-contrast"]}`

// axeRun runs axe-core on the page; the value is a list of what it finds.
const axeRun = `axe.run(document,{iframes:false,runOnly:%s}).then(r=>r.passes.length==0?["it looked at nothing"]:
 r.violations.map(v=>v.id+": "+v.help+" "+v.nodes.map(n=>n.html.slice(0,100)).join(" | ")))`

// TestAxe asks a second opinion on every page, of rules nobody here wrote.
func TestAxe(t *testing.T) {
	t.Parallel()
	axe, err := os.ReadFile(module(t, "axe-core/axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	handler, err := gallery.Handler()
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	b := newTab(t)
	b.tolerate("status of 400")
	b.tolerate("example") // hosts of the samples are nowhere
	for _, sample := range gallery.Samples() {
		if sample.Name == "form-post" || sample.Name == "frontchannel-logout" {
			continue // these go on by themselves, and without scripts nothing of axe-core runs; TestPages looks at them
		}
		b.open(localhost(s) + "/en/" + sample.Name)
		b.do("load axe-core", load(string(axe)))
		for scheme, rules := range map[string]string{"light": axeRules, "dark": axeColours} {
			b.look(375, scheme)
			for _, fault := range await[[]string](b, fmt.Sprintf(axeRun, rules)) {
				t.Errorf("%s, %s: %s", sample.Name, scheme, fault)
			}
		}
	}
}

// load runs a script on the page, which its policy does not hinder.
func load(script string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](script + ";undefined")
}
