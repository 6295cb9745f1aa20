package adapter

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// answer is a response that was read whole.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// do sends a request and reads at most maxDocument bytes of its answer.
// Statuses that may pass become a *TemporaryError.
func (p *Provider) do(op string, req *http.Request) (*answer, error) {
	req.Header.Set("Accept", "application/json")
	resp, err := p.cfg.HTTPClient.Do(req)
	if err != nil {
		return nil, &TemporaryError{Op: op, Err: withoutURL(err), unsent: neverSent(err)}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxDocument+1))
	if err != nil {
		return nil, &TemporaryError{Op: op, Status: resp.StatusCode, Err: withoutURL(err)}
	}
	if len(body) > maxDocument {
		return nil, &ProtocolError{Op: op, Status: resp.StatusCode, Description: fmt.Sprintf("the answer is longer than %d bytes", maxDocument)}
	}
	if resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusRequestTimeout {
		return nil, &TemporaryError{Op: op, Status: resp.StatusCode, RetryAfter: p.retryAfter(resp.Header.Get("Retry-After"))}
	}
	return &answer{resp.StatusCode, resp.Header, body}, nil
}

// neverSent tells of errors that come before the first byte of a request: no
// connection, or a server that could not show who it is.
func neverSent(err error) bool {
	if n, ok := errors.AsType[*net.OpError](err); ok && (n.Op == "dial" || n.Op == "proxyconnect") {
		return true
	}
	_, ok := errors.AsType[*tls.CertificateVerificationError](err)
	return ok
}

// mayHaveActed tells whether the server may have done what a request asked for
// although it failed with err: every failure but those before the request was
// sent, and refusals.
func mayHaveActed(err error) bool {
	if e, ok := errors.AsType[*TemporaryError](err); ok {
		return !e.unsent && e.Status != http.StatusTooManyRequests
	}
	if e, ok := errors.AsType[*ProtocolError](err); ok {
		return e.Status < 300 // it was done, and the answer cannot be read
	}
	return false
}

// withoutURL drops the URL of a failed request: its query may hold what belongs
// into no log.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// retryAfter reads seconds or a date (RFC 9110 §10.2.3), an hour at most.
func (p *Provider) retryAfter(value string) time.Duration {
	d := time.Duration(0)
	if n, err := strconv.Atoi(value); err == nil {
		d = time.Duration(min(n, 3600)) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		d = at.Sub(p.cfg.Clock())
	}
	return min(max(d, 0), time.Hour)
}

func (p *Provider) getJSON(ctx context.Context, op, target string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", op, withoutURL(err))
	}
	a, err := p.do(op, req)
	if err != nil {
		return err
	}
	return a.decode(op, into)
}

// post sends a form as this client: by HTTP Basic with a secret (RFC 6749
// §2.3.1: both parts form-encoded), by client_id alone without.
func (p *Provider) post(ctx context.Context, op, target string, form url.Values) (*answer, error) {
	if p.cfg.ClientSecret == "" {
		form.Set("client_id", p.cfg.ClientID)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, withoutURL(err))
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if p.cfg.ClientSecret != "" {
		req.SetBasicAuth(url.QueryEscape(p.cfg.ClientID), url.QueryEscape(p.cfg.ClientSecret))
	}
	return p.do(op, req)
}

// decode reads a 200 into a value; another status is a *ProtocolError.
func (a *answer) decode(op string, into any) error {
	if a.status != http.StatusOK {
		return a.failure(op)
	}
	if err := json.Unmarshal(a.body, into); err != nil {
		return &ProtocolError{Op: op, Status: a.status, Description: "the answer is not the JSON it should be"}
	}
	return nil
}

// failure makes an error of a refusal: OAuth's members, or admin REST's.
func (a *answer) failure(op string) *ProtocolError {
	var said struct {
		Error            string `json:"error"`
		ErrorDescription string `json:"error_description"`
		ErrorMessage     string `json:"errorMessage"`
	}
	_ = json.Unmarshal(a.body, &said) // an answer without them has a status at least
	description := said.ErrorDescription
	if description == "" {
		description = said.ErrorMessage
	}
	return &ProtocolError{Op: op, Status: a.status, Code: clip(said.Error), Description: clip(description)}
}

// clip keeps a stranger's text short enough for a log line.
func clip(s string) string {
	const most = 300
	if len(s) > most {
		s = s[:most] + "…"
	}
	return s
}
