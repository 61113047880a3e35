package pdb

import "iter"

// Module is what one object file, import library member or the linker itself
// contributed to the image.
type Module struct {
	Name      string // the object file, "* Linker *", "Import:KERNEL32.dll", ...
	Object    string // the library or object file it was taken from
	Stream    uint32 // number of the stream with its symbols and lines
	HasStream bool   // false: nothing private is known of it

	f   *File
	num int   // counted from 0
	err error // why nothing is known
}

// Module returns the module of a number, counted from 1, as symbols and lines refer to
// it. Of one that does not exist or cannot be read nothing is set, and its sequences
// give the error.
func (f *File) Module(n int) Module {
	m := Module{f: f, num: n - 1}
	if m.err = f.enter(); m.err != nil {
		return m
	}
	defer f.leave()
	list, err := f.loadModules()
	if err == nil && (n < 1 || n > list.len()) {
		err = damage("module list", 0, "no module %d among %d", n-1, list.len())
	}
	if err == nil {
		var info modInfo
		if info, err = f.moduleAt(list, n-1); err == nil {
			return info.module(f)
		}
	}
	m.err = err
	return m
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
			if m, err = f.moduleAt(list, i); err == nil && !yield(m.module(f), nil) {
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
func (m modInfo) module(f *File) Module {
	out := Module{f: f, num: m.num, Name: string(m.name), Object: string(m.objectLib)}
	if m.stream != noStream {
		out.Stream, out.HasStream = m.stream, true
	}
	return out
}

// open returns the stream of the module.
func (m Module) open() (*modStream, error) {
	if m.err != nil {
		return nil, m.err
	}
	return m.f.openModule(m.num)
}

// code returns what the module says about its code.
func (m Module) code() (*moduleCode, error) {
	if m.err != nil {
		return nil, m.err
	}
	return m.f.moduleCode(m.num)
}
