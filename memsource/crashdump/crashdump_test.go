package crashdump_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/symres/symres/memsource/crashdump"
)

func TestHeader64(t *testing.T) {
	b := fullDump(64, span{1, 1})
	copy(b[0xfb0:], "a comment\x1b[2J\x00rest")
	le.PutUint64(b[0x1030:], 15*10_000_000)
	got, want := open(t, b).Header(), crashdump.Header{
		Bits: 64, Machine: 0x8664, Major: 15, Build: 19041, DirectoryTableBase: 0x1aa000,
		PsLoadedModuleList: 0xfffff80002c01000, KdDebuggerDataBlock: 0xfffff80002c02000,
		Processors: 4, BugCheckCode: 0xe2, BugCheckParameters: [4]uint64{1, 2, 3, 4}, Type: crashdump.TypeFull,
		SystemTime:   time.Unix(0x01d6000000000000/10_000_000-11644473600, 0x01d6000000000000%10_000_000*100).UTC(),
		SystemUpTime: 15 * time.Second,
		Comment:      "a comment\uFFFD[2J",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("header\n%+v, want\n%+v", got, want)
	}
}

func TestHeader32(t *testing.T) {
	b := fullDump(32, span{1, 1})
	copy(b[0x3c:], "2600.xpsp\x00")
	got, want := open(t, b).Header(), crashdump.Header{
		Bits: 32, Machine: 0x14c, Major: 15, Build: 2600, DirectoryTableBase: 0x39000,
		PsLoadedModuleList: 0x8055a420, KdDebuggerDataBlock: 0x80544ce0, Processors: 1,
		BugCheckCode: 0xd1, Type: crashdump.TypeFull, Version: "2600.xpsp",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("header\n%+v, want\n%+v", got, want)
	}
	b[0x5c] = 1
	if !open(t, b).Header().PAE {
		t.Error("PAE flag not seen")
	}
}

func TestNewRefuses(t *testing.T) {
	for name, b := range map[string][]byte{
		"empty": nil, "text": []byte("hello, world"), "minidump": []byte("MDMP\x93\xa7\x00\x00"),
		"user": []byte("USERDU64"), "short_64": head64(1)[:0x1fff], "short_32": head32(1)[:0xfff],
	} {
		_, err := crashdump.New(bytes.NewReader(b), int64(len(b)))
		if !errors.Is(err, crashdump.ErrFormat) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: err = %q, want one line wrapping ErrFormat", name, err)
		}
	}
	if _, err := crashdump.New(bytes.NewReader(nil), -1); !errors.Is(err, crashdump.ErrFormat) {
		t.Errorf("negative size: %v", err)
	}
}

func TestSniff(t *testing.T) {
	for s, want := range map[string]bool{"": false, "PAGEDU64": true, "PAGEDUMP": true, "PAGEDUM": false, "PAGEPAGE": false} {
		if got := crashdump.Sniff([]byte(s)); got != want {
			t.Errorf("Sniff(%q) = %v", s, got)
		}
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "memory.dmp")
	if err := os.WriteFile(path, fullDump(64, span{1, 1}), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := crashdump.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	src, err := f.Physical()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second does nothing
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if n, err := src.ReadMemory(make([]byte, 8), page); n != 0 || !errors.Is(err, fs.ErrClosed) {
		t.Errorf("read after Close: %d, %v", n, err)
	}
	if _, err := crashdump.Open(filepath.Join(dir, "absent.dmp")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent file: %v", err)
	}
	if _, err := crashdump.Open(dir); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("directory: %v, want an error naming it", err)
	}
	if _, err := crashdump.Open(filepath.Join(path, "x")); err == nil {
		t.Error("a path through a file was opened")
	}
}
