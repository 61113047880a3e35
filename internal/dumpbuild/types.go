package dumpbuild

import (
	"encoding/binary"

	"github.com/symres/symres/pdb"
)

// Offsets stand nowhere in this package: what a structure has where is read
// from the types of the kernel's PDB, which testdata/src describes.

// field finds the first of the paths that the structure has.
func (b *builder) field(typ string, paths ...string) (pdb.Field, bool) {
	for _, path := range paths {
		if f := b.lookUp(typ, path); f != nil {
			return *f, true
		}
	}
	return pdb.Field{}, false
}

// lookUp finds a field, and remembers what it found; nil is none.
func (b *builder) lookUp(typ, path string) *pdb.Field {
	name := typ + "." + path
	f, known := b.fields[name]
	if known {
		return f
	}
	if def, err := b.types.TypeByName("_" + typ); err == nil {
		if found, err := def.Field(path); err == nil {
			f = &found
		}
	}
	b.fields[name] = f
	return f
}

// has reports whether the structure has the field.
func (b *builder) has(typ, path string) bool {
	_, ok := b.field(typ, path)
	return ok
}

// off is where the first of the fields begins that the structure has.
func (b *builder) off(typ string, paths ...string) uint64 {
	f, ok := b.field(typ, paths...)
	if !ok {
		b.failf("the kernel's %s has no %q", typ, paths)
	}
	return f.Offset
}

// sizeOf is the size of a structure.
func (b *builder) sizeOf(typ string) uint64 {
	def, err := b.types.TypeByName("_" + typ)
	if err == nil {
		var n uint64
		if n, err = def.Size(); err == nil {
			return n
		}
	}
	b.failf("the kernel's types: %v", err)
	return 0
}

// symbol is the address of a variable or function of the kernel; 0 when it has
// none of that name.
func (b *builder) symbol(name string) uint64 {
	for _, name := range []string{name, "_" + name} { // as C decorates it on x86
		list, err := b.types.ByName(name)
		for _, s := range list {
			if err == nil && s.HasRVA {
				return b.spec.Modules[0].Base + uint64(s.RVA)
			}
		}
	}
	return 0
}

// variable stores a pointer in a variable of the kernel, if it has that.
func (b *builder) variable(name string, v uint64) {
	if at := b.symbol(name); at != 0 {
		b.putPtr(at, v)
	}
}

// record is a structure in memory.
type record struct {
	b    *builder
	root uint64 // of the address space it is in
	typ  string
	at   uint64
}

// record is a structure of the kernel.
func (b *builder) record(typ string, at uint64) record { return record{b, b.root, typ, at} }

// in is a structure of a process.
func (b *builder) in(root uint64, typ string, at uint64) record { return record{b, root, typ, at} }

// make allocates a structure.
func (b *builder) make(p *pool, tag, typ string) record {
	return b.record(typ, b.alloc(p, tag, b.sizeOf(typ)))
}

// addr is where a field is.
func (r record) addr(path string) uint64 { return r.at + r.b.off(r.typ, path) }

// set stores a field, which the structure must have.
func (r record) set(path string, v uint64) record {
	f, ok := r.b.field(r.typ, path)
	if !ok {
		r.b.failf("the kernel's %s has no %s", r.typ, path)
		return r
	}
	return r.put(f, v)
}

// may stores a field in kernels whose structure has it.
func (r record) may(path string, v uint64) record {
	if f, ok := r.b.field(r.typ, path); ok {
		return r.put(f, v)
	}
	return r
}

// put stores an integer, or some bits of one.
func (r record) put(f pdb.Field, v uint64) record {
	var word [8]byte
	if f.Size == 0 || f.Size > 8 {
		r.b.failf("%s.%s has %d bytes", r.typ, f.Name, f.Size)
		return r
	}
	if f.Bits != 0 && r.b.err == nil {
		old, err := r.b.mem.read(r.root, r.at+f.Offset, int(f.Size))
		r.b.fail(err)
		copy(word[:], old)
		mask := uint64(1)<<f.Bits - 1
		v = binary.LittleEndian.Uint64(word[:])&^(mask<<f.Bit) | v&mask<<f.Bit
	}
	binary.LittleEndian.PutUint64(word[:], v)
	return r.bytes(f.Offset, word[:f.Size])
}

// bytes stores p at an offset.
func (r record) bytes(off uint64, p []byte) record {
	if r.b.err == nil {
		r.b.fail(r.b.mem.write(r.root, r.at+off, p))
	}
	return r
}

// list makes a field the head of a list of links.
func (r record) list(path string, links ...uint64) record {
	if f, ok := r.b.field(r.typ, path); ok {
		r.b.linkIn(r.root, r.at+f.Offset, links)
	}
	return r
}

// name stores a UNICODE_STRING whose text is in the pool.
func (r record) name(p *pool, tag, path, s string) record {
	r.b.text(p, tag, r.addr(path), s)
	return r
}
