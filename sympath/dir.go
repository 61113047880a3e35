package sympath

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"path"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/symres/symres/internal/cab"
	"github.com/symres/symres/internal/fsx"
)

// Dir is the store of a plain directory, searched by name alone in the order
// of dbghelp: the directory itself, then its subdirectory named after the
// image's extension, then that in its subdirectory symbols; nothing deeper.
// A directory that holds pingme.txt is a symbol store and is read as one. name
// is what locations and attempts call it.
func Dir(name string, fsys fs.FS) Store {
	return dirStore{place{name: name, fsys: fsys, origin: OriginDir}}
}

// Symsrv is the store of a symbol store directory, laid out as
// file\key\file, or as fi\file\key\file when its root holds index2.txt. For a
// query without an identity it yields what it has under the name, the newest 64
// builds at most, as candidates of [OriginDir].
func Symsrv(name string, fsys fs.FS) Store {
	return symsrvStore{place{name: name, fsys: fsys, origin: OriginSymsrv}}
}

type dirStore struct{ place }

func (d dirStore) Find(ctx context.Context, q Query) iter.Seq2[Candidate, error] {
	return find(ctx, q, d)
}

func (d dirStore) search(s *search) bool {
	if s.holds(d.place, "pingme.txt") {
		if d.origin = OriginSymsrv; d.reopen != nil {
			d.origin = OriginUNC
		}
		return symsrvStore(d).search(s)
	}
	probes := [][]string{{s.query.File}}
	if ext, ok := s.query.imageExt(); ok {
		probes = append(probes, []string{ext, s.query.File}, []string{"symbols", ext, s.query.File})
	}
	for _, parts := range probes {
		s.probe(d.place, s.take(d.place), parts...)
		if s.over {
			return false
		}
	}
	return true
}

// imageExt is the name of the subdirectory that plain directories keep the
// symbols of such an image in.
func (q Query) imageExt() (string, bool) {
	if q.ImageExt != "" {
		return cleanExt(q.ImageExt)
	}
	ext := path.Ext(q.File)
	if strings.EqualFold(ext, ".pdb") || strings.EqualFold(ext, ".dbg") {
		return "", false
	}
	return cleanExt(ext)
}

func holds(fsys fs.FS, name string) bool {
	_, err := fsx.Lookup(fsys, name)
	return err == nil
}

// holds reports whether a place has the file that says how it is laid out. That
// it could not be looked for is an attempt that failed.
func (s *search) holds(p place, name string) bool {
	start := time.Now()
	_, err := fsx.Lookup(p.fsys, name)
	if err = fsx.Named(err); errors.Is(err, ErrTooManyFiles) {
		s.note(Attempt{Store: p.name, Origin: p.origin, Location: p.location(name), Status: StatusError, Err: cause(err)}, start)
	}
	return err == nil
}

type symsrvStore struct{ place }

func (d symsrvStore) Find(ctx context.Context, q Query) iter.Seq2[Candidate, error] {
	return find(ctx, q, d)
}

func (d symsrvStore) search(s *search) bool {
	file := s.query.File
	keys := s.query.ID.Keys()
	if len(keys) == 0 && d.reopen != nil { // a share: too much to ask of it
		s.note(Attempt{Store: d.name, Origin: d.origin, Location: d.location(file), Status: StatusNoKey}, time.Now())
		return s.alive()
	}
	dir := []string{file}
	if s.holds(d.place, "index2.txt") {
		dir = []string{firstTwo(file), file}
	}
	if len(keys) == 0 {
		return d.searchName(s, dir)
	}
	for _, key := range keys {
		if !d.searchKey(s, append(dir[:len(dir):len(dir)], key)) {
			return false
		}
	}
	return true
}

// takeCompressed offers a file that must be expanded to be read, and notes why
// another cannot.
func (s *search) takeCompressed(p place) func(string, Attempt, time.Time) bool {
	return func(name string, a Attempt, start time.Time) bool {
		f, err := openFile(p.fsys, name, a.Location)
		if err == nil {
			err = expandable(f)
			f.Close()
		}
		if a.Status = StatusFound; err != nil {
			a.Status, a.Err = StatusError, cause(err)
		}
		if errors.Is(err, errors.ErrUnsupported) {
			a.Status = StatusUnsupported
		}
		s.note(a, start)
		if err != nil {
			return true
		}
		return s.offer(Candidate{
			Location: a.Location, Origin: p.origin, Store: p.name,
			open: func(ctx context.Context) (File, error) {
				return p.openExpanded(ctx, name, a.Location)
			},
		})
	}
}

// expandable looks at the head of a container.
func expandable(f File) error {
	c, err := cab.Expand(f, f.Size(), cab.Limits{})
	if err != nil {
		return err
	}
	return c.Close()
}

// searchKey looks for the three forms of a file in the order of symsrv: as it
// is, compressed, and as a pointer. dir is the directory of one key.
func (d symsrvStore) searchKey(s *search, dir []string) bool {
	in := func(file string) []string { return append(dir[:len(dir):len(dir)], file) }
	exists := s.probe(d.place, s.take(d.place), in(s.query.File)...)
	if s.over || !exists {
		return !s.over
	}
	s.probe(d.place, s.takeCompressed(d.place), in(compressedName(s.query.File))...)
	if !s.over {
		s.probe(d.place, s.takePointer(d.place), in("file.ptr")...)
	}
	return !s.over
}

// compressedName is the name of the compressed form of a file: the last
// character of the whole name becomes an underscore.
func compressedName(file string) string {
	_, n := utf8.DecodeLastRuneInString(file)
	return file[:len(file)-n] + "_"
}

// firstTwo is the upper directory of a two-tier store: the first two
// characters of the name, or the one it has.
func firstTwo(file string) string {
	_, n := utf8.DecodeRuneInString(file)
	_, m := utf8.DecodeRuneInString(file[n:])
	return file[:n+m]
}
