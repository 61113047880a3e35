package nt

import (
	"bytes"
	"errors"
	"fmt"
	"iter"

	"github.com/symres/symres/internal/wtext"
	"github.com/symres/symres/memsource"
)

// ErrNoLayout is wrapped by errors about structures with an unknown layout: the
// kernel's PDB was not given, and there is no embedded layout for the build.
var ErrNoLayout = errors.New("the layout of this Windows build's structures is not known")

// maxProcesses bounds the process list; PIDs are shared with threads, of which
// systems have some thousands.
const maxProcesses = 100000

// Process is a process of the target. Zero fields are unknown. It is plain
// data.
type Process struct {
	Address uint64 // of the EPROCESS
	PID     uint64
	Parent  uint64 // PID of the process that made it, which may be gone
	Name    string // file name of the image, cut to 15 characters
	PEB     uint64 // 0: it has none, as the System process
	Root    uint64 // DirectoryTableBase, as stored
	// SessionRoot is on IA-64 the root of the page tables of its session, as
	// stored; 0: it is in none.
	SessionRoot uint64
	VADRoot     uint64 // address of the root of the VAD tree; 0: it is empty
	Image       uint64 // address of the main image
	WoW64       uint64 // address of the 32-bit PEB of a 32-bit process on a 64-bit system

	Session    uint32
	HasSession bool // it belongs to Session; the System process belongs to none

	// Err says why fields are unknown: a part of the EPROCESS could not be
	// read. It wraps a [*memsource.Fault].
	Err error
	// Origin says by which layout the fields were read.
	Origin string
}

// Processes walks the list of processes whose LIST_ENTRY head,
// PsActiveProcessHead, is at head: System comes first. Where the list breaks a
// [*ListBreak] is yielded, followed by the processes that can be reached from
// the other end. An entry that is no process yields an error that wraps
// [ErrMalformed] and is passed over. A layout that is not known is an error
// that wraps [ErrNoLayout].
func processesOf(src memsource.Source, l processLayout, head uint64) iter.Seq2[Process, error] {
	return func(yield func(Process, error) bool) {
		if !l.known() {
			yield(Process{}, fmt.Errorf("processes: %w", ErrNoLayout))
			return
		}
		for links, err := range newRing(src, l.width(), "process list", head, maxProcesses).links() {
			p := Process{}
			if err == nil {
				p, err = readProcess(src, &l, links-uint64(l.Links.Offset))
			}
			if !yield(p, err) {
				return
			}
		}
	}
}

// ProcessAt reads the EPROCESS at addr. Errors wrap [ErrNoLayout], [ErrMalformed]
// or a [*memsource.Fault].
func (k *Kernel) ProcessAt(addr uint64) (Process, error) {
	if !k.layouts.Process.known() {
		return Process{}, fmt.Errorf("process: %w", ErrNoLayout)
	}
	p, err := readProcess(k.plain, &k.layouts.Process, addr)
	return k.inSession(p), err
}

// readProcess reads the EPROCESS at addr.
func readProcess(src memsource.Source, l *processLayout, addr uint64) (Process, error) {
	b := make([]byte, l.size())
	n, err := src.ReadMemory(b, addr)
	if err != nil && n < max(l.PID.end(), l.Root.end()) {
		return Process{}, fmt.Errorf("process: %w", err)
	}
	b = b[:n]
	p := Process{
		Address: addr, PID: l.PID.of(b), Parent: l.Parent.of(b), PEB: l.PEB.of(b), Root: l.Root.of(b), SessionRoot: l.SessionRoot.of(b),
		VADRoot: l.VADRoot.of(b), Image: l.Image.of(b), Origin: l.Origin,
	}
	if err != nil {
		p.Err = fmt.Errorf("process: %w", err)
	}
	if p.PID>>32 != 0 || p.Root == 0 {
		return Process{}, malformed(addr, "process with PID %#x and page tables at %#x", p.PID, p.Root)
	}
	p.Name = imageName(l.Name, b)
	p.wow64(src, l, l.WoW64.of(b))
	p.session(src, l, l.Session.of(b))
	return p, nil
}

// imageName is the text of ImageFileName, which is not terminated when full.
func imageName(f field, b []byte) string {
	if f.end() > len(b) {
		return ""
	}
	text, _, _ := bytes.Cut(b[f.Offset:f.end()], []byte{0})
	return wtext.Printable(string(text))
}

// wow64 finds the 32-bit PEB: WoW64Process itself, or what it points to.
func (p *Process) wow64(src memsource.Source, l *processLayout, v uint64) {
	if v == 0 || !l.WoW64PEB.known() {
		p.WoW64 = v
		return
	}
	peb, err := l.width().read(src, v+uint64(l.WoW64PEB.Offset))
	if err != nil {
		p.Err = errors.Join(p.Err, fmt.Errorf("32-bit PEB: %w", err))
	}
	p.WoW64 = peb
}

// session reads the number of the session. One that cannot be read is unknown:
// what it is for, reading memory of a session, does not depend on it.
func (p *Process) session(src memsource.Source, l *processLayout, v uint64) {
	if v == 0 || !l.SessionID.known() {
		return
	}
	id, err := memsource.U32(src, v+uint64(l.SessionID.Offset))
	p.Session, p.HasSession = id, err == nil
}
