package nt_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/internal/kdtext"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/memsource/paging"
	"github.com/symres/symres/nt"
	"github.com/symres/symres/pdb"
)

// itanium is the corpus's dump of an Itanium, that of the page about paged-out
// PEBs, as explorer.exe sees it.
type itanium struct {
	*testing.T
	sum   string // of the dump
	view  *nt.View
	space *paging.Space
}

func openItanium(t *testing.T) *itanium {
	t.Helper()
	b, types := itaniumDump(t)
	f, k := itaniumKernel(t, b, types)
	if problems := k.Problems(); len(problems) > 0 {
		t.Errorf("problems: %v", problems)
	}
	return (&itanium{T: t, sum: fmt.Sprintf("sha256:%x", sha256.Sum256(b))}).enter(k, f)
}

// itaniumDump returns the dump, and the path of its kernel's PDB.
func itaniumDump(t *testing.T) (dump []byte, types string) {
	t.Helper()
	dir := filepath.Join(fixture.Shared(t), "kd")
	packed, err := os.Open(filepath.Join(dir, "ia64.dmp.gz"))
	if err != nil {
		t.Skipf("NOT COMPARED with an Itanium dump: %v", err)
	}
	defer packed.Close()
	r, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b, filepath.Join(dir, "sym-ia64", "ntkrnlmp.pdb")
}

func itaniumKernel(t *testing.T, dump []byte, types string) (*crashdump.File, *nt.Kernel) {
	t.Helper()
	f, err := crashdump.New(bytes.NewReader(dump), int64(len(dump)))
	if err != nil {
		t.Fatal(err)
	}
	k, err := nt.FromDump(f)
	if err != nil {
		t.Fatal(err)
	}
	file, err := pdb.Open(types)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if k, err = k.WithTypes(file); err != nil {
		t.Fatal(err)
	}
	return f, k
}

// TestItaniumRoot: a header that names the page tables of a process, with which
// kd reads nothing, is mended by the variable that has the kernel's, found by the
// debugger data block or by its symbol.
func TestItaniumRoot(t *testing.T) {
	b, types := itaniumDump(t)
	binary.LittleEndian.PutUint64(b[0x10:], 0x79e8461)
	for _, by := range []string{"block", "symbol"} {
		_, k := itaniumKernel(t, b, types)
		if _, err := memsource.U64(k.Memory(), 0x6fb37a62000); err != nil {
			t.Errorf("by the %s: memory of the running process: %v", by, err)
		}
		var names []string
		for m, err := range k.Modules() {
			names = append(names, fmt.Sprint(m.Name, err))
		}
		if got, want := strings.Join(names, " "), "ntoskrnl.exe<nil> Fs_Rec.SYS<nil> Null.SYS<nil> Beep.SYS<nil>"; got != want {
			t.Errorf("by the %s: %s, want %s", by, got, want)
		}
		if problems := fmt.Sprint(k.Problems()); !strings.Contains(problems, "taking 3200000 of MmSystemParentTablePage") {
			t.Errorf("by the %s: problems %s", by, problems)
		}
		block := bytes.Index(b, []byte("KDBG")) - 0x10
		clear(b[block+0x288:][:8])
	}
}

// enter goes into explorer.exe.
func (i *itanium) enter(k *nt.Kernel, f *crashdump.File) *itanium {
	i.Helper()
	p, err := k.ProcessAt(0xe000012601ba0af0)
	if err != nil || p.Name != "explorer.exe" || p.Root != 0x79e8461 || !p.HasSession || p.Session != 2 {
		i.Fatalf("process %+v, %v", p, err)
	}
	if current, err := k.CurrentProcess(); err != nil || current.Address != p.Address {
		i.Errorf("current process %+v, %v", current, err)
	}
	if i.view, err = k.View(p); err != nil {
		i.Fatal(err)
	}
	phys, err := f.Physical()
	if err != nil {
		i.Fatal(err)
	}
	i.space, err = paging.New(phys, paging.Config{Mode: paging.ModeIA64, Root: p.Root, SessionRoot: p.SessionRoot, Root2: f.Header().DirectoryTableBase})
	if err != nil {
		i.Fatal(err)
	}
	return i
}

