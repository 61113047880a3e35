package minidump_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/minidump"
)

// row is what this package and other readers say of a module.
type row struct {
	Name                  string
	Base                  uint64
	Size, CheckSum, Stamp uint32
	CodeView              string // the record without its path
	PDB                   string
}

func rows(t *testing.T, f *minidump.File) (all []row) {
	t.Helper()
	for m, err := range f.Modules() {
		if err != nil || m.NameErr != nil || m.CodeViewErr != nil {
			t.Fatal(err, m.NameErr, m.CodeViewErr)
		}
		r := row{Name: m.Name, Base: m.Base, Size: m.Size, CheckSum: m.CheckSum, Stamp: m.TimeDateStamp}
		r.CodeView, r.PDB = record(m.CodeView)
		all = append(all, r)
	}
	return all
}

// record takes an RSDS record apart by hand.
func record(b []byte) (id, pdb string) {
	if len(b) < 24 {
		return "", ""
	}
	name, _, _ := bytes.Cut(b[24:], []byte{0})
	return fmt.Sprintf("%s %x %d", b[:4], b[4:20], binary.LittleEndian.Uint32(b[20:])), string(name)
}

// TestCorpus opens every minidump and compares its modules with a reading of
// the stream into the structure of minidumpapiset.h, and the memory it gives
// with the bytes of the file.
func TestCorpus(t *testing.T) {
	opened := 0
	err := filepath.WalkDir(fixture.Shared(t), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !strings.HasSuffix(path, ".dmp") {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil || !bytes.HasPrefix(b, []byte("MDMP")) {
			return err
		}
		opened++
		f := openBytes(t, b)
		if p := f.Problems(); len(p) > 0 {
			t.Errorf("%s: problems %v", path, p)
		}
		got, want := rows(t, f), independent(t, b)
		if len(want) == 0 || !cmp.Equal(got, want) {
			t.Errorf("%s: modules (-want +got):\n%s", path, cmp.Diff(want, got))
		}
		savedMemory(t, path, f, b)
		return nil
	})
	const least = 9 // the corpus grows
	if err != nil || opened < least {
		t.Errorf("%d minidumps opened, want at least %d: %v", opened, least, err)
	}
}

// independent reads the module list by reflection over its declaration.
func independent(t *testing.T, b []byte) (all []row) {
	t.Helper()
	type location struct{ Size, RVA uint32 }
	type module struct {
		Base                        uint64
		Size, CheckSum, Stamp, Name uint32
		Version                     [13]uint32
		CodeView, Misc              location
		Reserved                    [2]uint64
	}
	le := binary.LittleEndian
	entry, at := stream(t, b, 4)
	list := make([]module, le.Uint32(b[at:]))
	// The size of the stream tells whether the list is aligned to 8 bytes.
	first := at + le.Uint32(b[entry+4:]) - uint32(binary.Size(list))
	if _, err := binary.Decode(b[first:], le, list); err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		name := make([]uint16, le.Uint32(b[m.Name:])/2)
		if _, err := binary.Decode(b[m.Name+4:], le, name); err != nil {
			t.Fatal(err)
		}
		r := row{Name: string(utf16.Decode(name)), Base: m.Base, Size: m.Size, CheckSum: m.CheckSum, Stamp: m.Stamp}
		r.CodeView, r.PDB = record(b[m.CodeView.RVA : m.CodeView.RVA+m.CodeView.Size])
		all = append(all, r)
	}
	return all
}

// savedMemory reads every range of the memory list whole and across its edges.
func savedMemory(t *testing.T, path string, f *minidump.File, b []byte) {
	t.Helper()
	le := binary.LittleEndian
	_, at := stream(t, b, 5)
	for i := range le.Uint32(b[at:]) {
		r := b[at+4+16*i:]
		addr, size, off := le.Uint64(r), le.Uint32(r[8:]), le.Uint32(r[12:])
		got := make([]byte, size)
		if err := memsource.ReadFull(f.Memory(), got, addr); err != nil || !bytes.Equal(got, b[off:off+size]) {
			t.Errorf("%s: %d bytes at %#x: %v, or others than the file's", path, size, addr, err)
		}
	}
}

// TestCorpus_breakpad compares with what Breakpad's own reader printed.
func TestCorpus_breakpad(t *testing.T) {
	dir := filepath.Join(fixture.Shared(t), "google+breakpad/src/processor/testdata")
	f, err := minidump.Open(filepath.Join(dir, "minidump2.dmp"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := breakpad(t, filepath.Join(dir, "minidump2.dump.out"))
	if got := rows(t, f); len(want) != 13 || !cmp.Equal(got, want) {
		t.Errorf("modules (-want +got):\n%s", cmp.Diff(want, got))
	}
	e, err := f.Exception()
	if err != nil || e.Address != 0x40429e || e.Code != 0xc0000005 || e.ThreadID != 0xbf4 || e.Context.SP != 0x12fe84 {
		t.Errorf("exception %+v, %v", e, err)
	}
}

// breakpad reads the module rows of minidump_dump's output.
func breakpad(t *testing.T, path string) (all []row) {
	t.Helper()
	out, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	guid := ""
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if lines.Text() == "MDRawModule" {
			all = append(all, row{})
			continue
		}
		key, value, ok := strings.Cut(strings.TrimSpace(lines.Text()), " = ")
		if !ok || len(all) == 0 {
			continue
		}
		r, value := &all[len(all)-1], strings.Trim(value, `"`)
		number, _, _ := strings.Cut(value, " ")
		n, _ := strconv.ParseUint(number, 0, 64)
		switch strings.TrimSpace(key) {
		case "base_of_image":
			r.Base = n
		case "size_of_image":
			r.Size = uint32(n)
		case "checksum":
			r.CheckSum = uint32(n)
		case "time_date_stamp":
			r.Stamp = uint32(n)
		case "(code_file)":
			r.Name = value
		case "(cv_record).signature":
			guid = value
		case "(cv_record).age":
			r.CodeView = fmt.Sprintf("RSDS %x %d", guidBytes(t, guid), n)
		case "(cv_record).pdb_file_name":
			r.PDB = value
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// guidBytes is the GUID as it lies in the file: its first three parts are
// little-endian.
func guidBytes(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(b) != 16 {
		t.Fatalf("GUID %q: %v", text, err)
	}
	for _, p := range [][]byte{b[:4], b[4:6], b[6:8]} {
		for i := range len(p) / 2 {
			p[i], p[len(p)-1-i] = p[len(p)-1-i], p[i]
		}
	}
	return b
}
