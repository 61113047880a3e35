package smb_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/symres/symres/internal/smbd"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/sympath/smb"
)

const signedSym = `srv*\\myserver\signed\sym`

// accept verifies nothing but that a file came whole, so that caches are filled.
func accept(want []byte) func(sympath.Query, io.ReaderAt, int64) (sympath.ID, error) {
	return func(q sympath.Query, r io.ReaderAt, size int64) (sympath.ID, error) {
		data := make([]byte, size)
		if _, err := r.ReadAt(data, 0); err != nil && err != io.EOF {
			return sympath.ID{}, err
		}
		if !bytes.Equal(data, want) {
			return sympath.ID{}, errors.New("damaged")
		}
		return q.ID, nil
	}
}

// cutting is a connection that is cut after so many bytes.
type cutting struct {
	net.Conn
	left atomic.Int64
}

func (c *cutting) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.left.Add(int64(-n)) < 0 {
		c.Conn.Close()
		return 0, errors.New("cut")
	}
	return n, err
}

// A transfer whose connection is cut goes on over another; the file is opened
// again and nothing is read twice but what was under way.
func TestFault_cut(t *testing.T) {
	s := smbd.Start(t, smbd.Options{})
	want := content(8 << 20)
	s.Write(t, "signed/sym/f.pdb/A00000011/f.pdb", want)
	d := &dialer{server: s}
	d.wrap = func(c net.Conn) net.Conn {
		cut := &cutting{Conn: &counted{c, &d.read}}
		cut.left.Store(3 << 20)
		return cut
	}
	c := client(t, s, smb.Config{Credentials: password, Dial: d.Dial})
	dir := t.TempDir()
	got, attempts, err := find(context.Background(), c, "srv*"+dir+`*\\myserver\signed\sym`, key(1), sympath.Options{Verify: accept(want)})
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes, %v: %v", len(got), err, attempts)
	}
	if n := d.read.Load(); n > int64(len(want))+1<<20 {
		t.Errorf("%d bytes came for a file of %d", n, len(want))
	}
	if _, err := os.Stat(filepath.Join(dir, "f.pdb/A00000011/f.pdb")); err != nil {
		t.Error(err)
	}
}

// A server that dies is a miss with a reason, at once, and the next store is
// asked; the cache is left as it was.
func TestFault_serverVanishes(t *testing.T) {
	s := smbd.Start(t, smbd.Options{})
	want := content(4 << 20)
	s.Write(t, "signed/sym/f.pdb/A00000011/f.pdb", want)
	next := t.TempDir()
	os.MkdirAll(filepath.Join(next, "f.pdb/A00000011"), 0o755)
	if err := os.WriteFile(filepath.Join(next, "f.pdb/A00000011/f.pdb"), want, 0o644); err != nil {
		t.Fatal(err)
	}
	d := &dialer{server: s}
	d.wrap = func(c net.Conn) net.Conn { return &killing{Conn: c, server: s, after: 1 << 20} }
	c := client(t, s, smb.Config{Credentials: password, Dial: d.Dial, Pause: time.Hour})
	cache := t.TempDir()
	path := "srv*" + cache + `*\\myserver\signed\sym;srv*` + next
	got, attempts, err := find(context.Background(), c, path, key(1), sympath.Options{Verify: accept(want)})
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v: %v", len(got), err, attempts)
	}
	if why(attempts) == nil {
		t.Errorf("no reason in %v", attempts)
	}
	for _, dir := range []string{"f.pdb", ".symres/tmp"} {
		if left, _ := os.ReadDir(filepath.Join(cache, dir)); len(left) > 0 {
			t.Errorf("left in the cache: %v", left)
		}
	}
	before := d.count()["myserver:445"]
	find(context.Background(), c, path, key(2), sympath.Options{})
	if after := d.count()["myserver:445"]; after != before {
		t.Errorf("a server that is down was dialed %d times more", after-before)
	}
}

// killing kills the server when so many bytes have come.
type killing struct {
	net.Conn
	server *smbd.Server
	after  int
}