// TestItaniumWalk compares page walks with what Microsoft's kd said to !vtop, !pte
// and db at 1,065 addresses of the dump: pages of every state in each region,
// entries where the tables see themselves, direct ranges, holes and addresses with
// bits that mean nothing.
func TestItaniumWalk(t *testing.T) {
	i := openItanium(t)
	addresses := map[string]bool{}
	for key, said := range kdtext.Unmarshal(fixture.Bytes(t, "kd/ia64-walk.txt")) {
		words := strings.Fields(key)
		if words[0] == "dump" {
			if said != i.sum {
				t.Fatalf("kd was asked about the dump %s, this is %s", said, i.sum)
			}
			continue
		}
		addr, err := strconv.ParseUint(words[2], 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		addresses[words[2]] = true
		if ours := i.say(words, addr, said); ours != said {
			t.Errorf("%s: kd %s, symres %s", key, said, ours)
		}
	}
	if len(addresses) < 1000 {
		t.Errorf("%d addresses", len(addresses))
	}
}

// say answers as kd does.
func (i *itanium) say(words []string, addr uint64, said string) string {
	switch {
	case words[0] == "bytes":
		b := make([]byte, 16)
		if memsource.ReadFull(i.view.Memory(), b, addr) != nil {
			return "-"
		}
		return hex.EncodeToString(b)
	case words[0] == "physical":
		p, err := i.space.Translate(addr)
		if err != nil {
			return "-"
		}
		return strconv.FormatUint(p.Physical, 16)
	case len(words) == 4:
		e, err := memsource.U64(i.view.Memory(), addr>>61<<61|0x1ffffe0000000000+addr<<13>>26<<3)
		if err != nil { // a table on the way has no entry
			return "0"
		}
		return strconv.FormatUint(e, 16)
	}
	return i.state(addr, said)
}

// state is where the page of an address is, as !pte shows it. What it says of a
// prototype PTE is only where that is.
func (i *itanium) state(addr uint64, said string) string {
	p, err := i.space.Translate(addr)
	f, _ := errors.AsType[*memsource.Fault](err)
	switch {
	case err == nil && p.Valid:
		return fmt.Sprintf("valid %x", p.Physical>>13)
	case err == nil && p.PTE>>1&1 == 0 && strings.HasPrefix(said, "transition"):
		return fmt.Sprintf("transition %x", p.Physical>>13)
	case err != nil && f.Reason == memsource.ReasonPagedOut:
		return fmt.Sprintf("pagefile %d %x", f.PageFile, f.PageFileOffset>>13)
	}
	e, err := memsource.U64(i.view.Memory(), addr>>61<<61|0x1ffffe0000000000+addr<<13>>26<<3)
	if err != nil || e&3 != 2 {
		return fmt.Sprintf("entry %x, %v", e, err)
	}
	return fmt.Sprintf("prototype %x", e>>12|0xe000000000000000)
}

// TestItaniumRunning: the memory of the process that was running is there without
// types.
func TestItaniumRunning(t *testing.T) {
	s, err := dumpbuild.SeedIA64(fixture.Read, dumpbuild.Full)
	if err != nil {
		t.Fatal(err)
	}
	k, facts := build(t, s)
	for _, v := range facts.Processes[1].VADs {
		for i, p := range v.Pages {
			if err := checkPage(k.Memory(), p, v.Memory[i<<13:][:1<<13]); err != nil && p.State == dumpbuild.Resident {
				t.Errorf("page %x: %v", p.Addr, err)
			}
		}
	}
	if id, err := memsource.U32(k.Memory(), 0x2000000000000008); err != nil || id != 2 {
		t.Errorf("session %d, %v", id, err)
	}
}

// TestItaniumSessions: each session has its structure at the same address.
func TestItaniumSessions(t *testing.T) {
	s, err := dumpbuild.SeedIA64(fixture.Read, dumpbuild.Bitmap)
	if err != nil {
		t.Fatal(err)
	}
	s.Processes = append(s.Processes, dumpbuild.Process{Name: "csrss.exe", PID: 0x188, Session: 7})
	k, facts := typed(t, s)
	for _, want := range facts.Processes {
		p, err := k.ProcessAt(want.Address)
		if err != nil || p.Session != want.Session || p.HasSession != (want.Session != 0) || process(t, k, want.Name).Session != want.Session {
			t.Errorf("%s: session %d %v, %v; want %d", want.Name, p.Session, p.HasSession, err, want.Session)
		}
		v, err := k.View(p)
		if err != nil {
			t.Fatal(err)
		}
		id, err := memsource.U32(v.Memory(), 0x2000000000000000)
		if want.Session == 0 && !errors.Is(err, memsource.ErrNotMapped) && !errors.Is(err, memsource.ErrWrongContext) {
			t.Errorf("%s has memory of a session: %x, %v", want.Name, id, err)
		}
	}
}
