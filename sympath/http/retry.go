package http

import (
	"context"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// newBackOff waits 0.5, 1, 2, 4, 8 s, each give or take a half.
func newBackOff() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.Multiplier, b.MaxInterval = 500*time.Millisecond, 2, 8*time.Second
	b.Reset()
	return b
}

// retryAfter reads seconds or a date; what is past or makes no sense is 0, and
// nothing is longer than 68 years, the most that 31 bits of seconds are.
func retryAfter(s string, now time.Time) time.Duration {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(s); err == nil && t.After(now) {
		return min(t.Sub(now), math.MaxInt32*time.Second)
	}
	return 0
}

// jitter adds up to a tenth, so that those who were sent away together do not
// come back together.
func jitter(d time.Duration) time.Duration { return d + rand.N(d/10+time.Millisecond) }

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
