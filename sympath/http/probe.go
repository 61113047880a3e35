package http

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/symres/symres/sympath"
)

// Answer is what a server said to [Client.Probe].
type Answer struct {
	Code    int  // HTTP status code
	TwoTier bool // the store has index2.txt
	Elapsed time.Duration
}

// String returns the answer in words.
func (a Answer) String() string {
	text := fmt.Sprintf("%d %s", a.Code, http.StatusText(a.Code))
	switch {
	case a.TwoTier:
		return text + ", two tiers"
	case a.Code == http.StatusNotFound || a.Code == http.StatusGone:
		return text + ", one tier"
	}
	return text
}

// Probe asks a server once for the smallest file a symbol store can have,
// index2.txt, which is also what the first search of a store asks for. Both
// "found" and "not found" are good answers. The request is not repeated. The
// error is a [*StatusError] for any other status, [ErrNotSymbols] for a web
// page, or the error of the connection.
func (c *Client) Probe(ctx context.Context, e sympath.Element) (Answer, error) {
	s, err := c.server(e)
	if err != nil {
		return Answer{}, err
	}
	start := time.Now()
	resp, err := s.get(ctx, s.url("index2.txt"), nil)
	if err != nil {
		return Answer{Elapsed: time.Since(start)}, err
	}
	defer resp.close()
	a := Answer{Code: resp.StatusCode, Elapsed: time.Since(start)}
	if a.Code != http.StatusOK {
		if err := statusError(resp.Response, time.Now()); !isGone(err) {
			return a, err
		}
		return a, nil
	}
	head := make([]byte, sniffLen)
	n, _ := io.ReadFull(resp.body, head)
	if page(head[:n]) || isPage(resp.Response) && !plainText(head[:n]) {
		return a, errPage
	}
	a.TwoTier = true
	return a, nil
}
