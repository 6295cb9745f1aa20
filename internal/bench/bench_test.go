package main

import (
	"strings"
	"testing"
	"time"
)

func TestTable_LinesUp(t *testing.T) {
	t.Parallel()
	tb := table{head: []string{"what", "ms"}}
	tb.add("start to ready", "27")
	tb.add("count", "1.2 ✗")
	var out strings.Builder
	tb.write(&out)
	want := `| what           |    ms |
|----------------|------:|
| start to ready |    27 |
| count          | 1.2 ✗ |
`
	if out.String() != want {
		t.Errorf("table:\n%swant:\n%s", &out, want)
	}
}

func TestFigures(t *testing.T) {
	t.Parallel()
	sorted := []time.Duration{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	if a, b, c := at(sorted, 0.5), at(sorted, 0.99), at(sorted, 1); a != 6 || b != 10 || c != 10 {
		t.Errorf("quantiles = %d, %d, %d", a, b, c)
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1_000_000: "1,000,000"} {
		if got := grouped(n); got != want {
			t.Errorf("grouped(%d) = %s", n, got)
		}
	}
	if judged(1, "%.1f", 1) != "1.0" || judged(1.1, "%.1f", 1) != "1.1 ✗" || judged(9, "%.0f", 0) != "9" {
		t.Error("judged marks what is above its target, and nothing else")
	}
}