func (k *killing) Read(p []byte) (int, error) {
	n, err := k.Conn.Read(p)
	if k.after -= n; k.after < 0 {
		k.server.Kill()
	}
	return n, err
}

// A server that freezes holds a search up to its deadline, and an open file up
// to the time limit; nothing of the connection is left then.
func TestFault_serverFreezes(t *testing.T) {
	s := smbd.Start(t, smbd.Options{})
	want := content(1 << 20)
	s.Write(t, "signed/sym/f.pdb/A00000011/f.pdb", want)
	c := client(t, s, smb.Config{Credentials: password, Pause: time.Nanosecond})
	p, err := sympath.Parse(signedSym)
	if err != nil {
		t.Fatal(err)
	}
	var f sympath.File
	for cand, err := range p.Store(sympath.Options{UNC: c.Store}).Find(context.Background(), key(1)) {
		if err == nil {
			f, err = cand.Open(context.Background())
		}
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	defer f.Close()
	before := runtime.NumGoroutine()
	smb.SetTimeouts(c, 500*time.Millisecond)
	s.Freeze()
	defer s.Thaw()
	if _, err := f.ReadAt(make([]byte, 100), 0); !errors.Is(err, smb.ErrNoAnswer) {
		t.Errorf("reading: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if _, _, err := find(ctx, c, signedSym, key(1), sympath.Options{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("searching: %v", err)
	}
	for try := 0; runtime.NumGoroutine() > before && try < 6000; try++ { // they end at once, but not before they run
		time.Sleep(10 * time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines before, %d after", before, n)
	}
	smb.SetTimeouts(c, time.Minute)
	s.Thaw()
	buf := make([]byte, 100)
	if _, err := f.ReadAt(buf, 1000); err != nil || !bytes.Equal(buf, want[1000:1100]) {
		t.Errorf("after it went on: %v", err)
	}
}

// A file that is not the same when its connection is made anew is not read on.
func TestFault_changed(t *testing.T) {
	s := smbd.Start(t, smbd.Options{})
	s.Write(t, "signed/sym/f.pdb/A00000011/f.pdb", content(1<<20))
	d := &dialer{server: s}
	var last net.Conn
	d.wrap = func(c net.Conn) net.Conn { last = c; return c }
	c := client(t, s, smb.Config{Credentials: password, Dial: d.Dial})
	p, _ := sympath.Parse(signedSym)
	for cand, err := range p.Store(sympath.Options{UNC: c.Store}).Find(context.Background(), key(1)) {
		if err != nil {
			t.Fatal(err)
		}
		f, err := cand.Open(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		s.Write(t, "signed/sym/f.pdb/A00000011/f.pdb", content(1000))
		last.Close()
		if _, err := f.ReadAt(make([]byte, 100), 0); !errors.Is(err, smb.ErrChanged) {
			t.Errorf("reading: %v", err)
		}
		f.Close()
		break
	}
}

// mute is a connection that takes nothing any more once it is told so, and
// whose reader does not notice.
type mute struct {
	net.Conn
	told atomic.Bool
}

func (m *mute) Write(p []byte) (int, error) {
	if m.told.Load() {
		return 0, errors.New("broken pipe")
	}
	return m.Conn.Write(p)
}

// A connection that cannot be written to is given up for another.
func TestFault_brokenWrite(t *testing.T) {
	s := smbd.Start(t, smbd.Options{})
	want := content(1 << 20)
	s.Write(t, "signed/sym/f.pdb/A00000011/f.pdb", want)
	d := &dialer{server: s}
	var last *mute
	d.wrap = func(c net.Conn) net.Conn { last = &mute{Conn: c}; return last }
	c := client(t, s, smb.Config{Credentials: password, Dial: d.Dial})
	for range 3 {
		if got, attempts, err := find(context.Background(), c, signedSym, key(1), sympath.Options{}); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d bytes, %v: %v", len(got), err, attempts)
		}
		last.told.Store(true)
	}
	if n := d.count()["myserver:445"]; n != 3 {
		t.Errorf("%d connections, want another each time", n)
	}
}

// Who gives up takes the connection along, and those who share it go on over
// another.
func TestFault_othersGoOn(t *testing.T) {
	s := smbd.Start(t, smbd.Options{})
	want := content(4 << 20)
	s.Write(t, "signed/sym/f.pdb/A00000011/f.pdb", want)
	c := client(t, s, smb.Config{Credentials: password})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 10 {
			ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i)*time.Millisecond)
			find(ctx, c, signedSym, key(2), sympath.Options{})
			cancel()
		}
	}()
	for range 5 {
		if got, attempts, err := find(context.Background(), c, signedSym, key(1), sympath.Options{}); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes, %v: %v", len(got), err, attempts)
		}
	}
	<-done
}

