package pdb

import (
	"fmt"
	"iter"

	"github.com/symres/symres/internal/msf"
)

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
		n, err := info.count(i)
		if err != nil {
			return info, false, err
		}
		files += uint64(n)
	}
	if files == 0 || files*4 > uint64(info.end-info.offsets) {
		return info, false, nil
	}
	info.names = info.offsets + uint32(files)*4
	return info, true, nil
}

// count returns how many files a module has.
func (info *fileInfo) count(module int) (uint32, error) {
	b, err := info.w.Span(info.counts+uint32(module)*2, 2)
	if err != nil {
		return 0, err
	}
	return uint32(u16(b, 0)), nil
}

// modulesWith returns the numbers, from 0, of the modules that may have code
// from a file. Without usable file information these are all.
func (f *File) modulesWith(file string) ([]int, error) {
	m, err := f.loadModules()
	if err != nil {
		return nil, err
	}
	info, ok, err := f.readFileInfo(m.len())
	var list []int
	if ok && err == nil {
		list, err = info.with(foldPath(file))
	}
	if !ok && err == nil || err != nil && !fatal(err) {
		for i := range m.len() {
			list = append(list, i)
		}
	}
	return list, ignoreDamage(err)
}

// with returns the modules that list a file.
func (info *fileInfo) with(file string) ([]int, error) {
	var list []int
	means := map[uint32]bool{}
	names := msf.Walker{Stream: info.w.Stream, Chunk: firstString}
	next := info.offsets
	for i := range info.modules {
		n, err := info.count(i)
		if err != nil {
			return nil, err
		}
		offs := msf.Walker{Stream: info.w.Stream, Chunk: 4 * n}
		found := false
		for j := range n {
			b, err := offs.Span(next+j*4, 4)
			if err != nil {
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

// ChecksumKind is how the checksum of a source file was made (cvinfo.h,
// CV_SourceChksum_t).
type ChecksumKind uint8

// Kinds of checksums.
const (
	ChecksumNone   ChecksumKind = 0
	ChecksumMD5    ChecksumKind = 1
	ChecksumSHA1   ChecksumKind = 2
	ChecksumSHA256 ChecksumKind = 3
)

// String returns the usual name of the kind.
func (k ChecksumKind) String() string {
	switch k {
	case ChecksumNone:
		return "none"
	case ChecksumMD5:
		return "MD5"
	case ChecksumSHA1:
		return "SHA1"
	case ChecksumSHA256:
		return "SHA256"
	}
	return fmt.Sprintf("checksum kind %d", uint8(k))
}

// SourceFile is a source file of a module. It does not depend on the File.
type SourceFile struct {
	Name     string // as the compiler saw it
	Kind     ChecksumKind
	Checksum string // the bytes of the checksum, none where there is none
}

// SourceFiles enumerates the source files that the code of the module comes
// from, in the order the module lists them; some may have no code left.
//
// A damaged module gives an error, satisfying errors.Is(err, [ErrFormat]), in
// the end; an error of reading ends the sequence.
func (m Module) SourceFiles() iter.Seq2[SourceFile, error] {
	f := m.f
	return granted(f, f.msf.Work.Point(), func(yield func(SourceFile, error) bool) error {
		c, err := m.code()
		if err != nil {
			return err
		}
		for _, s := range c.files {
			file := SourceFile{Kind: s.kind}
			if file.Name, err = f.fileName(c, s.at); err != nil {
				return err
			}
			if s.own == 0 {
				sum, err := c.ms.s.Bytes(s.sum, uint32(s.size))
				if err != nil {
					return err
				}
				file.Checksum = string(sum)
			}
			if !yield(file, nil) {
				return nil
			}
		}
		return c.bad
	})
}
