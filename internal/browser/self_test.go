package browser_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// faultyPage does what no page of ours may do.
const faultyPage = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-x'"><title>faults</title>
<style>body{background:#fff;margin:0} #grey{color:#aaa} #wide{width:900px} input{border:1px solid #eee;outline:none} button{height:12px;font-size:8px;padding:0}</style>
<h1>Faults</h1><p id="grey">hardly there</p><div id="wide">wide</div><form><input id="pale"><button>ok</button></form>
<script nonce="x">console.error("a complaint")</script><script>document.title="inline"</script></html>`

// TestInspection_SeesFaults: the checks of pages find what is wrong with a bad
// one.
func TestInspection_SeesFaults(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(faultyPage))
	}))
	t.Cleanup(s.Close)
	b := newTab(t)
	b.tolerate("") // all of it
	b.open(localhost(s))
	b.look(375, "light")
	found := eval[[]string](b, fmt.Sprintf("%s(375)", inspectScript))
	for _, want := range []string{"scrolls sideways", "contrast 2.32 of <p id=grey>", "the edge of <input id=pale>", "<button> \"ok\" is", "text of 8 pixels", "reaches beyond the page"} {
		if !slices.ContainsFunc(found, func(f string) bool { return strings.Contains(f, want) }) {
			t.Errorf("no fault %q in %q", want, found)
		}
	}
	b.mu.Lock()
	heard := strings.Join(b.faults, "\n")
	b.mu.Unlock()
	for _, want := range []string{"a complaint", "ContentSecurityPolicyIssue", "inline script"} {
		if !strings.Contains(heard, want) {
			t.Errorf("the browser's complaints lack %q: %s", want, heard)
		}
	}
}
