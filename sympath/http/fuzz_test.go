package http

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/symres/symres/sympath"
	"github.com/symres/symres/sympath/creds"
)

// FuzzContentRange: what is read of a Content-Range is what the header says,
// digit for digit, and a range lies in its file.
func FuzzContentRange(f *testing.F) {
	for _, s := range []string{"bytes 5-9/10", "bytes 0-0/1", "bytes 0-9/*", "bytes */10", "bytes 9-5/10", "bytes 0-/-1", "bytes +5-9/10", "bytes 5-9/5", "5-9/10", "bytes 0-99999999999999999999/1"} {
		f.Add(s, int64(5))
	}
	f.Fuzz(func(t *testing.T, s string, length int64) {
		from, total, ok := contentRange(s)
		if ok {
			m := regexp.MustCompile(`^bytes 0*(\d+)-0*(\d+)/0*(\d+)$`).FindStringSubmatch(s)
			if m == nil || m[1] != fmt.Sprint(from) || m[3] != fmt.Sprint(total) {
				t.Fatalf("%q read as %d of %d", s, from, total)
			}
			if last, err := strconv.ParseInt(m[2], 10, 64); err != nil || last < from || last >= total {
				t.Errorf("%q read as %d of %d", s, from, total)
			}
		}
		a := &answer{Response: &http.Response{
			StatusCode: http.StatusPartialContent, ContentLength: max(length, -1), Header: http.Header{"Content-Range": {s}},
		}}
		if a.whole() && !strings.HasPrefix(s, "bytes 0-") {
			t.Errorf("%q is taken for the whole file", s)
		}
		if total > 0 && ok && length >= 0 && a.whole() && length != total {
			t.Errorf("%q with %d bytes is taken for the whole file", s, length)
		}
	})
}

// FuzzRetryAfter: a wait is never negative, seconds are those of the header,
// and a date is that far away.
func FuzzRetryAfter(f *testing.F) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, s := range []string{"0", "120", " 7 ", "-1", "1e9", "99999999999999999999", "Fri, 02 Jan 2026 03:04:06 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "4294967296"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d := retryAfter(s, now)
		word := strings.TrimSpace(s)
		n, err := strconv.ParseUint(word, 10, 31)
		date, dateErr := http.ParseTime(word)
		want := time.Duration(0)
		switch {
		case err == nil:
			want = time.Duration(n) * time.Second
		case dateErr == nil && date.After(now):
			want = min(date.Sub(now), 1<<31*time.Second-time.Second)
		}
		if d != want || d < 0 || jitter(d) < d {
			t.Errorf("%q: wait %v, then %v, want %v", s, d, jitter(d), want)
		}
	})
}

// FuzzRedirect: where a server sends us is a URL with a host, never from https
// to http, never with a user in it or to an address of a private network, and
// the request goes there and nowhere else.
func FuzzRedirect(f *testing.F) {
	for _, s := range []string{
		"https://blob.test/x?sig=1", "//blob.test/x", "/y", "http://blob.test/x", "https://u:p@blob.test", "https://127.0.0.1/", "https://localhost./",
		"https://[::ffff:10.0.0.1]/", "file:///etc/passwd", `\\evil\share`, "https:opaque", "https://0x7f000001/", "https://blob.test#f", "https://[fe80::1%25eth0]/", "ftp://h/",
	} {
		f.Add(s, true)
		f.Add(s, false)
	}
	c, err := New(Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, location string, secure bool) {
		from := &url.URL{Scheme: "http", Host: "symbols.test", Path: "/a/b"}
		if secure {
			from.Scheme = "https"
		}
		u, err := (&server{client: c}).redirect(from, location)
		if err != nil {
			return
		}
		if u.Host == "" || u.User != nil || u.Opaque != "" || u.Fragment != "" || u.Scheme != "https" && (u.Scheme != "http" || secure) {
			t.Errorf("%q leads from %s to %#v", location, from, u)
		}
		if ip, err := netip.ParseAddr(strings.TrimSuffix(u.Hostname(), ".")); err == nil && Private(ip) || strings.EqualFold(u.Hostname(), "localhost") {
			t.Errorf("%q leads to %s", location, u.Hostname())
		}
		if again, err := url.Parse(u.String()); err == nil && creds.Origin(again) != creds.Origin(u) {
			t.Errorf("%q: %s is sent to %s", location, creds.Origin(u), creds.Origin(again))
		}
	})
}

