//go:build linux

// Command bench compares a download into a cache with what curl and sync take
// for the same file from the same server, and writes BENCHMARKS.md. It wants
// nginx and curl, and twice the size of the file in a temporary directory. Run
// it in the folder of the package, on a quiet machine:
//
//	go run ./bench -size 1024 -pairs 5
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/symres/symres/sympath"
	symhttp "github.com/symres/symres/sympath/http"
)

func main() {
	size := flag.Int64("size", 1024, "of the file, in MB")
	pairs := flag.Int("pairs", 5, "of runs, each of curl and of ours")
	out := flag.String("o", "BENCHMARKS.md", "the file to write")
	flag.Parse()
	text, err := measure(*size<<20, *pairs)
	if err == nil {
		err = os.WriteFile(*out, []byte(text), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Print(text)
}

const conf = `daemon off; master_process off; pid DIR/pid; error_log DIR/error.log; events {}
http {
	access_log off; sendfile on; default_type application/octet-stream;
	client_body_temp_path DIR/t1; proxy_temp_path DIR/t2; fastcgi_temp_path DIR/t3; uwsgi_temp_path DIR/t4; scgi_temp_path DIR/t5;
	server { listen 127.0.0.1:PORT; location / { alias DIR/root/; } }
}
`

const file = "large.pdb/800000001/large.pdb"

type bench struct {
	dir, port string
	size      int64
}

func measure(size int64, pairs int) (string, error) {
	dir, err := os.MkdirTemp("", "sympath-bench")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	b := &bench{dir: dir, port: "18099", size: size}
	if err := b.write(); err != nil {
		return "", err
	}
	stop, err := b.serve()
	if err != nil {
		return "", err
	}
	defer stop()
	var table strings.Builder
	var ratios []float64
	var most uint64
	for i := range pairs {
		var curl, ours time.Duration
		var heap uint64
		steps := []func() error{
			func() (err error) { curl, err = b.curl(); return err },
			func() (err error) { ours, heap, err = b.ours("http://127.0.0.1:" + b.port); return err },
		}
		if i%2 == 1 {
			slices.Reverse(steps)
		}
		for _, step := range steps {
			if err := step(); err != nil {
				return "", err
			}
		}
		ratios = append(ratios, ours.Seconds()/curl.Seconds())
		most = max(most, heap)
		fmt.Fprintf(&table, "| %d | %.2f s | %.2f s | %.2f |\n", i+1, curl.Seconds(), ours.Seconds(), ratios[i])
	}
	slices.Sort(ratios)
	extra, err := b.resumed()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf(`# Measurements of sympath

Written by `+"`go run ./bench`"+`: a file of %d MB from nginx over plain HTTP on one machine of %d processors, with
curl -o f && sync f, and into a cache: hashed, verified, synced, linked. The order changes from pair to pair. How much
the times of curl differ says how quiet the machine was.

| pair | curl | sympath | ratio |
| --- | --- | --- | --- |
%s
Median ratio %.2f (goal: at most 1.25). Highest heap %.1f MB (goal: under 32). After a cut in the middle %d bytes
were fetched again (goal: under 1 MiB).
`, size>>20, runtime.NumCPU(), &table, ratios[len(ratios)/2], float64(most)/(1<<20), extra), nil
}

// write makes a file of noise that begins like a PDB.
func (b *bench) write() error {
	name := filepath.Join(b.dir, "root", filepath.FromSlash(file))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	head := "Microsoft C/C++ MSF 7.00\r\n\x1aDS\x00\x00\x00"
	_, err = io.Copy(f, io.MultiReader(strings.NewReader(head), io.LimitReader(rand.NewChaCha8([32]byte{7}), b.size-int64(len(head)))))
	return errors.Join(err, f.Sync())
}

func (b *bench) serve() (stop func(), err error) {
	text := strings.NewReplacer("DIR", b.dir, "PORT", b.port).Replace(conf)
	if os.Getuid() == 0 {
		text = "user root;\n" + text
	}
	name := filepath.Join(b.dir, "nginx.conf")
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		return nil, err
	}
	cmd := exec.Command("nginx", "-p", b.dir, "-e", filepath.Join(b.dir, "error.log"), "-c", name)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop = func() { cmd.Process.Kill(); cmd.Wait() }
	for range 100 {
		if c, err := net.Dial("tcp", "127.0.0.1:"+b.port); err == nil {
			c.Close()
			return stop, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	stop()
	return nil, errors.New("nginx does not start")
}

// settle writes out what an earlier run left to be written.
func settle() { exec.Command("sync").Run() }

func (b *bench) curl() (time.Duration, error) {
	name := filepath.Join(b.dir, "f")
	defer os.Remove(name)
	settle()
	start := time.Now()
	out, err := exec.Command("sh", "-c", `curl -s -f -o "$1" "$2" && sync "$1"`, "sh", name, "http://127.0.0.1:"+b.port+"/"+file).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("curl: %w: %s", err, out)
	}
	return time.Since(start), nil
}

// verify looks at the beginning, as the verification of PDBs does.
func verify(q sympath.Query, r io.ReaderAt, _ int64) (sympath.ID, error) {
	head := make([]byte, 24)
	if _, err := r.ReadAt(head, 0); err != nil {
		return sympath.ID{}, err
	}
	if !bytes.HasPrefix(head, []byte("Microsoft C/C++ MSF 7.00")) {
		return sympath.ID{}, errors.New("no PDB")
	}
	return q.ID, nil
}

func (b *bench) ours(url string) (took time.Duration, heap uint64, err error) {
	cache := filepath.Join(b.dir, "cache")
	defer os.RemoveAll(cache)
	client, err := symhttp.New(symhttp.Config{})
	if err != nil {
		return 0, 0, err
	}
	defer client.CloseIdle()
	path, err := sympath.Parse("srv*" + cache + "*" + url)
	if err != nil {
		return 0, 0, err
	}
	settle()
	runtime.GC()
	done, peak := make(chan bool), make(chan uint64)
	go watch(done, peak)
	start := time.Now()
	err = errors.New("nothing found")
	query := sympath.Query{File: "large.pdb", ID: sympath.PDB20(0x80000000, 1)} // of file
	for c, failed := range path.Store(sympath.Options{HTTP: client.Store, Verify: verify}).Find(context.Background(), query) {
		err = failed
		if failed == nil {
			var f sympath.File
			if f, err = c.Open(context.Background()); err == nil {
				err = f.Close()
			}
			break
		}
	}
	took = time.Since(start)
	done <- true
	return took, <-peak, err
}

// watch samples the heap.
func watch(done <-chan bool, peak chan<- uint64) {
	var most uint64
	for {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapAlloc)
		select {
		case <-done:
			peak <- most
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// resumed downloads through a relay that cuts the first connection in the
// middle, and returns how many bytes came beyond those of the file.
func (b *bench) resumed() (int64, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	var came atomic.Int64
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go b.relay(c, &came)
		}
	}()
	_, _, err = b.ours("http://" + l.Addr().String())
	return max(0, came.Load()-b.size), err
}

func (b *bench) relay(c net.Conn, came *atomic.Int64) {
	defer c.Close()
	up, err := net.Dial("tcp", "127.0.0.1:"+b.port)
	if err != nil {
		return
	}
	defer up.Close()
	go io.Copy(up, c)
	buf := make([]byte, 64<<10)
	for {
		n, err := up.Read(buf)
		before := came.Load()
		total := came.Add(int64(n))
		if _, werr := c.Write(buf[:n]); err != nil || werr != nil || before < b.size/2 && total >= b.size/2 {
			return
		}
	}
}
