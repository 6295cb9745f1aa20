package compat_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A replay runs one scenario against one server.
type replay struct {
	wire   wire
	realm  string
	expect func(*step) any // the answer wanted: Latchkey's or Keycloak's

	got   map[int]any // results by step number
	jars  map[int]http.CookieJar
	norm  *normaliser
	admin struct {
		token string
		until time.Time
	}
}

func newReplay(w wire, realm string, expect func(*step) any) *replay {
	return &replay{wire: w, realm: realm, expect: expect,
		got: map[int]any{}, jars: map[int]http.CookieJar{}, norm: newNormaliser(w.base)}
}

// Two ways to read a recording.
func wantHere(s *step) any { return s.Expect }

func wantKeycloak(s *step) any {
	if s.Keycloak != nil {
		return s.Keycloak
	}
	return s.Expect
}

// A result is a step's outcome. checked is false where nothing was recorded to
// compare with.
type result struct {
	step       *step
	checked    bool
	want, have any
	err        error
	status     int // of the answer; 0 = none
}

func (r *result) ok() bool {
	if r.err != nil {
		return false
	}
	return !r.checked || reflect.DeepEqual(r.have, r.want) || r.step.Subset && within(r.have, r.want)
}

// String tells a failure so that it can be read without the recording.
func (r *result) String() string {
	head := fmt.Sprintf("step %d %q", r.step.N, r.step.Name)
	if r.step.Method != "" {
		head += fmt.Sprintf(" (%s %s)", r.step.Method, r.step.Path)
	}
	if r.err != nil {
		return fmt.Sprintf("%s: %v", head, r.err)
	}
	return fmt.Sprintf("%s\nwant %s\nhave %s\ndiff (-want +have):\n%s", head, compact(r.want), compact(r.have), cmp.Diff(r.want, r.have))
}

// run plays the steps in order, but for those that a recording skips.
func (r *replay) run(ctx context.Context, sc *scenario) []result {
	var out []result
	for i := range sc.Steps {
		s := &sc.Steps[i]
		if s.Skip != "" {
			continue
		}
		res := r.play(ctx, s)
		res.step = s
		out = append(out, res)
	}
	return out
}

func (r *replay) play(ctx context.Context, s *step) result {
	switch s.Do {
	case "sleep":
		r.wire.sleep(time.Duration(s.Seconds * float64(time.Second)))
		return result{}
	case "http":
		return r.playHTTP(ctx, s)
	case "login":
		return r.playLogin(ctx, s)
	case "device":
		return r.playDevice(ctx, s)
	}
	return result{err: fmt.Errorf("unknown step %q", s.Do)}
}

func (r *replay) playHTTP(ctx context.Context, s *step) result {
	req, err := r.request(ctx, s)
	if err != nil {
		return result{err: err}
	}
	a, err := r.wire.do(req, r.jar(s.Browser))
	if err != nil {
		return result{err: err}
	}
	if s.Admin && a.status == http.StatusUnauthorized {
		r.admin.token = ""
	}
	r.got[s.N] = a.json
	switch {
	case s.Expect != nil:
		return result{checked: true, want: r.expect(s), have: r.named(r.norm.value(a.entry())), status: a.status}
	case s.Noted != nil:
		return result{checked: true, want: any(s.Noted), have: r.named(r.noted(a, s.Noted)), status: a.status}
	}
	return result{status: a.status}
}

// jar returns cookie jar n; 0 is none.
func (r *replay) jar(n int) http.CookieJar {
	if n == 0 {
		return nil
	}
	if r.jars[n] == nil {
		r.jars[n] = newJar()
	}
	return r.jars[n]
}

