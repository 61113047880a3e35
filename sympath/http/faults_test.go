package http_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/symres/symres/sympath"
	symhttp "github.com/symres/symres/sympath/http"
)

func TestFault_hangsBeforeHeaders(t *testing.T) {
	hang := func(_ int, _ *http.Request, w net.Conn) bool { return stall(w) }
	bubble(t, hang, symhttp.Config{}, func(t *testing.T, f *faulty, r result) {
		wantErr(t, r, symhttp.ErrNoAnswer)
		// 3 tries of 10 s and two waits, 0.5 and 1 s give or take a half.
		if r.took < 30*time.Second || r.took > 33*time.Second || f.count("") != 3 {
			t.Errorf("gave up after %v and %d requests, want 3 tries of 10 s", r.took, f.count(""))
		}
	})
}

func TestFault_hangsMidBody(t *testing.T) {
	want := symbol(t)
	half := len(want.data) / 2
	bubble(t, after(func(n int, r *http.Request, w net.Conn) bool {
		if n > 0 {
			return ranged(t, w, r, want.data)
		}
		fmt.Fprintf(w, "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: %d\r\n\r\n%s", len(want.data), want.data[:half])
		return stall(w)
	}), symhttp.Config{}, func(t *testing.T, f *faulty, r result) {
		if !r.found || r.took < 15*time.Second || r.took > 17*time.Second {
			t.Errorf("found %v after %v (%v), want it resumed after 15 s", r.found, r.took, r.last())
		}
		h := f.header(2)
		if got := h.Get("Range"); got != fmt.Sprintf("bytes=%d-", half) || h.Get("If-Range") != `"v1"` {
			t.Errorf("Range %q, If-Range %q: want to go on at byte %d", got, h.Get("If-Range"), half)
		}
		if r.kinds(sympath.EventRetry) != 1 {
			t.Errorf("%d retries told, want 1", r.kinds(sympath.EventRetry))
		}
	})
}

// ranged serves the rest of a file as it is asked for.
func ranged(t *testing.T, w net.Conn, r *http.Request, data []byte) bool {
	var from int
	if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err != nil {
		return reply(w, "200 OK", "ETag: \"v1\"\r\n", string(data))
	}
	return reply(w, "206 Partial Content", fmt.Sprintf("Content-Range: bytes %d-%d/%d\r\n", from, len(data)-1, len(data)), string(data[from:]))
}

func TestFault_trickle(t *testing.T) {
	want := symbol(t)
	bubble(t, after(func(_ int, _ *http.Request, w net.Conn) bool {
		fmt.Fprintf(w, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(want.data), want.data[:64])
		for i := 64; ; i++ {
			time.Sleep(time.Second)
			if _, err := w.Write(want.data[i : i+1]); err != nil {
				return false
			}
		}
	}), symhttp.Config{Tries: 1}, func(t *testing.T, f *faulty, r result) {
		wantErr(t, r, symhttp.ErrTooSlow)
		if r.took < 30*time.Second || r.took > 32*time.Second {
			t.Errorf("gave up after %v, want 30 s", r.took)
		}
	})
}

// A large file over a slow line takes as long as it takes.
func TestFault_slowButSteady(t *testing.T) {
	want := symbol(t)
	const piece = 2048
	bubble(t, after(func(_ int, _ *http.Request, w net.Conn) bool {
		fmt.Fprintf(w, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(want.data))
		for rest := want.data; len(rest) > 0; rest = rest[min(piece, len(rest)):] {
			time.Sleep(14 * time.Second / 10)
			if _, err := w.Write(rest[:min(piece, len(rest))]); err != nil {
				return false
			}
		}
		return true
	}), symhttp.Config{}, func(t *testing.T, f *faulty, r result) {
		if !r.found || r.took < time.Duration(len(want.data)/piece)*time.Second || f.count("") != 2 {
			t.Errorf("found %v after %v and %d requests (%v)", r.found, r.took, f.count(""), r.last())
		}
	})
}

