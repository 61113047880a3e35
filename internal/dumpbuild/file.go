package dumpbuild

import (
	"bytes"
	"encoding/binary"
)

// Header offsets that differ between the two headers (public readers of both,
// measured on real dumps).
type headerAt struct {
	signature                             string
	root, pfn, modules, processes         uint64
	machine, processors, bugCheck, params uint64
	block, context, exception             uint64
	kind, needed, systemTime, upTime      uint64
	contextFlags, contextSize             uint64
}

func header64() headerAt {
	return headerAt{signature: "PAGEDU64", root: 0x10, pfn: 0x18, modules: 0x20, processes: 0x28,
		machine: 0x30, processors: 0x34, bugCheck: 0x38, params: 0x40, block: 0x80, context: 0x348, exception: 0xf00,
		kind: 0xf98, needed: 0xfa0, systemTime: 0xfa8, upTime: 0x1030, contextFlags: 0x30, contextSize: 0x4d0}
}

func header32() headerAt {
	return headerAt{signature: "PAGEDUMP", root: 0x10, pfn: 0x14, modules: 0x18, processes: 0x1c,
		machine: 0x20, processors: 0x24, bugCheck: 0x28, params: 0x2c, block: 0x60, context: 0x320, exception: 0x7d0,
		kind: 0xf88, needed: 0xfa0, systemTime: 0xfc0, upTime: 0xfb8, contextFlags: 0, contextSize: 0x2cc}
}

// bugCheck is MANUALLY_INITIATED_CRASH.
const bugCheck = 0xe2

// file writes the header and what follows it.
func (b *builder) file() ([]byte, *Facts, error) {
	h := b.header()
	var body []byte
	switch b.spec.Type {
	case Full:
		b.runs(h)
	case Bitmap:
		body = b.bitmap()
	case Triage:
		body = b.triage(h)
	}
	if b.spec.Type != Triage {
		for _, f := range b.facts.Frames {
			body = append(body, b.mem.frames[f]...)
		}
	}
	at := header64()
	if b.lay.pointer == 4 {
		at = header32()
	}
	b.facts.Size = int64(len(h) + len(body))
	binary.LittleEndian.PutUint64(h[at.needed:], uint64(b.facts.Size))
	if b.err != nil {
		return nil, nil, b.err
	}
	return append(h, body...), &b.facts, nil
}

// header fills in the fields a crash dump has; the rest stays "PAGE".
func (b *builder) header() []byte {
	h := bytes.Repeat([]byte("PAGE"), int(b.lay.headerSize/4))
	at, le := header64(), binary.LittleEndian
	if b.lay.pointer == 4 {
		at = header32()
		h[0x5c] = 0 // PaeEnabled
		if b.spec.PAE {
			h[0x5c] = 1
		}
	} else {
		le.PutUint32(h[0x1038:], 0) // MiniDumpFields
	}
	copy(h, at.signature)
	le.PutUint32(h[8:], 15) // free build
	le.PutUint32(h[12:], b.spec.Build)
	ptr := func(off, v uint64) { putN(h[off:off+b.lay.pointer], v) }
	if b.running != nil && b.mem.ia64 == nil {
		ptr(at.root, b.running.root)
	} else {
		ptr(at.root, b.root)
	}
	ptr(at.pfn, b.lay.pfnDatabase)
	ptr(at.modules, b.facts.PsLoadedModuleList)
	ptr(at.processes, b.facts.PsActiveProcess)
	ptr(at.block, b.facts.DebuggerBlock)
	le.PutUint32(h[at.machine:], uint32(b.spec.Machine))
	le.PutUint32(h[at.processors:], 1)
	le.PutUint32(h[at.bugCheck:], bugCheck)
	clear(h[at.params:][:4*b.lay.pointer])
	le.PutUint32(h[at.kind:], b.spec.Type)
	le.PutUint64(h[at.systemTime:], 0x01c04395a2a3e800) // 2000-11-01
	le.PutUint64(h[at.upTime:], 36_000_000_000)         // one hour
	b.context(h[at.context:][:max(at.contextSize, uint64(len(b.contextBytes)))], at)
	clear(h[at.exception:][:0x50+72*(b.lay.pointer-4)/4])
	le.PutUint32(h[at.exception:], 0x80000003)
	return h
}

// context writes a CONTEXT whose instruction pointer is in the kernel's code.
func (b *builder) context(c []byte, at headerAt) {
	clear(c)
	if b.contextBytes != nil {
		copy(c, b.contextBytes)
		return
	}
	le, ip := binary.LittleEndian, b.spec.Modules[0].Base+pageSize
	if b.lay.pointer == 4 {
		le.PutUint32(c[at.contextFlags:], 0x1003f)
		le.PutUint32(c[0xb8:], uint32(ip)) // Eip
		return
	}
	le.PutUint32(c[at.contextFlags:], 0x10000f)
	le.PutUint32(c[0x34:], 0x1f80)  // MxCsr
	le.PutUint32(c[0x118:], 0x1f80) // and the copy in the FXSAVE area
	le.PutUint64(c[0xf8:], ip)      // Rip
}

// runs writes the PHYSICAL_MEMORY_DESCRIPTOR.
func (b *builder) runs(h []byte) {
	type run struct{ first, count uint64 }
	var list []run
	for _, f := range b.facts.Frames {
		if k := len(list) - 1; k >= 0 && list[k].first+list[k].count == f {
			list[k].count++
		} else {
			list = append(list, run{f, 1})
		}
	}
	if uint64(len(list)) > b.lay.mostRuns {
		b.failf("%d runs of frames, the header holds %d", len(list), b.lay.mostRuns)
		return
	}
	d, w := h[b.lay.headerRuns:], b.lay.pointer
	binary.LittleEndian.PutUint32(d, uint32(len(list)))
	putN(d[w:2*w], uint64(len(b.facts.Frames)))
	for i, r := range list {
		at := 2 * w * uint64(i+1)
		putN(d[at:at+w], r.first)
		putN(d[at+w:at+2*w], r.count)
	}
}

// bitmap returns the bitmap header and bits, padded to where the pages start.
// The number of bits is a multiple of 8: some readers count whole bytes only.
func (b *builder) bitmap() []byte {
	frames := b.facts.Frames
	bits := roundUp(frames[len(frames)-1]+1, 64)
	body := make([]byte, 0x38+bits/8)
	copy(body, "SDMPDUMP")
	first := roundUp(b.lay.headerSize+uint64(len(body)), b.mem.page())
	binary.LittleEndian.PutUint64(body[0x20:], first)
	binary.LittleEndian.PutUint64(body[0x28:], uint64(len(frames)))
	binary.LittleEndian.PutUint64(body[0x30:], bits)
	for _, f := range frames {
		body[0x38+f/8] |= 1 << (f % 8)
	}
	return append(body, make([]byte, first-b.lay.headerSize-uint64(len(body)))...)
}
