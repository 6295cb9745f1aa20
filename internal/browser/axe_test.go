package browser_test

import (
	"net/http/httptest"
	"os"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/latchkey-id/latchkey/internal/ui/gallery"
)

// axeRules runs axe-core with the rules of WCAG 2.2 A and AA and its best
// practices; the value is a list of what it finds.
const axeRules = `axe.run(document,{iframes:false,runOnly:["wcag2a","wcag2aa","wcag21a","wcag21aa","wcag22aa","best-practice"]}).then(r=>r.passes.length<10?["it looked at nothing"]:
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
	for _, scheme := range []string{"light", "dark"} {
		b.look(375, scheme)
		for _, sample := range gallery.Samples() {
			b.hold(sample.Name)
			b.open(localhost(s) + "/en/" + sample.Name)
			b.do("load axe-core", load(string(axe)))
			if sample.Name == "form-post" || sample.Name == "frontchannel-logout" {
				continue // with scripts off nothing of axe-core runs; TestPages looks at them
			}
			for _, fault := range await[[]string](b, axeRules) {
				t.Errorf("%s, %s: %s", sample.Name, scheme, fault)
			}
		}
	}
}

// load runs a script on the page, which its policy does not hinder.
func load(script string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](script + ";undefined")
}
