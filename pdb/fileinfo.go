package pdb

import "github.com/symres/symres/internal/msf"

// The file information of the DBI stream lists the source files of each
// module:
//
//	u16 modules, u16 files, u16 [modules] first files, u16 [modules] counts,
//	u32 [sum of counts] offsets of names, names
//
// The number of files and the first ones wrap in large PDBs and are not used.
type fileInfo struct {
	w       msf.Walker
	modules int
	counts  uint32 // where the counts lie
	offsets uint32 // where the offsets lie
	names   uint32 // where the names lie
	end     uint32
}

// readFileInfo finds the parts; ok is false when they do not fit, or list
// nothing.
func (f *File) readFileInfo(modules int) (info fileInfo, ok bool, err error) {
	off, n, err := f.dbi.sub(subFiles, "file information")
	if err != nil {
		return info, false, ignoreDamage(err)
	}
	info = fileInfo{w: msf.Walker{Stream: f.dbi.s, Chunk: msf.ReadAhead}, modules: modules, end: off + n}
	if n < 4 || uint64(n-4) < uint64(modules)*4 {
		return info, false, nil
	}
	info.counts = off + 4 + uint32(modules)*2
	info.offsets = info.counts + uint32(modules)*2
	files := uint64(0)
	for i := range modules {
		b, err := info.w.Span(info.counts+uint32(i)*2, 2)
		if err != nil {
			return info, false, err
		}
		files += uint64(u16(b, 0))
	}
	if files == 0 || files*4 > uint64(info.end-info.offsets) {
		return info, false, nil
	}
	info.names = info.offsets + uint32(files)*4
	return info, true, nil
}

// modulesWith returns the numbers, from 0, of the modules that may have code
// from a file. Without usable file information these are all.
func (f *File) modulesWith(file string) ([]int, error) {
	m, err := f.loadModules()
	if err != nil || f.dbi == nil {
		return nil, err
	}
	info, ok, err := f.readFileInfo(m.len())
	if err != nil {
		return nil, err
	}
	if !ok {
		return allModules(m.len()), nil
	}
	list, err := info.with(foldPath(file))
	if err != nil && !fatal(err) {
		return allModules(m.len()), nil
	}
	return list, err
}

func allModules(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// with returns the modules that list a file.
func (info *fileInfo) with(file string) ([]int, error) {
	var list []int
	means := map[uint32]bool{}
	names := msf.Walker{Stream: info.w.Stream, Chunk: firstString}
	next := info.offsets
	for i := range info.modules {
		b, err := info.w.Span(info.counts+uint32(i)*2, 2)
		if err != nil {
			return nil, err
		}
		n := uint32(u16(b, 0))
		offs := msf.Walker{Stream: info.w.Stream, Chunk: 4 * n}
		found := false
		for j := range n {
			if b, err = offs.Span(next+j*4, 4); err != nil {
				return nil, err
			}
			off := u32(b, 0)
			is, known := means[off]
			if !known {
				if is, err = info.means(&names, off, file); err != nil {
					return nil, err
				}
				means[off] = is
			}
			found = found || is
		}
		if next += n * 4; found {
			list = append(list, i)
		}
	}
	return list, nil
}

// means reports whether the name at an offset is that of a file.
func (info *fileInfo) means(w *msf.Walker, off uint32, file string) (bool, error) {
	if off >= info.end-info.names {
		return false, damage(info.w.Stream.Name, int64(info.names), "file name at %#x of %#x bytes", off, info.end-info.names)
	}
	room := min(info.end-info.names-off, maxString+1)
	if err := w.Stream.Work().Spend(perEntry); err != nil {
		return false, err
	}
	n, err := w.Strlen(info.names+off, info.names+off+room)
	if err != nil && !fatal(err) && room > maxString { // longer than any path
		return false, w.Stream.Work().Spend(int(room))
	}
	if err == nil {
		err = w.Stream.Work().Spend(int(n))
	}
	if err != nil {
		return false, err
	}
	b, err := w.Span(info.names+off, n)
	return endsPath(foldPath(string(b)), file), err
}
