package nt

import (
	"errors"
	"fmt"
	"iter"

	"github.com/symres/symres/internal/hexaddr"
	"github.com/symres/symres/memsource"
)

const (
	pageSize   = 0x1000
	maxModules = 10000      // entries followed; real systems have some hundreds
	maxImage   = 0x40000000 // bytes; no driver is larger
)

// Module is the loader's record of one module. Zero fields are unknown.
type Module struct {
	Name string // BaseDllName, such as Fs_Rec.SYS; else the last part of Path
	Path string // FullDllName, such as \SystemRoot\System32\Drivers\Fs_Rec.SYS

	// NameErr and PathErr say why Name and Path are "": their text is paged
	// pool and often paged out. They wrap a [*memsource.Fault], or
	// [ErrMalformed] or crashdump.ErrFormat when they make no sense.
	NameErr, PathErr error

	Base           uint64
	Size           uint64 // SizeOfImage in bytes, rounded up to pages
	SizeNotRounded uint32 // SizeOfImage as the linker wrote it
	EntryPoint     uint64
	CheckSum       uint32
	TimeDateStamp  uint32
	Entry          uint64 // address of the loader's entry
	DebugInfo      uint64 // the NON_PAGED_DEBUG_INFO; 0: there is none
	Origin         string // what the facts were read from, such as the layout used
	Road           Road   // of a module of a process: how it became known; 0 of a driver
}

var errNoLayout = errors.New("nt: no module layout for this machine")

// Modules walks the loaded-driver list whose LIST_ENTRY head is at head, in
// load order: the kernel comes first. Where the list breaks, because the page of
// an entry is out or a link is damaged, a [*ListBreak] is yielded, followed by
// the entries that can be reached from the other end. An entry that is no
// module (base not page-aligned, impossible size) yields an error that wraps
// [ErrMalformed] and is passed over. So errors do not end the sequence: a caller
// goes on to the end and reports them. No entry is visited twice and at most
// 10,000 are.
//
// Only the errors of a source that does not contain the head are fatal to the
// whole: one ListBreak with nothing behind it.
func modulesOf(src memsource.Source, l moduleLayout, head uint64) iter.Seq2[Module, error] {
	return func(yield func(Module, error) bool) {
		if l.width() == 0 {
			yield(Module{}, errNoLayout)
			return
		}
		r := entryReader{src: src, l: l, most: maxImage, origin: "loaded-module list (" + l.Origin + ")"}
		for e, err := range newRing(src, l.width(), "loaded-module list", head, maxModules).links() {
			m := Module{}
			if err == nil {
				m, err = r.read(e)
			}
			if !yield(m, err) {
				return
			}
		}
	}
}

// entryReader reads loader entries of one list.
type entryReader struct {
	src    memsource.Source
	l      moduleLayout
	most   uint64 // size no image of the list reaches
	origin string
	road   Road
}

// read returns the module of entry e, or why it is none.
func (r *entryReader) read(e uint64) (Module, error) {
	b := make([]byte, r.l.size())
	n, err := r.src.ReadMemory(b, e)
	if err != nil && n < r.l.core() {
		return Module{}, fmt.Errorf("loader entry: %w", err)
	}
	m := r.decode(b[:n], e)
	if m.Base%pageSize != 0 || m.Base == 0 || m.Size == 0 || m.Size >= r.most || m.Base > r.l.width().top()-m.Size+1 {
		return Module{}, malformed(e, "loader entry with base %s and size %#x", hexaddr.Addr(m.Base), m.Size)
	}
	return m, nil
}

// decode reads the fields that are there: the tail of an entry may be on a page
// that is out.
func (r *entryReader) decode(b []byte, e uint64) Module {
	l, ptr := &r.l, r.l.width()
	m := Module{
		Base: ptr.of(b, l.Base), Size: uint64(u32(b, l.Size)), EntryPoint: ptr.of(b, l.EntryPoint),
		DebugInfo: ptr.optional(b, l.DebugInfo), CheckSum: u32(b, l.CheckSum),
		SizeNotRounded: u32(b, l.SizeUnrounded), TimeDateStamp: u32(b, l.TimeDateStamp),
		Entry: e, Origin: r.origin, Road: r.road,
	}
	m.Path, m.PathErr = ptr.text(r.src, b, l.Path, e)
	m.Name, m.NameErr = ptr.text(r.src, b, l.Name, e)
	if m.Name == "" && m.Path != "" {
		m.Name, m.NameErr = lastPart(m.Path), nil
	}
	return m
}