// request builds the request of a step, references resolved.
func (r *replay) request(ctx context.Context, s *step) (*http.Request, error) {
	resolved, err := r.resolve(map[string]any{"path": s.Path, "form": s.Form, "json": s.JSON, "headers": s.Headers, "basic": s.Basic})
	if err != nil {
		return nil, err
	}
	m := resolved.(map[string]any)
	header := http.Header{}
	for k, v := range m["headers"].(map[string]any) {
		header.Set(k, fmt.Sprint(v))
	}
	body, err := requestBody(header, m["form"], m["json"])
	if err != nil {
		return nil, err
	}
	target := m["path"].(string)
	if !strings.HasPrefix(target, "http") {
		target = r.wire.base + target
	}
	req, err := http.NewRequestWithContext(ctx, s.Method, target, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = header
	if b := m["basic"].([]any); len(b) == 2 {
		req.SetBasicAuth(fmt.Sprint(b[0]), fmt.Sprint(b[1]))
	}
	if s.Admin {
		token, err := r.adminToken(ctx)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req, nil
}

// requestBody encodes form, else body, and says so in header.
func requestBody(header http.Header, form, body any) (string, error) {
	contentType := func(v string) {
		if header.Get("Content-Type") == "" {
			header.Set("Content-Type", v)
		}
	}
	switch f := form.(type) {
	case map[string]any:
		contentType("application/x-www-form-urlencoded")
		pairs := make([]any, 0, len(f))
		for _, k := range sortedKeys(f) {
			pairs = append(pairs, []any{k, f[k]})
		}
		return encodePairs(pairs)
	case []any:
		contentType("application/x-www-form-urlencoded")
		return encodePairs(f)
	}
	if body == nil {
		return "", nil
	}
	contentType("application/json")
	data, err := json.Marshal(body)
	return string(data), err
}

// encodePairs writes [name, value] pairs in their order; a value that is a
// list repeats its name.
func encodePairs(pairs []any) (string, error) {
	var out []string
	for _, p := range pairs {
		kv, ok := p.([]any)
		if !ok || len(kv) != 2 {
			return "", fmt.Errorf("form entry %s is not a pair", compact(p))
		}
		values, ok := kv[1].([]any)
		if !ok {
			values = kv[1:]
		}
		for _, v := range values {
			out = append(out, url.QueryEscape(fmt.Sprint(kv[0]))+"="+url.QueryEscape(fmt.Sprint(v)))
		}
	}
	return strings.Join(out, "&"), nil
}

// adminToken returns the bootstrap administrator's token, at most 30 s old and
// never within 5 s of its end.
func (r *replay) adminToken(ctx context.Context) (string, error) {
	now := r.wire.now()
	if r.admin.token != "" && now.Before(r.admin.until) {
		return r.admin.token, nil
	}
	form := "grant_type=password&client_id=admin-cli&username=admin&password=admin"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.wire.base+"/realms/master/protocol/openid-connect/token", strings.NewReader(form))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	a, err := r.wire.do(req, nil)
	if err != nil {
		return "", err
	}
	m, _ := a.json.(map[string]any)
	token, _ := m["access_token"].(string)
	life, _ := number(m["expires_in"])
	if a.status != http.StatusOK || token == "" {
		return "", fmt.Errorf("administrator's token: status %d: %s", a.status, a.body)
	}
	r.admin.token, r.admin.until = token, now.Add(time.Duration(min(30, life-5)*float64(time.Second)))
	return token, nil
}

// makeRealm creates the replay's realm from a realm document.
func (r *replay) makeRealm(ctx context.Context, document []byte) error {
	a, err := r.adminRequest(ctx, http.MethodPost, "/admin/realms", document)
	if err != nil {
		return fmt.Errorf("create realm: %w", err)
	}
	if a.status != http.StatusCreated {
		return fmt.Errorf("create realm: status %d: %s", a.status, a.body)
	}
	return nil
}

// dropRealm deletes the replay's realm; that there is none is no error.
func (r *replay) dropRealm(ctx context.Context) error {
	a, err := r.adminRequest(ctx, http.MethodDelete, "/admin/realms/"+r.realm, nil)
	if err != nil {
		return fmt.Errorf("delete realm: %w", err)
	}
	if !slices.Contains([]int{http.StatusNoContent, http.StatusNotFound}, a.status) {
		return fmt.Errorf("delete realm: status %d: %s", a.status, a.body)
	}
	return nil
}

func (r *replay) adminRequest(ctx context.Context, method, path string, body []byte) (*answer, error) {
	token, err := r.adminToken(ctx)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, r.wire.base+path, strings.NewReader(string(body)))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return r.wire.do(req, nil)
}

var errNoResult = errors.New("no such result")