func TestFault_statuses(t *testing.T) {
	for _, c := range []struct {
		status, header string
		body           string
		requests       int // for the file itself
		want           error
		least, most    time.Duration
	}{
		{"404 Not Found", "", "", 1, nil, 0, 0},
		{"410 Gone", "", "", 1, nil, 0, 0},
		{"401 Unauthorized", "", "", 1, symhttp.ErrPermission, 0, 0},
		{"403 Forbidden", "", "", 1, symhttp.ErrPermission, 0, 0},
		{"500 Internal Server Error", "", "", 3, symhttp.ErrUnavailable, time.Second / 2, 3 * time.Second},
		{"502 Bad Gateway", "", "", 3, symhttp.ErrUnavailable, time.Second / 2, 3 * time.Second},
		{"504 Gateway Timeout", "", "", 3, symhttp.ErrUnavailable, time.Second / 2, 3 * time.Second},
		{"503 Service Unavailable", "Retry-After: 7\r\n", "", 3, symhttp.ErrUnavailable, 14 * time.Second, 16 * time.Second},
		{"429 Too Many Requests", "Retry-After: 31\r\n", "", 1, symhttp.ErrUnavailable, 0, 0},
		{"429 Too Many Requests", "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\n", "", 1, symhttp.ErrUnavailable, 0, 0},
		{"429 Too Many Requests", "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n", "", 3, symhttp.ErrUnavailable, time.Second / 2, 3 * time.Second},
		{"429 Too Many Requests", "Retry-After: soon\r\n", "", 3, symhttp.ErrUnavailable, time.Second / 2, 3 * time.Second},
		// A bubble's clock starts at midnight UTC 2000-01-01.
		{"503 Service Unavailable", "Retry-After: Sat, 01 Jan 2000 00:00:20 GMT\r\n", "", 3, symhttp.ErrUnavailable, 20 * time.Second, 26 * time.Second},
		{"203 Non-Authoritative Information", "", "Microsoft C/C++ MSF 7.00", 1, symhttp.ErrStatus, 0, 0},
		{"206 Partial Content", "", "Microsoft C/C++ MSF 7.00", 1, symhttp.ErrStatus, 0, 0},
		{"200 OK", "", "", 1, symhttp.ErrEmpty, 0, 0},
		{"200 OK", "", "<!DOCTYPE html><title>Sign in</title>", 1, symhttp.ErrNotSymbols, 0, 0},
		{"200 OK", "Content-Type: text/html; charset=utf-8\r\n", "Microsoft C/C++ MSF 7.00 it is not", 1, sympath.ErrMismatch, 0, 0},
		{"200 OK", "", "\xef\xbb\xbf\r\n <html>", 1, symhttp.ErrNotSymbols, 0, 0},
		{"200 OK", "", strings.Repeat("no PDB ", 1000), 1, symhttp.ErrNotSymbols, 0, 0},
		{"200 OK", "Content-Encoding: br\r\n", "Microsoft C/C++ MSF 7.00", 1, symhttp.ErrStatus, 0, 0},
	} {
		t.Run(c.status+" "+strings.TrimSpace(c.header), func(t *testing.T) {
			path := "/base" + symbol(t).path
			bubble(t, after(func(_ int, _ *http.Request, w net.Conn) bool {
				return reply(w, c.status, c.header, c.body)
			}), symhttp.Config{}, func(t *testing.T, f *faulty, r result) {
				if f.count(path) != c.requests {
					t.Errorf("%d requests, want %d", f.count(path), c.requests)
				}
				if r.took < c.least || r.took > c.most {
					t.Errorf("took %v, want %v to %v", r.took, c.least, c.most)
				}
				if first := r.attempts[0]; r.found || !errors.Is(first.Err, c.want) || (c.want == nil) != (first.Status == sympath.StatusNotFound) {
					t.Errorf("found %v, %v; want %v", r.found, first, c.want)
				}
			})
		})
	}
}

