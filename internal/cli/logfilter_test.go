package cli_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/symres/symres/internal/cli"
)

// logged is a log that is made as it is read, and what is to become of it.
type logged struct {
	rnd    *rand.Rand
	left   int // bytes
	text   []byte
	wanted *bytes.Buffer // where what is wanted goes
	named  int
}

// lines of a log without an address of the target, and with one at %s.
func logLines() (plain, with []string) {
	return []string{
			"2026-12-01 01:02:03.456 INFO [worker-7] request 8f14e45fceea167a done in 17 ms\r\n",
			"\x00\xff\xfe binary \xc3\x28 and {C4D7561A-41E1-8A21-4C4C-44205044422E}\n", "\n", "id 0xfe0c8582, size=0xfe0c8310\n",
			strings.Repeat("a very long line, ", 60) + "\n", "fs_recx+0x582 20261201 0x582 fe0d8000 deadbeef\n",
		}, []string{
			"PC=%s m=0 sigcode=0\r\n", "\t(No symbol) [%s]\n", "   0:     %s - <unknown>\n", `{"pc":"%s"}` + "\n",
			"\x00\xff%s\xff\x00\n", strings.Repeat("x ", 500) + "%s\n",
		}
}

func (l *logged) Read(b []byte) (int, error) {
	if len(l.text) == 0 && l.left <= 0 {
		return 0, io.EOF
	}
	plain, with := logLines()
	for len(l.text) < len(b) && l.left > 0 {
		text := plain[l.rnd.IntN(len(plain))]
		want := text
		if l.rnd.IntN(8) == 0 {
			format := with[l.rnd.IntN(len(with))]
			at := [...]string{"0xfe0c8582", "FE0C8582", "fs_rec.sys+0x582"}[l.rnd.IntN(3)]
			text, want = fmt.Sprintf(format, at), fmt.Sprintf(format, at+" (Fs_Rec!DriverEntry+0x2)")
			l.named++
		}
		l.text, l.left = append(l.text, text...), l.left-len(text)
		l.wanted.WriteString(want)
	}
	n := copy(b, l.text)
	l.text = append(l.text[:0], l.text[n:]...)
	return n, nil
}

// against compares what is written with what is wanted, as it comes.
type against struct {
	wanted *bytes.Buffer
	bytes  int
	bad    string
}

func (a *against) Write(b []byte) (int, error) {
	if want := a.wanted.Next(len(b)); !bytes.Equal(b, want) && a.bad == "" {
		i := 0
		for i < len(want) && b[i] == want[i] {
			i++
		}
		from := max(0, i-100)
		a.bad = fmt.Sprintf("at %d: %q, want %q", a.bytes+i, b[from:min(len(b), i+100)], want[from:min(len(want), i+100)])
	}
	a.bytes += len(b)
	return len(b), nil
}

// TestFilterLog: a log comes out as it went in, byte by byte, but for the names behind the
// addresses in it. SYMRES_LOG_MB says how many MB it has, 4 otherwise.
func TestFilterLog(t *testing.T) {
	size, err := strconv.Atoi(os.Getenv("SYMRES_LOG_MB"))
	if err != nil {
		size = 4
	}
	wanted := locked{}
	in := &logged{rnd: rand.New(rand.NewPCG(1, 2)), left: size << 20, wanted: &wanted.Buffer}
	out := &against{wanted: &wanted.Buffer}
	var errs bytes.Buffer
	// one goroutine reads ahead while another writes
	status := cli.Main(t.Context(), []string{"nearest", "--demo", "--filter"}, wanted.reader(in), wanted.writer(out), &errs, nil)
	if status != 0 || out.bad != "" || out.wanted.Len() > 0 || out.bytes < size<<20 || in.named < size*20 {
		t.Errorf("status %d, %d bytes, %d names, %d bytes missing; %s\n%s", status, out.bytes, in.named, out.wanted.Len(), out.bad, &errs)
	}
}

// locked is a buffer for a reader and a writer on goroutines of their own.
type locked struct {
	bytes.Buffer
	mu sync.Mutex
}

func (l *locked) reader(r io.Reader) io.Reader {
	return readerFunc(func(b []byte) (int, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		return r.Read(b)
	})
}

func (l *locked) writer(w io.Writer) io.Writer {
	return writerFunc(func(b []byte) (int, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		return w.Write(b)
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
