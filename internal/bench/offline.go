package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// longAgo and later are times no stored session began before, and all did.
const longAgo, later = 1, 4_000_000_000

// step is an answer of the API of offline sessions.
type step struct {
	Count int    `json:"count"`
	Ended int    `json:"ended"`
	Done  bool   `json:"done"`
	After string `json:"after"`

	Sessions []struct {
		ID   string `json:"id"`
		User struct {
			ID string `json:"id"`
		} `json:"user"`
	} `json:"sessions"`
}

// walked is a walk through all steps of a list or a count.
type walked struct {
	times   []time.Duration
	count   int
	cursors []string
}

// walk follows the cursors of a list or a count to the end.
func (b *bench) walk(p *process, target string) (*walked, error) {
	w := &wire{addr: p.addr}
	defer w.close()
	token, err := admin(w)
	if err != nil {
		return nil, err
	}
	out := &walked{}
	for after := ""; ; {
		url := target
		if after != "" {
			url += "&after=" + after
		}
		begun := time.Now()
		status, body, err := w.do(http.MethodGet, url, token, "")
		if err != nil {
			return nil, err
		}
		out.times = append(out.times, time.Since(begun))
		if status == http.StatusUnauthorized { // an administrator's token lives a minute
			if token, err = admin(w); err != nil {
				return nil, err
			}
			out.times = out.times[:len(out.times)-1]
			continue
		}
		var s step
		if err := json.Unmarshal(body, &s); err != nil || status != http.StatusOK {
			return nil, fmt.Errorf("GET %s: %d %.200s", url, status, body)
		}
		out.count += s.Count + len(s.Sessions)
		if after = s.After; after == "" {
			slices.Sort(out.times)
			return out, nil
		}
		out.cursors = append(out.cursors, after)
	}
}

// walkRow measures every step of a walk, which must come to a number of
// sessions.
func (b *bench) walkRow(p *process, r *report, what, target string, want int) (*walked, error) {
	w, err := b.walk(p, target)
	if err != nil {
		return nil, err
	}
	if w.count != want {
		b.count(1, fmt.Sprintf("%s: %d sessions instead of %d", what, w.count, want))
	}
	median, longest := at(w.times, 0.5), w.times[len(w.times)-1]
	r.timeRow(question{what: fmt.Sprintf("%s, each of %d steps", what, len(w.times)), times: 2, limit: targetList}, median, longest)
	b.progress("%s: %v, longest %v, %d steps, %d sessions", what, median.Round(10*time.Microsecond), longest.Round(10*time.Microsecond), len(w.times), w.count)
	return w, nil
}

// offlineRows measures the API of offline sessions with all sessions of one
// client, then ends some by a filter and looks again.
func (b *bench) offlineRows(p *process, r *report) error {
	api := "/admin/realms/" + storeRealm + "/offline-sessions"
	all, err := b.row(p, r, question{"offline sessions: count of the client", "GET", api + "/count?client=portal", "", 20, targetList})
	if err != nil {
		return err
	}
	var counted step
	if err := json.Unmarshal([]byte(all), &counted); err != nil {
		return fmt.Errorf("count: %.200s", all)
	}
	sessions := counted.Count
	none, err := b.walkRow(p, r, "offline sessions: list, filter that selects none", fmt.Sprintf("%s?client=portal&createdBefore=%d", api, longAgo), 0)
	if err != nil {
		return err
	}
	if _, err := b.walkRow(p, r, "offline sessions: count by a time, all selected", fmt.Sprintf("%s/count?client=portal&createdBefore=%d", api, later), sessions); err != nil {
		return err
	}
	if _, err := b.walkRow(p, r, "offline sessions: count by a scope, none selected", api+"/count?client=portal&scope=none", 0); err != nil {
		return err
	}
	first, err := b.row(p, r, question{"offline sessions: first page of 100", "GET", api + "?client=portal", "", 20, targetList})
	if err != nil {
		return err
	}
	var page step
	if err := json.Unmarshal([]byte(first), &page); err != nil || len(page.Sessions) == 0 {
		return fmt.Errorf("first page: %.200s", first)
	}
	middle, last := "", ""
	if n := len(none.cursors); n > 0 {
		middle, last = "&after="+none.cursors[n/2], "&after="+none.cursors[n-1]
	}
	one := page.Sessions[0]
	for _, q := range []question{
		{"offline sessions: page of 100 in the middle", "GET", api + "?client=portal" + middle, "", 20, targetList},
		{"offline sessions: page of 200 near the end", "GET", api + "?client=portal&max=200" + last, "", 20, targetList},
		{"offline sessions: page of 100, of all clients", "GET", api, "", 20, targetList},
		{"offline sessions: count of the realm", "GET", api + "/count", "", 20, targetList},
		{"offline sessions: of one user", "GET", api + "?user=" + one.User.ID, "", 20, targetList},
		{"offline sessions: explain", "GET", api + "/" + one.ID + "/explain", "", 20, targetList},
		{"offline sessions: revoke of the client, dry run", "POST", api + "/revoke", `{"client":"portal","dryRun":true}`, 20, targetList},
	} {
		if _, err := b.row(p, r, q); err != nil {
			return err
		}
	}
	return b.revokeRows(p, r, api, sessions)
}