func TestFault_lengths(t *testing.T) {
	want := symbol(t)
	for name, answer := range map[string]string{
		"short body":      fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(want.data)+10, want.data),
		"chunked, cut":    fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(want.data), want.data),
		"length is a lie": fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(want.data)-100, want.data),
		"closed early":    fmt.Sprintf("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n%s", want.data[:len(want.data)-100]),
		"bad gzip sum":    encoded(damaged(zipped(want.data))),
		"cut gzip":        encoded(zipped(want.data)[:200]),
		"reset":           "HTTP/1.1 200",
		"no HTTP":         "220 smtp.example.com\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, after(func(_ int, _ *http.Request, w net.Conn) bool {
				w.Write([]byte(answer))
				return false
			}), symhttp.Config{Tries: 2}, func(t *testing.T, f *faulty, r result) {
				if r.found {
					t.Error("served")
				}
				if a := r.last(); a.Status != sympath.StatusError && a.Status != sympath.StatusRefused || a.Err == nil {
					t.Errorf("%v", a)
				}
			})
		})
	}
}

func zipped(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

func damaged(b []byte) []byte {
	b[len(b)-6] ^= 1
	return b
}

func encoded(b []byte) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", len(b), b)
}

func TestFault_good(t *testing.T) {
	want := symbol(t)
	for name, answer := range map[string]string{
		"length":                     fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(want.data), want.data),
		"chunked":                    fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(want.data), want.data),
		"no length":                  fmt.Sprintf("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n%s", want.data),
		"gzip coding, not asked for": encoded(zipped(want.data)),
		"gzip file":                  fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(zipped(want.data)), zipped(want.data)),
		"1xx first":                  fmt.Sprintf("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(want.data), want.data),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, after(func(_ int, _ *http.Request, w net.Conn) bool {
				w.Write([]byte(answer))
				return false
			}), symhttp.Config{}, func(t *testing.T, f *faulty, r result) {
				if !r.found || f.count("") != 2 {
					t.Errorf("found %v with %d requests: %v", r.found, f.count(""), r.last())
				}
			})
		})
	}
}

// A transfer that is cut again and again but gets on is not given up.
func TestFault_cutManyTimes(t *testing.T) {
	// Refused in the end, as another file: what counts is how it came.
	data := bytes.Repeat(sampleOf(t, "fs_rec/x86/good/fs_rec.pdb").data, 100)
	const piece = 64 << 10
	bubble(t, after(func(_ int, r *http.Request, w net.Conn) bool {
		var from int
		fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from)
		status, extra := "200 OK", ""
		if from > 0 {
			status, extra = "206 Partial Content", fmt.Sprintf("Content-Range: bytes %d-%d/%d\r\n", from, len(data)-1, len(data))
		}
		fmt.Fprintf(w, "HTTP/1.1 %s\r\nETag: \"v1\"\r\n%sContent-Length: %d\r\n\r\n", status, extra, len(data)-from)
		w.Write(data[from:min(from+piece, len(data))])
		return false
	}), symhttp.Config{}, func(t *testing.T, f *faulty, r result) {
		if want := (len(data) + piece - 1) / piece; f.count("") != want+1 {
			t.Errorf("%d requests, want %d pieces", f.count(""), want)
		}
		if r.last().Status != sympath.StatusRefused {
			t.Errorf("%v", r.last())
		}
	})
}

// The file may change between two requests: then it starts again.
func TestFault_changedWhileResuming(t *testing.T) {
	want := symbol(t)
	for name, second := range map[string]func(w net.Conn) bool{
		"whole file": func(w net.Conn) bool { return reply(w, "200 OK", "ETag: \"v2\"\r\n", string(want.data)) },
		"wrong part": func(w net.Conn) bool {
			return reply(w, "206 Partial Content", "Content-Range: bytes 0-4/5\r\n", "12345")
		},
		"other total": func(w net.Conn) bool {
			return reply(w, "206 Partial Content", "Content-Range: bytes 1000-1004/1005\r\n", "12345")
		},
		"shorter": func(w net.Conn) bool { return reply(w, "416 Range Not Satisfiable", "", "") },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, after(func(n int, r *http.Request, w net.Conn) bool {
				switch n {
				case 0:
					fmt.Fprintf(w, "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: %d\r\n\r\n%s", 5000, strings.Repeat("Microsoft C/C++ MSF 7.00", 200)[:1000])
					return false
				case 1:
					return second(w)
				}
				return reply(w, "200 OK", "ETag: \"v2\"\r\n", string(want.data))
			}), symhttp.Config{}, func(t *testing.T, f *faulty, r result) {
				if !r.found {
					t.Errorf("not found: %v", r.last())
				}
			})
		})
	}
}

