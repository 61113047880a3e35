package minidump_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/minidump"
)

// sharedData is the part of KUSER_SHARED_DATA with the interrupt time.
func sharedData(ticks uint64) dumpbuild.MinidumpRange {
	b := make([]byte, 0x20)
	binary.LittleEndian.PutUint64(b[8:], ticks)
	binary.LittleEndian.PutUint32(b[16:], uint32(ticks>>32))
	return dumpbuild.MinidumpRange{Addr: 0x7ffe0000, Data: b}
}

// told is a dump that says all there is to say of its process.
func told() dumpbuild.Minidump {
	m := crash()
	m.Platform, m.ServicePack, m.PID, m.Created, m.Comment = 2, "Service Pack 1", 0x1908, 0x45d35f73-155, "*** \"procdump\"\r\n*** Unhandled\r\n"
	m.Memory = append(m.Memory, sharedData(22642347120397))
	m.Threads[0].Name = "the rädchen"
	m.Threads = append(m.Threads, dumpbuild.MinidumpThread{ID: 8})
	return m
}

func TestProcess(t *testing.T) {
	for _, odd := range []bool{false, true} {
		m := told()
		m.Odd = odd
		f := open(t, m)
		if p := f.Problems(); len(p) > 0 {
			t.Errorf("odd %v: problems %v", odd, p)
		}
		if s := f.System(); s.Platform != minidump.PlatformNT || s.ServicePack != "Service Pack 1" || s.Platform.String() != "Windows" {
			t.Errorf("system %+v", s)
		}
		p, err := f.Process()
		written := f.Header().TimeStamp
		want := minidump.Process{ID: 0x1908, Created: written.Add(-155 * time.Second), Uptime: 155 * time.Second, User: 5 * time.Second, Kernel: 2 * time.Second}
		if p != want || err != nil {
			t.Errorf("process %+v, %v; want %+v", p, err, want)
		}
		if up, err := f.SystemUptime(); up != 2264234712039700*time.Nanosecond || err != nil {
			t.Errorf("system uptime %v, %v", up, err)
		}
		comments, err := f.Comments()
		const text = "*** \"procdump\"\n*** Unhandled"
		if want := []string{text, text}; !slices.Equal(comments, want) || err != nil {
			t.Errorf("comments %q, %v", comments, err)
		}
		threads, err := collect(f.Threads())
		if err != nil || len(threads) != 2 || threads[0].Name != "the rädchen" || threads[1].Name != "" {
			t.Errorf("threads %+v, %v", threads, err)
		}
	}
}

// TestProcess_unknown: what a dump does not say is an error or empty, and never
// made up.
func TestProcess_unknown(t *testing.T) {
	f := open(t, crash())
	if _, err := f.Process(); !errors.Is(err, minidump.ErrNoStream) {
		t.Errorf("process: %v", err)
	}
	if up, err := f.SystemUptime(); up != 0 || !errors.Is(err, memsource.ErrNotInDump) {
		t.Errorf("uptime %v, %v", up, err)
	}
	if comments, err := f.Comments(); len(comments) > 0 || err != nil {
		t.Errorf("comments %q, %v", comments, err)
	}
	m := told()
	m.Created += 1000 // a clock that was set back
	m.Memory[len(m.Memory)-1].Data[16]++
	f = open(t, m)
	if p, err := f.Process(); p.Uptime != 0 || err != nil {
		t.Errorf("a process of the future: %+v, %v", p, err)
	}
	if up, err := f.SystemUptime(); up != 0 || !errors.Is(err, minidump.ErrFormat) {
		t.Errorf("halves that differ: %v, %v", up, err)
	}
}

// TestPlatforms has a dump of every system.
func TestPlatforms(t *testing.T) {
	for id, c := range map[uint32]struct {
		name, code string
		windows    bool
	}{
		0: {"Windows", "", true}, 1: {"Windows", "", true}, 2: {"Windows", "", true}, 3: {"Windows", "", true},
		0x8000: {"Unix", "SIGSEGV", false}, 0x8101: {"macOS", "EXC_RESOURCE", false}, 0x8102: {"iOS", "EXC_RESOURCE", false},
		0x8201: {"Linux", "SIGSEGV", false}, 0x8202: {"Solaris", "SIGSEGV", false}, 0x8203: {"Android", "SIGSEGV", false},
		0x8206: {"Fuchsia", "SIGSEGV", false}, 0x9999: {"platform 0x9999", "SIGSEGV", false},
	} {
		m := told()
		m.Platform = id
		f := open(t, m)
		p := f.System().Platform
		if p.String() != c.name || p.Windows() != c.windows || p.ExceptionName(11) != c.code {
			t.Errorf("%#x: %v, Windows %v, 11 is %q", id, p, p.Windows(), p.ExceptionName(11))
		}
		modules, err := collect(f.Modules())
		if err != nil || len(modules) != 2 || modules[0].Platform != p {
			t.Errorf("%#x: modules %+v, %v", id, modules, err)
		}
		if up, err := f.SystemUptime(); (err == nil) != c.windows || (up != 0) != c.windows {
			t.Errorf("%#x: uptime %v, %v", id, up, err)
		}
	}
}