// revokeRows ends half of the sessions, but no more than it may in some
// seconds, and measures lists and counts beside what they leave.
func (b *bench) revokeRows(p *process, r *report, api string, sessions int) error {
	const steps = 5
	ended, after, begun := 0, "", time.Now()
	var times []time.Duration
	for range steps {
		cursor := ""
		if after != "" {
			cursor = `,"after":"` + after + `"`
		}
		took, _, body, err := b.ask(p, http.MethodPost, api+"/revoke", fmt.Sprintf(`{"createdBefore":%d%s}`, later, cursor), 1)
		if err != nil {
			return err
		}
		var s step
		if err := json.Unmarshal([]byte(body), &s); err != nil {
			return fmt.Errorf("revoke: %.200s", body)
		}
		times, ended, after = append(times, took), ended+s.Ended, s.After
		if s.Done {
			break
		}
	}
	slices.Sort(times)
	r.others.add("offline sessions: a step of revoke by a filter, s", "", judged(times[len(times)/2].Seconds(), "%.2f", 5), "≤ 5")
	r.others.add("offline sessions: ended by a filter, a second", "", fmt.Sprintf("%.0f", float64(ended)/time.Since(begun).Seconds()), "")
	b.progress("revoke by a filter: %d in %v", ended, time.Since(begun).Round(10*time.Millisecond))
	_, err := b.walkRow(p, r, "offline sessions: count by a time, after that", fmt.Sprintf("%s/count?client=portal&createdBefore=%d", api, later), sessions-ended)
	return err
}

// endingRows ends everything, and checks that tokens are refused at once: of a
// stored session after logout-all, of a new one after its client was deleted.
func (b *bench) endingRows(p *process, r *report, realm, client string, stored *seeded) error {
	if len(stored.cold) == 0 {
		return fmt.Errorf("no stored session to refresh")
	}
	w := &wire{addr: p.addr}
	defer w.close()
	count := question{"offline-session-count after logout-all", "GET", client + "/offline-session-count", "", 20, targetList}
	if err := b.endRow(p, r, w, question{"logout-all", "POST", realm + "/logout-all", "", 1, targetEnd}, stored.cold[0]); err != nil {
		return err
	}
	if _, err := b.row(p, r, count); err != nil {
		return err
	}
	// A not-before is whole seconds: a login of this one would be refused.
	time.Sleep(time.Second)
	fresh, err := login(w, storeRealm, 0, "offline_access")
	if err != nil {
		return err
	}
	return b.endRow(p, r, w, question{"deletion of the client", "DELETE", client, "", 1, targetEnd}, fresh)
}

// endRow measures an ending; the next refresh of c must be refused.
func (b *bench) endRow(p *process, r *report, w *wire, q question, c *chain) error {
	if _, err := b.row(p, r, q); err != nil {
		return err
	}
	if err := c.refresh(w); err == nil {
		b.count(1, "a token was taken after "+q.what)
	}
	return nil
}