// Without a validator nothing says that it is still the same file.
func TestFault_noResumeWithoutValidator(t *testing.T) {
	want := symbol(t)
	bubble(t, after(func(n int, r *http.Request, w net.Conn) bool {
		if n == 0 {
			fmt.Fprintf(w, "HTTP/1.1 200 OK\r\nETag: W/\"weak\"\r\nContent-Length: %d\r\n\r\n%s", len(want.data), want.data[:1000])
			return false
		}
		return reply(w, "200 OK", "", string(want.data))
	}), symhttp.Config{}, func(t *testing.T, f *faulty, r result) {
		if h := f.header(2); !r.found || h.Get("Range") != "" {
			t.Errorf("found %v, Range %q", r.found, h.Get("Range"))
		}
	})
}

// A megabyte of headers is enough, be it in one answer or in those that only
// announce one.
func TestFault_headerFlood(t *testing.T) {
	for name, flood := range map[string]struct{ first, line string }{
		"headers":       {"HTTP/1.1 200 OK\r\n", "X-Flood: 1234567890\r\n"},
		"informational": {"", "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { headerFlood(t, flood.first, flood.line) })
		})
	}
}

func headerFlood(t *testing.T, first, line string) {
	var wrote atomic.Int64
	f := &faulty{script: func(_ int, _ *http.Request, w net.Conn) bool {
		w.Write([]byte(first))
		for lines := []byte(strings.Repeat(line, 1000)); ; wrote.Add(int64(len(lines))) {
			if _, err := w.Write(lines); err != nil {
				return false
			}
		}
	}}
	transport := &http.Transport{DialContext: f.dial, MaxResponseHeaderBytes: 1 << 20}
	defer transport.CloseIdleConnections()
	c, err := symhttp.New(symhttp.Config{Client: &http.Client{Transport: transport}, Tries: 1})
	if err != nil {
		t.Fatal(err)
	}
	if r := run(t, open(t, c, "http://symbols.test"), symbol(t).query); r.found || wrote.Load() > 2<<20 {
		t.Errorf("found %v after %d bytes of headers", r.found, wrote.Load())
	}
}

func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &faulty{script: func(_ int, _ *http.Request, w net.Conn) bool { return false }}
		store := open(t, f.client(t, symhttp.Config{}), "http://symbols.test")
		q := symbol(t).query
		for range 20 {
			run(t, store, q)
		}
		if n := f.count(""); n != 5 {
			t.Errorf("%d requests to a dead host, want 5", n)
		}
		if r := run(t, store, q); !errors.Is(r.last().Err, symhttp.ErrHostPaused) || r.took != 0 {
			t.Errorf("%v after %v, want ErrHostPaused at once", r.last(), r.took)
		}
		time.Sleep(time.Minute)
		if run(t, store, q); f.count("") != 6 {
			t.Errorf("%d requests, want one more after the pause", f.count("")-5)
		}
	})
}

func TestCanceled(t *testing.T) {
	want := symbol(t)
	for point := range 50 {
		synctest.Test(t, func(t *testing.T) {
			f := &faulty{script: after(func(_ int, _ *http.Request, w net.Conn) bool {
				time.Sleep(time.Second)
				fmt.Fprintf(w, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(want.data))
				for i := range 10 {
					time.Sleep(time.Second)
					if _, err := w.Write(want.data[len(want.data)*i/10 : len(want.data)*(i+1)/10]); err != nil {
						return false
					}
				}
				return true
			})}
			ctx, cancel := context.WithTimeout(context.Background(), time.Duration(point)*11*time.Second/50+time.Millisecond)
			defer cancel()
			store := open(t, f.client(t, symhttp.Config{}), "http://symbols.test")
			start := time.Now()
			deadline, _ := ctx.Deadline()
			r := runContext(t, ctx, store, want.query)
			if late := time.Since(deadline); r.found || !errors.Is(r.err, context.DeadlineExceeded) || late > 100*time.Millisecond {
				t.Errorf("after %v: found %v, %v, late by %v", time.Since(start), r.found, r.err, late)
			}
			f.stop()
		})
	}
}