// A server that takes the connection and says nothing costs the connect
// timeout, by a clock that is not the machine's.
func TestFault_blackHole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		go io.Copy(io.Discard, there)
		c, err := smb.New(smb.Config{Guest: true, Dial: func(context.Context, string, string) (net.Conn, error) { return here, nil }})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, attempts, _ := find(context.Background(), c, `srv*\\myserver\guest`, key(1), sympath.Options{})
		if took := time.Since(start); took != 10*time.Second || !errors.Is(why(attempts), smb.ErrNoAnswer) {
			t.Errorf("%v after %v", attempts, took)
		}
		_, attempts, _ = find(context.Background(), c, `srv*\\myserver\other`, key(1), sympath.Options{})
		if took := time.Since(start); took != 10*time.Second || len(attempts) != 1 {
			t.Errorf("the second time: %v after %v", attempts, took)
		}
		c.Close()
		there.Close()
		synctest.Wait()
	})
}

func TestOffline(t *testing.T) {
	d := &dialer{}
	c := client(t, nil, smb.Config{Guest: true, Dial: d.Dial})
	_, attempts, _ := find(context.Background(), c, `srv*\\myserver\guest;\\myserver\other`, key(1), sympath.Options{Offline: true})
	if len(attempts) != 2 || attempts[0].Status != sympath.StatusOffline || len(d.count()) != 0 {
		t.Errorf("%v, connections %v", attempts, d.count())
	}
}

// No name a search can be given makes a connection to another host, or a
// request outside the directory in the path.
func TestHostileNames(t *testing.T) {
	s := smbd.Start(t, smbd.Options{})
	s.Write(t, "guest/sym/pingme.txt", nil)
	s.Write(t, "guest/secret.pdb", content(10))
	d := &dialer{server: s}
	c := client(t, s, smb.Config{Guest: true, Dial: d.Dial})
	for _, name := range []string{
		`\\evil.test\share\f.pdb`, `..\secret.pdb`, `../secret.pdb`, `\\?\UNC\evil.test\s\f.pdb`, `//evil.test/s/f.pdb`, `C:\f.pdb`,
		`\??\UNC\evil.test\s\f.pdb`, `\Device\Mup\evil.test\s\f.pdb`, `f.pdb:stream`, `f*.pdb`, `\\evil.test@80\dav\f.pdb`, `..`, `f.pdb\..\..\secret.pdb`,
		`smb://evil.test/s/f.pdb`, `file.ptr`, `..\..\secret.pdb`, "secret.pdb\x00.pdb",
	} {
		for _, id := range []sympath.ID{key(1).ID, {}} {
			got, attempts, err := find(context.Background(), c, `srv*\\myserver\guest\sym;\\myserver\guest\sym`, sympath.Query{File: name, ID: id}, sympath.Options{})
			if err == nil {
				t.Errorf("%q: found %d bytes: %v", name, len(got), attempts)
			}
			for _, a := range attempts {
				if !strings.HasPrefix(a.Location, `\\myserver\guest\sym\`) || strings.Contains(a.Location, "..") {
					t.Errorf("%q: looked at %s", name, a.Location)
				}
			}
		}
	}
	if n := d.count(); len(n) != 1 || n["myserver:445"] == 0 {
		t.Errorf("connections %v", n)
	}
}
