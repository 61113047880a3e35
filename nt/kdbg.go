package nt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"github.com/symres/symres/memsource"
	"github.com/symres/symres/pdb"
)

// findBlock completes what the target did not say of itself from the symbols
// of the kernel's PDB: where its lists are, and the debugger data block, which
// is decoded where it is encoded.
func (k *Kernel) findBlock(f *pdb.File) error {
	base, err := k.Base()
	if err != nil || k.plain == nil {
		return nil // a target without a block has said all it knows
	}
	sym := symbolFinder{f: f, base: base}
	k.prcbs = sym.addr("KiProcessorBlock")
	if k.header.PsActiveProcessHead == 0 {
		k.header.PsActiveProcessHead = sym.addr("PsActiveProcessHead")
	}
	if k.header.PsLoadedModuleList == 0 {
		k.header.PsLoadedModuleList = sym.addr("PsLoadedModuleList")
	}
	if _, err := k.debuggerData(); err == nil {
		return nil
	}
	block := sym.addr("KdDebuggerDataBlock")
	if block == 0 {
		return fmt.Errorf("debugger data block: %w", pdb.ErrNotFound)
	}
	k.header.KdDebuggerDataBlock = block
	if _, err := k.debuggerData(); err == nil {
		return nil
	}
	decoded, err := decodeBlock(k.plain, block, sym.addr("KdpDataBlockEncoded"), sym.addr("KiWaitNever"), sym.addr("KiWaitAlways"))
	if err != nil {
		return err
	}
	k.block = decoded
	return nil
}

// symbolFinder finds addresses of the kernel's symbols.
type symbolFinder struct {
	f    *pdb.File
	base uint64
}

// addr is the address of a symbol; 0 when the PDB has none of that name. Public
// PDBs of x86 have it as C decorates it.
func (s symbolFinder) addr(name string) uint64 {
	for _, name := range []string{name, "_" + name} {
		list, err := s.f.ByName(name)
		if err != nil {
			return 0
		}
		for _, sym := range list {
			if sym.HasRVA {
				return s.base + uint64(sym.RVA)
			}
		}
	}
	return 0
}

const maxBlock = 0x1000 // bytes; the block of Windows 11 has some 0x3a0

// decodeBlock returns a source of the debugger data block at block, decoded the
// way x64 kernels since Windows 8 encode it while no debugger is attached
// (elf2dmp): every 8 bytes are combined with two secrets and an address. The
// three other addresses are those of the flag that says so and the secrets.
func decodeBlock(src memsource.Source, block, encoded, never, always uint64) (memsource.Source, error) {
	if encoded == 0 || never == 0 || always == 0 {
		return nil, fmt.Errorf("encoded debugger data block: %w", pdb.ErrNotFound)
	}
	flag, err := structure(src, "flag of the debugger data block", encoded, 1)
	if err == nil && flag[0] != 1 {
		err = malformed(block, "debugger data block that is neither plain nor encoded")
	}
	n, err1 := memsource.U64(src, never)
	a, err2 := memsource.U64(src, always)
	if err = errors.Join(err, err1, err2); err != nil {
		return nil, err
	}
	decode := func(size int) ([]byte, error) {
		b, err := structure(src, "debugger data block", block, size)
		if err != nil {
			return nil, err
		}
		for i := 0; i+8 <= len(b); i += 8 {
			v := bits.RotateLeft64(binary.LittleEndian.Uint64(b[i:])^n, int(n&63)) ^ encoded
			binary.LittleEndian.PutUint64(b[i:], bits.ReverseBytes64(v)^a)
		}
		return b, nil
	}
	header, err := decode(kdHeader)
	if err != nil {
		return nil, err
	}
	size := binary.LittleEndian.Uint32(header[kdSize:])
	if tag := binary.LittleEndian.Uint32(header[kdTag:]); tag != kdOwner || size < kdHeader || size > maxBlock {
		return nil, malformed(block, "encoded debugger data block with tag %#x and size %#x", tag, size)
	}
	whole, err := decode(int(size+7) &^ 7)
	if err != nil {
		return nil, err
	}
	var s memsource.Sparse
	if err := s.Add(block, whole); err != nil {
		return nil, err
	}
	return memsource.Overlay(&s, src), nil
}
