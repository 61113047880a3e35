package kd

import (
	"context"
	"fmt"
	"strings"

	"github.com/symres/symres/nt"
	"github.com/symres/symres/vadmath"
)

func (s *Session) vads(ctx context.Context, c Command) error {
	if s.kernel() == nil {
		return errNoKernel
	}
	list := words(c.Args)
	addr, flags := uint64(0), uint64(0)
	var err error
	if len(list) > 0 {
		if addr, err = s.number(ctx, list[0]); err != nil {
			return err
		}
	}
	if len(list) > 1 {
		if flags, err = s.number(ctx, list[1]); err != nil {
			return err
		}
	}
	view, err := s.viewOf(ctx, s.narrow(addr))
	if err != nil {
		return err
	}
	if flags != 0 && addr != 0 {
		return s.vadNode(ctx, view, s.narrow(addr))
	}
	return s.vadTree(ctx, view)
}

// viewOf is the process that has a VAD root, or else the current one.
func (s *Session) viewOf(ctx context.Context, root uint64) (*nt.View, error) {
	p := s.process
	if root != 0 && root != p.VADRoot {
		for one, err := range s.target.Processes(ctx) {
			if err == nil && one.VADRoot == root {
				p = one
			}
		}
	}
	if v := s.target.View(); v != nil && v.Process().Address == p.Address {
		return v, nil
	}
	if p.Address == 0 {
		return nil, refuse("there is no current process: .process ADDRESS sets one")
	}
	v, err := s.kernel().View(p)
	if err != nil {
		return nil, refuse("%v", s.target.Explain(err))
	}
	return v, nil
}

func (s *Session) vadTree(ctx context.Context, view *nt.View) error {
	digits := s.bits() / 4
	s.printf("%-*s level      start      end    commit\n", digits-1, "VAD")
	n, sum, depth := 0, 0, 0
	for e, err := range view.VADs() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			s.printf("%v\n", s.target.Explain(err))
			continue
		}
		s.vadRow(e)
		n, sum, depth = n+1, sum+e.Level, max(depth, e.Level)
	}
	if n > 0 {
		s.printf("\nTotal VADs: %5d  average level: %4d  maximum depth: %d\n", n, sum/n+1, depth)
	}
	return nil
}

func (s *Session) vadRow(e vadmath.Entry) {
	kind, exe := "Private", ""
	if e.Type != vadmath.TypePrivate {
		kind = "Mapped"
	}
	if e.Type == vadmath.TypeImage {
		exe = "Exe"
	}
	s.printf("%s (%2d)   %8x %8x    %6d %-7s %-4s %-18s %s\n", s.plain(e.Address), e.Level, uint64(e.Pages.Start), uint64(e.Pages.End), e.Commit, kind, exe,
		e.Protection, firstOf(e.File, e.Note))
}

