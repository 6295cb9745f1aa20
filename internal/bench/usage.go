package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// usage is what a server has used since its start, and its database.
type usage struct {
	cpu        time.Duration // user and system
	postgres   time.Duration // the same of all processes of PostgreSQL
	wal        int64         // bytes of PostgreSQL's write-ahead log
	statements float64
	commits    float64
	written    int64 // bytes the process caused to be written to disk
}

func (u usage) since(v usage) usage {
	return usage{u.cpu - v.cpu, u.postgres - v.postgres, u.wal - v.wal, u.statements - v.statements, u.commits - v.commits, u.written - v.written}
}

// usage reads the counters; cpu comes last or first, so that reading the
// others is not counted.
func (p *process) usage(before bool) (u usage, err error) {
	cpu := func() error {
		st, err := readStat(p.cmd.Process.Pid)
		if u.cpu = st.own; err == nil {
			u.postgres, err = p.db.cpu()
		}
		return err
	}
	if !before {
		if err := cpu(); err != nil {
			return u, err
		}
	}
	if u.statements, u.commits, err = p.counters(); err != nil {
		return u, err
	}
	if u.written, err = p.procNumber("io", "write_bytes:"); err != nil {
		return u, err
	}
	if u.wal, err = p.db.wal(); err != nil {
		return u, err
	}
	if before {
		err = cpu()
	}
	return u, err
}

// clockTick is the unit of times in /proc/PID/stat: USER_HZ is 100 on every
// Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// stat is what /proc/PID/stat says of a process.
type stat struct {
	parent   int
	own      time.Duration // user and system
	children time.Duration // the same of its children that have ended
}

func readStat(pid int) (s stat, err error) {
	name := filepath.Join("/proc", strconv.Itoa(pid), "stat")
	raw, err := os.ReadFile(name)
	if err != nil {
		return s, err
	}
	// proc(5): the name in parentheses may hold anything; state is field 3.
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	if len(fields) < 15 {
		return s, fmt.Errorf("%s: %q", name, raw)
	}
	var n [15]int64
	for _, i := range []int{1, 11, 12, 13, 14} { // ppid, utime, stime, cutime, cstime
		if n[i], err = strconv.ParseInt(fields[i], 10, 64); err != nil {
			return s, fmt.Errorf("%s: %w", name, err)
		}
	}
	return stat{int(n[1]), time.Duration(n[11]+n[12]) * clockTick, time.Duration(n[13]+n[14]) * clockTick}, nil
}

// resident is VmRSS in bytes.
func (p *process) resident() (int64, error) {
	kb, err := p.procNumber("status", "VmRSS:")
	return kb << 10, err
}

func (p *process) proc(name string) string {
	return filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), name)
}

// procNumber is the first number in the line of a /proc file that starts with
// label.
func (p *process) procNumber(name, label string) (int64, error) {
	raw, err := os.ReadFile(p.proc(name))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, label); ok {
			return strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
		}
	}
	return 0, fmt.Errorf("%s has no %s", p.proc(name), label)
}

// counters reads the store's from /metrics.
func (p *process) counters() (statements, commits float64, err error) {
	resp, err := http.Get(p.management + "/metrics")
	if err != nil {
		return 0, 0, err
	}
	defer resp.Body.Close()
	found := 0
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		var to *float64
		switch name {
		case "latchkey_store_statements_total":
			to = &statements
		case "latchkey_store_commits_total":
			to = &commits
		default:
			continue
		}
		if *to, err = strconv.ParseFloat(value, 64); err != nil {
			return 0, 0, err
		}
		found++
	}
	if found != 2 {
		return 0, 0, errors.New("/metrics has no latchkey_store_statements_total or latchkey_store_commits_total")
	}
	return statements, commits, nil
}
