// Delve names an address of a crashed Windows process whose memory is read by
// delve's packages instead of ours: any debugger that has a ReadMemory method
// gets the symbols of symres without changing its own reader.
//
//	delve crash.dmp 'srv*/var/cache/sym;/mnt/symbols' 7ff7a13110d9
//
// It is a module of its own, so that nobody who imports symres gets delve too.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/go-delve/delve/pkg/proc"
	"github.com/go-delve/delve/pkg/proc/core"
	"github.com/go-delve/delve/pkg/proc/core/minidump"

	"github.com/symres/symres"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/target"
	"github.com/symres/symres/vadmath"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: delve DUMP SYMPATH ADDRESS")
		os.Exit(2)
	}
	if err := run(os.Stdout, os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(out io.Writer, dump, symbols, address string) error {
	addr, err := vadmath.ParseAddr(address)
	if err != nil {
		return err
	}
	m, err := minidump.Open(dump, nil)
	if err != nil {
		return err
	}
	t, err := target.New(target.Options{
		Memory: source(memory(m)), Modules: modules(m), SymbolPath: symbols,
		Warn: func(err error) { fmt.Fprintln(os.Stderr, err) },
	})
	if err != nil {
		return err
	}
	defer t.Close()
	at, err := t.Session().Resolve(context.Background(), addr)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s!%s+%#x (%v)\n", at.Module, at.Name, at.Displacement, at.Proof)
	return err
}

// memory puts the ranges of a dump together the way delve does.
func memory(m *minidump.Minidump) proc.MemoryReader {
	all := &core.SplicedMemory{}
	for i := range m.MemoryRanges {
		r := &m.MemoryRanges[i]
		all.Add(r, r.Addr, uint64(len(r.Data)))
	}
	return all
}

// source is all there is to it: a MemoryReader has the method of a
// [memsource.Source], and Strict gives it the contract. Short counts without an
// error, errors without an address, and a whole read lost for one byte of it
// become faults at the exact byte.
func source(r proc.MemoryReader) memsource.Source { return memsource.Strict(r) }

// modules takes over what delve knows of the modules. It does not read the
// CodeView records of the dump; image headers in memory have them as well, and
// without those the time stamp and the size find a copy of the image.
func modules(m *minidump.Minidump) (out []symres.Module) {
	for _, mod := range m.Modules {
		out = append(out, symres.Module{
			Image: mod.Name, Path: mod.Name, Base: mod.BaseOfImage, Size: (uint64(mod.SizeOfImage) + 0xfff) &^ 0xfff, SizeOfImage: mod.SizeOfImage,
			TimeDateStamp: mod.TimeDateStamp, CheckSum: mod.Checksum, Origin: "delve",
		})
	}
	return out
}