// FuzzEncodings: a body comes out as it was put in, or ends with an error; and
// what it expands to is bounded.
func FuzzEncodings(f *testing.F) {
	pack := func(w io.WriteCloser, b *bytes.Buffer) []byte {
		w.Write(bytes.Repeat([]byte("Microsoft C/C++ MSF 7.00"), 100))
		w.Close()
		return b.Bytes()
	}
	var b bytes.Buffer
	f.Add("gzip", pack(gzip.NewWriter(&b), &b))
	b = bytes.Buffer{}
	f.Add("deflate", pack(zlib.NewWriter(&b), &b))
	f.Add("gzip, gzip", []byte("x"))
	f.Add("br", []byte("x"))
	f.Add("none, utf-8", []byte("x"))
	f.Fuzz(func(t *testing.T, coding string, data []byte) {
		const most = 1 << 20
		h := http.Header{"Content-Encoding": {coding}}
		ctx, cancel := context.WithCancelCause(context.Background())
		defer cancel(nil)
		cfg := Config{ProgressTimeout: time.Minute, RateWindow: time.Hour}
		w := newWatched(ctx, cancel, io.NopCloser(bytes.NewReader(data)), &cfg)
		r, err := decoded(h, w, most)
		if err != nil {
			return
		}
		out, err := io.ReadAll(r)
		if len(codings(h)) == 0 && (err != nil || !bytes.Equal(out, data)) {
			t.Errorf("%q: %d bytes of %d, %v", coding, len(out), len(data), err)
		}
		if len(codings(h)) > 0 && len(out) > most {
			t.Errorf("%q: %d bytes", coding, len(out))
		}
	})
}

// told is a transport that answers every request for the file with one head,
// written by the fuzzer, and the bytes of the file that head speaks of; where
// it speaks of none, with all of it.
type told struct {
	code     int
	header   http.Header
	file     []byte
	requests int
}

func (a *told) RoundTrip(r *http.Request) (*http.Response, error) {
	a.requests++
	resp := &http.Response{StatusCode: http.StatusNotFound, Request: r, Header: http.Header{}, Body: http.NoBody, ContentLength: 0}
	if !strings.HasSuffix(r.URL.Path, ".pdb") {
		return resp, nil
	}
	body := a.file
	if from, _, ok := contentRange(a.header.Get("Content-Range")); ok && from < int64(len(body)) {
		body = body[from:]
	} else if r.Header.Get("Range") != "" {
		body = body[min(len(body), 40):]
	}
	resp.StatusCode, resp.Header, resp.Body, resp.ContentLength = a.code, a.header, io.NopCloser(bytes.NewReader(body)), -1
	if n, err := strconv.ParseInt(a.header.Get("Content-Length"), 10, 64); err == nil && n >= 0 {
		resp.ContentLength = n
	}
	return resp, nil
}

// FuzzAnswer: whatever the head of an answer says, a search ends after a few
// requests, with an error or with the file.
func FuzzAnswer(f *testing.F) {
	f.Add(200, "Content-Length: 100")
	f.Add(206, "Content-Range: bytes 0-99/100\nContent-Length: 100")
	f.Add(206, "Content-Range: bytes 5-99/100")
	f.Add(200, "ETag: \"a\"\nContent-Length: 200\nAccept-Ranges: bytes")
	f.Add(206, "Content-Range: bytes 0-/-1")
	f.Add(503, "Retry-After: 1")
	f.Add(302, "Location: /f.pdb")
	f.Add(416, "Content-Range: bytes */100")
	f.Add(200, "Content-Encoding: gzip")
	want := append([]byte("Microsoft C/C++ MSF 7.00\r\n\x1aDS\x00\x00\x00"), bytes.Repeat([]byte("."), 68)...)
	f.Fuzz(func(t *testing.T, code int, head string) {
		a := &told{code: code, header: http.Header{}, file: want}
		for line := range strings.SplitSeq(head, "\n") {
			if name, value, ok := strings.Cut(line, ":"); ok {
				a.header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
			}
		}
		synctest.Test(t, func(t *testing.T) { // so that waiting takes no time
			got, err := fetched(t, a)
			if err == nil && !bytes.Equal(got, want) && !declared(a.header, len(got)) {
				t.Errorf("%d bytes of %d", len(got), len(want))
			}
			if a.requests > 40 {
				t.Errorf("%d requests", a.requests)
			}
		})
	})
}

// fetched is the file that a search by way of a transport comes to.
func fetched(t *testing.T, trip http.RoundTripper) ([]byte, error) {
	c, err := New(Config{Client: &http.Client{Transport: trip}, MaxWait: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	p, err := sympath.Parse("https://symbols.test/s")
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	for candidate, err := range p.Store(sympath.Options{HTTP: c.Store}).Find(t.Context(), sympath.Query{File: "f.pdb", ID: sympath.PDB20(0xA0000001, 1)}) {
		if err != nil {
			failed = err
			continue
		}
		file, err := candidate.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		return io.ReadAll(io.NewSectionReader(file, 0, file.Size()))
	}
	if failed == nil {
		t.Error("neither a file nor an error")
	}
	return nil, failed
}

// declared tells whether the head said so many bytes were all of the file.
func declared(h http.Header, n int) bool {
	return h.Get("Content-Length") == fmt.Sprint(n)
}
