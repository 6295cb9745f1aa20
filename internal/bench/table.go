package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"
)

// table is rows of cells under a head.
type table struct {
	head []string
	rows [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// write prints a Markdown table whose columns line up; all but the first stand
// to the right.
func (t *table) write(out io.Writer) {
	widths := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	line := func(cells []string) {
		for i, cell := range cells {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				cell += pad
			} else {
				cell = pad + cell
			}
			fmt.Fprintf(out, "| %s ", cell)
		}
		fmt.Fprintln(out, "|")
	}
	line(t.head)
	for i, w := range widths {
		if i == 0 {
			fmt.Fprintf(out, "|%s", strings.Repeat("-", w+2))
		} else {
			fmt.Fprintf(out, "|%s:", strings.Repeat("-", w+1))
		}
	}
	fmt.Fprintln(out, "|")
	for _, row := range t.rows {
		line(row)
	}
}

func (b *bench) print(out io.Writer) {
	fmt.Fprintf(out, "%s\n\n", machine())
	fmt.Fprintf(out, "%d requests a row round %d offline sessions, on connections kept alive (%d unless it says otherwise). CPU is user and system, database included.\n",
		b.requests, b.chains, b.connections)
	for _, r := range b.reports {
		fmt.Fprintf(out, "\n### %s\n\n", r.db.name())
		r.refreshes.write(out)
		fmt.Fprintln(out)
		r.others.write(out)
	}
}

// machine describes what the figures were measured on.
func machine() string {
	model := "unknown CPU"
	if raw, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(raw)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	kernel := "Linux"
	if raw, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		kernel += " " + strings.TrimSpace(string(raw))
	}
	openssl := ""
	if raw, err := exec.Command("openssl", "version").Output(); err == nil {
		openssl = ", " + strings.TrimSpace(string(raw))
	}
	return fmt.Sprintf("%s: %d × %s, %s, %s%s. The load runs on the same machine.",
		time.Now().Format(time.DateOnly), runtime.NumCPU(), model, kernel, runtime.Version(), openssl)
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f", d.Seconds()*1000) }
func mb(bytes int64) string     { return fmt.Sprintf("%.1f", float64(bytes)/(1<<20)) }
func grouped(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// judged is a figure with a mark when it misses its target.
func judged(value float64, format string, target float64) string {
	s := fmt.Sprintf(format, value)
	if target > 0 && value > target {
		s += " ✗"
	}
	return s
}
