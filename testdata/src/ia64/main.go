// Command ia64 makes images and PDBs of Itanium out of those that a linker for
// x64 wrote: it changes the machine in their headers and the checksum of images.
//
// Usage: ia64 FILE...
package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
)

const machine = 0x200 // IMAGE_FILE_MACHINE_IA64

func main() {
	for _, name := range os.Args[1:] {
		if err := change(name); err != nil {
			fmt.Fprintf(os.Stderr, "ia64: %s: %v\n", name, err)
			os.Exit(1)
		}
	}
}

func change(name string) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if bytes.HasPrefix(b, []byte("MZ")) {
		image(b)
	} else if err := pdb(b); err != nil {
		return err
	}
	return os.WriteFile(name, b, 0o644)
}

// image changes a PE32+ file.
func image(b []byte) {
	le := binary.LittleEndian
	at := le.Uint32(b[0x3c:])
	le.PutUint16(b[at+4:], machine)
	optional := at + 24
	clear(b[optional+112+8*3:][:8]) // the exception directory
	sum := b[optional+64:]
	clear(sum[:4])
	total := uint32(0)
	for i := 0; i < len(b); i += 2 {
		v := uint32(b[i])
		if i+1 < len(b) {
			v |= uint32(b[i+1]) << 8
		}
		total += v
		total = total&0xffff + total>>16
	}
	le.PutUint32(sum, total+uint32(len(b)))
}

// pdb changes the machine in the DBI stream, which is stream 3 (field order of
// LLVM's documentation).
func pdb(b []byte) error {
	const dbi, machineAt = 3, 58
	le := binary.LittleEndian
	block := le.Uint32(b[32:])
	size, list := le.Uint32(b[44:]), le.Uint32(b[52:])
	if !bytes.HasPrefix(b, []byte("Microsoft C/C++ MSF 7.00")) || size > block {
		return errors.New("no PDB with a directory of one block")
	}
	dir := b[le.Uint32(b[list*block:])*block:][:size]
	at := 4 + 4*le.Uint32(dir)
	for i := range uint32(dbi) {
		if n := le.Uint32(dir[4+4*i:]); n != 1<<32-1 {
			at += (n + block - 1) / block * 4
		}
	}
	le.PutUint16(b[le.Uint32(dir[at:])*block+machineAt:], machine)
	return nil
}