// TestThreadNames_damaged: a name that cannot be read is told of, and the others are
// there.
func TestThreadNames_damaged(t *testing.T) {
	m := told()
	m.Threads[1].Name = "other"
	b := dumpbuild.BuildMinidump(m)
	_, at := stream(t, b, 24)
	if err := openBytes(t, b).ThreadNames(); err != nil {
		t.Error(err)
	}
	binary.LittleEndian.PutUint64(b[at+8:], 1<<40)
	f := openBytes(t, b)
	threads, err := collect(f.Threads())
	if err != nil || threads[0].Name != "" || threads[1].Name != "other" || !errors.Is(f.ThreadNames(), minidump.ErrFormat) {
		t.Errorf("%+v, %v, %v", threads, err, f.ThreadNames())
	}
	if err := open(t, crash()).ThreadNames(); !errors.Is(err, minidump.ErrNoStream) {
		t.Error(err)
	}
}

// TestHostile_names: thread names that all point to one text may be read as often
// as it would fit into the file.
func TestHostile_names(t *testing.T) {
	const n = 9000
	le := binary.LittleEndian
	name := append(le.AppendUint32(nil, 0xfff0), make([]byte, 0xfff0)...)
	list := le.AppendUint32(nil, n)
	for i := range uint32(n) {
		list = le.AppendUint64(le.AppendUint32(list, i), 32+4*12)
	}
	m := dumpbuild.Minidump{Streams: []dumpbuild.MinidumpStream{{Type: 0x10000, Data: name}, {Type: 24, Data: list}}}
	for i := range uint32(n) {
		m.Threads = append(m.Threads, dumpbuild.MinidumpThread{ID: i})
	}
	b := dumpbuild.BuildMinidump(m)
	f, named := openBytes(t, b), 0
	allocated := allocates(func() {
		threads, err := collect(f.Threads())
		if err != nil || len(threads) != n {
			t.Fatal(len(threads), err)
		}
		for _, th := range threads {
			named += len(th.Name)
		}
	})
	if limit := uint64(16<<20 + 8*len(b)); named > len(b) || allocated > limit {
		t.Errorf("%d bytes of names, %d allocated for a file of %d, the limit is %d", named, allocated, len(b), limit)
	}
}

// TestCorpus_kdUptime compares the times with those kd gives of the same dumps.
func TestCorpus_kdUptime(t *testing.T) {
	shared := fixture.Shared(t)
	list, err := filepath.Glob(filepath.Join(shared, "kd", "minidumps", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	form := regexp.MustCompile(`(?m)^(System|Process) Uptime: (?:(\d+) days (\d+):(\d+):(\d+)\.(\d+)|not available)`)
	compared, known := 0, 0
	for _, file := range list {
		text, err := os.ReadFile(file)
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		f, openErr := minidump.Open(filepath.Join(shared, filepath.FromSlash(strings.ReplaceAll(name, "~", "/"))))
		if errors.Is(openErr, minidump.ErrFormat) {
			continue // of a system
		}
		if err != nil || openErr != nil {
			t.Fatal(err, openErr)
		}
		up, _ := f.SystemUptime()
		p, _ := f.Process()
		f.Close()
		got := map[string]time.Duration{"System": up.Truncate(time.Millisecond), "Process": p.Uptime}
		for _, m := range form.FindAllStringSubmatch(string(text), -1) {
			var want time.Duration
			for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second, time.Millisecond} {
				n, _ := strconv.Atoi(m[2+i])
				want += time.Duration(n) * unit
			}
			if compared++; want != 0 {
				known++
			}
			if got[m[1]] != want {
				t.Errorf("%s: %s uptime %v, kd says %v", name, m[1], got[m[1]], want)
			}
		}
	}
	if compared < 20 || known < 5 {
		t.Errorf("%d times compared, %d known", compared, known)
	}
}

// TestCorpus_threadNames: the names Breakpad's own test gives the threads.
func TestCorpus_threadNames(t *testing.T) {
	f, err := minidump.Open(filepath.Join(fixture.Shared(t), "google+breakpad/src/processor/testdata/thread_name_list.dmp"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	threads, err := collect(f.Threads())
	var names []string
	for _, th := range threads {
		names = append(names, fmt.Sprintf("%x %s", th.ID, th.Name))
	}
	t.Logf("%q", names)
	if err != nil || len(names) < 3 || !strings.Contains(strings.Join(names, ","), "19a4 ") {
		t.Errorf("threads %q, %v", names, err)
	}
}
