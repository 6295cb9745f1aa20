package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Callbacks posts forms to addresses that administrators gave for clients. They
// may lie in the operator's own network, as logout addresses often do; what
// comes back is not shown to anybody, so that a wrong address reads nothing.
// Redirects are not followed, and of the answer only the status counts.
//
// The zero value serves; Wait before the process ends.
type Callbacks struct {
	Timeout time.Duration // of one post; 0: CallbackTimeout

	once    sync.Once
	client  *http.Client
	slots   chan struct{}
	running sync.WaitGroup
}

const (
	// CallbackTimeout is how long a client may take to answer a post.
	CallbackTimeout = 5 * time.Second
	// callbackSlots is how many posts are under way at one time; the wait for
	// one counts against the post's own time.
	callbackSlots = 32
	// callbackAnswer is how much of an answer is read, so that the connection
	// can be used again.
	callbackAnswer = 4 << 10
)

var errNotWeb = errors.New("address is neither http nor https")

func (c *Callbacks) prepare() {
	c.slots = make(chan struct{}, callbackSlots)
	c.client = &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 2, IdleConnTimeout: 30 * time.Second,
			TLSHandshakeTimeout: CallbackTimeout, MaxResponseHeaderBytes: 32 << 10, ForceAttemptHTTP2: true,
		},
	}
}

// Go runs posts beside the request that causes them, and waits for it no longer
// than patience, so that a client that does not answer costs the caller little.
// ctx gives values alone: run goes on when the request is over, until Wait.
func (c *Callbacks) Go(ctx context.Context, patience time.Duration, run func(ctx context.Context)) {
	done := make(chan struct{})
	c.running.Go(func() {
		defer close(done)
		run(context.WithoutCancel(ctx))
	})
	wait := time.NewTimer(patience)
	defer wait.Stop()
	select {
	case <-done:
	case <-wait.C:
	case <-ctx.Done():
	}
}

// Wait returns when no post is under way any more, or ctx ends.
func (c *Callbacks) Wait(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		c.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Post sends a form; a status of 200 to 299 is success. The error names no part
// of the address but its host.
func (c *Callbacks) Post(ctx context.Context, address string, form url.Values) error {
	c.once.Do(c.prepare)
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errNotWeb
	}
	timeout := c.Timeout
	if timeout == 0 {
		timeout = CallbackTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return fmt.Errorf("post to %s: too many under way: %w", u.Host, ctx.Err())
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return errNotWeb
	}
	req.Header.Set("Content-Type", TypeForm)
	req.Header.Set("User-Agent", "Latchkey")
	res, err := c.client.Do(req)
	if err != nil {
		var inner *url.Error
		if errors.As(err, &inner) {
			err = inner.Err
		}
		return fmt.Errorf("post to %s: %w", u.Host, err)
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, callbackAnswer) // what it says does not matter
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return fmt.Errorf("post to %s: status %d", u.Host, res.StatusCode)
	}
	return nil
}