func firstOf(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

// vadNode shows one VAD and what is behind it.
func (s *Session) vadNode(ctx context.Context, view *nt.View, addr uint64) error {
	e, err := view.VADAt(addr)
	if err != nil {
		for one, listErr := range view.VADs() { // it may be the address of the VAD itself
			if listErr == nil && one.Address == addr {
				e, err = one, nil
			}
		}
	}
	if err != nil {
		return refuse("%v", s.target.Explain(err))
	}
	v := func(paths ...string) uint64 { return s.one(ctx, "_MMVAD", e.Address, paths...) }
	area := v("ControlArea")
	if sub := v("Subsection"); area == 0 && sub != 0 {
		area = s.one(ctx, "_SUBSECTION", sub, "ControlArea")
	}
	s.printf("\nVAD @ %s\n", s.plain(e.Address))
	w := s.bits()/4 + 1
	s.printf("  Start VPN    %*x  End VPN%*x  Control Area  %s\n", w, uint64(e.Pages.Start), w, uint64(e.Pages.End), s.plain(area))
	s.printf("  FirstProtoPte %s  LastPte %s  Commit Charge%*x (%d.)\n", s.plain(v("FirstPrototypePte")), s.plain(v("LastContiguousPte")), w, e.Commit, e.Commit)
	s.printf("  Secured.Flink%*x  Blink  %*x  Banked/Extend%*x\n  File Offset  %*x  \n", w, 0, w, 0, w, 0, w, v("u2.VadFlags2.FileOffset"))
	s.printf("      %s \n", strings.Join(vadWords(e), " "))
	if area != 0 {
		s.controlArea(ctx, area)
		if e.File != "" {
			s.printf("\n      File: %s\n", e.File)
		}
		s.segment(ctx, area)
		s.subsections(ctx, area)
	}
	if r, err := e.Reload(s.pageSize()); err == nil && e.Type == vadmath.TypeImage && e.File != "" {
		r.Force = false
		s.printf("\nReload command: %s\n", s.reloadCommand(r))
	}
	s.printf("\n")
	return nil
}

func (s *Session) pageSize() vadmath.PageSize {
	size, err := vadmath.PageSizeOf(s.arch())
	if err != nil {
		return vadmath.Page4K
	}
	return size
}

func (s *Session) reloadCommand(r vadmath.Reload) string {
	return fmt.Sprintf(".reload %s=%s,%x", r.Image, s.addr(r.Base), r.Size)
}

// vadWords are the flags of a VAD.
func vadWords(e vadmath.Entry) (list []string) {
	if e.Type == vadmath.TypePrivate {
		return []string{"PrivateMemory", e.Protection}
	}
	if e.Type == vadmath.TypeImage {
		list = append(list, "ImageMap")
	}
	if e.View != vadmath.ViewUnknown {
		list = append(list, e.View.String())
	}
	return append(list, e.Protection)
}

func (s *Session) controlArea(ctx context.Context, area uint64) {
	c := func(paths ...string) uint64 { return s.one(ctx, "_CONTROL_AREA", area, paths...) }
	file := c("FilePointer.Object", "FilePointer")
	if s.bits() == 64 {
		file &^= 15
	} else if _, fast := s.fieldOf(ctx, "_CONTROL_AREA", "FilePointer.Object"); fast {
		file &^= 7
	}
	flags := c("u.LongFlags")
	s.printf("\nControlArea  @ %s\n", s.plain(area))
	s.printf("  Segment      %s  Flink      %s  Blink        %s\n", s.plain(c("Segment")), s.plain(c("DereferenceList.Flink")), s.plain(c("DereferenceList.Blink")))
	s.printf("  Section Ref  %16x  Pfn Ref    %16x  Mapped Views %16x\n", c("NumberOfSectionReferences"), c("NumberOfPfnReferences"), c("NumberOfMappedViews"))
	s.printf("  User Ref     %16x  WaitForDel %16x  Flush Count  %16x\n", c("NumberOfUserReferences"), c("WaitingForDeletion"), c("FlushInProgressCount"))
	s.printf("  File Object  %s  ModWriteCount%14x  System Views %16x\n", s.plain(file), c("ModifiedWriteCount", "u2.e2.ModifiedWriteCount"), c("NumberOfSystemCacheViews", "u2.e2.NumberOfSystemCacheViews"))
	s.printf("  WritableRefs %16x  \n  Flags (%x) %s\n", c("WritableUserReferences", "u2.e2.WritableUserReferences"), flags, strings.Join(controlFlags(flags), " "))
}

// controlFlags are the first flags of a control area (public symbols, _MMSECTION_FLAGS).
func controlFlags(v uint64) (list []string) {
	for i, name := range []string{"BeingDeleted", "BeingCreated", "BeingPurged", "NoModifiedWriting", "FailAllIo", "Image", "Based", "File"} {
		if v>>i&1 == 1 && name != "" {
			list = append(list, name)
		}
	}
	return append(list, "")
}

func (s *Session) segment(ctx context.Context, area uint64) {
	at := s.one(ctx, "_CONTROL_AREA", area, "Segment")
	g := func(paths ...string) uint64 { return s.one(ctx, "_SEGMENT", at, paths...) }
	if at == 0 {
		return
	}
	s.printf("\nSegment @ %s\n  ControlArea     %s  BasedAddress  %s\n", s.plain(at), s.plain(g("ControlArea")), s.plain(g("BasedAddress")))
	s.printf("  Total Ptes    %18x\n  Segment Size  %18x  Committed   %18x\n", g("TotalNumberOfPtes"), g("SizeOfSegment"), g("NumberOfCommittedPages"))
	s.printf("  Image Commit  %18x  Image Info  %18x\n  ProtoPtes       %s\n  Flags (%x)\n", g("u1.ImageCommitment"), g("u2.ImageInformation"), s.plain(g("PrototypePte")), g("SegmentFlags"))
}

// maxSubsections is more than an image has sections.
const maxSubsections = 256

func (s *Session) subsections(ctx context.Context, area uint64) {
	t, err := s.target.Session().Type(ctx, "nt!_CONTROL_AREA")
	if err != nil {
		return
	}
	size, err := t.Size()
	if err != nil {
		return
	}
	at := area + size
	for i := 1; i <= maxSubsections && at != 0; i++ {
		b := func(paths ...string) uint64 { return s.one(ctx, "_SUBSECTION", at, paths...) }
		if b("ControlArea") != area {
			return
		}
		s.printf("\nSubsection %d @ %s\n", i, s.plain(at))
		s.printf("  ControlArea  %s  Starting Sector %8x  Number Of Sectors %4x\n", s.plain(area), b("StartingSector"), b("NumberOfFullSectors"))
		s.printf("  Base Pte     %s  Ptes In Subsect %8x  Unused Ptes     %6x\n", s.plain(b("SubsectionBase")), b("PtesInSubsection"), b("UnusedPtes"))
		flags := b("u.LongFlags")
		s.printf("  Flags        %16x  Sector Offset %10x  Protection      %6x\n", flags, b("u.SubsectionFlags.SectorEndOffset"), b("u.SubsectionFlags.Protection"))
		at = b("NextSubsection")
	}
}
