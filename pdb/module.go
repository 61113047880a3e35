package pdb

import "iter"

// Module is what one object file, import library member or the linker itself
// contributed to the image.
type Module struct {
	Name      string // the object file, "* Linker *", "Import:KERNEL32.dll", ...
	Object    string // the library or object file it was taken from
	Stream    uint32 // number of the stream with its symbols and lines
	HasStream bool   // false: nothing private is known of it
}

// Modules enumerates the modules in the order of their numbers. An error ends
// the sequence; it satisfies errors.Is(err, [ErrFormat]) or comes from reading.
func (f *File) Modules() iter.Seq2[Module, error] {
	return func(yield func(Module, error) bool) {
		if err := f.enter(); err != nil {
			yield(Module{}, err)
			return
		}
		defer f.leave()
		list, err := f.loadModules()
		for i := 0; err == nil && i < list.len(); i++ {
			if err = f.check(); err != nil {
				break
			}
			var m modInfo
			if m, err = f.moduleAt(list, i); err == nil && !yield(m.module(), nil) {
				return
			}
		}
		if err == nil {
			err = list.bad
		}
		if err != nil {
			yield(Module{}, err)
		}
	}
}

// module returns the public form of a record.
func (m modInfo) module() Module {
	out := Module{Name: string(m.name), Object: string(m.objectLib)}
	if m.stream != noStream {
		out.Stream, out.HasStream = m.stream, true
	}
	return out
}
