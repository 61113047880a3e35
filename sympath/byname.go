package sympath

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/symres/symres/internal/fsx"
)

// The bounds of a search by name in a store that is laid out by keys.
const (
	maxByName     = 64     // files that are offered
	maxByNameDirs = 10_000 // keys of one name that are looked at
)

// build is the directory of one build of a file in a symbol store.
type build struct {
	name string // slash-separated
	key  string
	made time.Time
}

// searchName offers what the store has under a name, for a query without a key:
// the newest builds first, each key once in a search. Which of them is the
// wanted one is for the caller to find out: the candidates claim nothing, as
// those of a plain directory do, and are not copied into caches.
func (d symsrvStore) searchName(s *search, dir []string) bool {
	d.origin = OriginDir
	wrap := s.wrap
	s.wrap = nil
	defer func() { s.wrap = wrap }()
	start, offered := time.Now(), 0
	builds, missing, err := d.builds(dir)
	for _, b := range builds {
		if s.named[strings.ToUpper(b.key)] {
			continue
		}
		if offered == maxByName {
			err = fmt.Errorf("%w: the %d newest of %d were looked at", ErrTooMany, maxByName, len(builds))
			break
		}
		found, goOn := d.offerBuild(s, b)
		if !goOn {
			return false
		}
		if found {
			offered++
			s.name(b.key)
		}
	}
	a := Attempt{Store: d.name, Origin: d.origin, Location: d.location(append(dir[:len(dir):len(dir)], "*", s.query.File)...)}
	switch {
	case err != nil:
		a.Status, a.Err = StatusError, cause(err)
	case offered > 0:
		return s.alive()
	default:
		a.Status = missing
	}
	s.note(a, start)
	return s.alive()
}

// name remembers a key whose file was offered.
func (s *search) name(key string) {
	if s.named == nil {
		s.named = map[string]bool{}
	}
	s.named[strings.ToUpper(key)] = true
}

// builds lists the keys of a file, the newest directory first. missing is what
// to say where there is none.
func (d symsrvStore) builds(dir []string) (out []build, missing Status, err error) {
	missing = StatusNotFound
	for name, err := range fsx.Matches(d.fsys, dir...) {
		if err != nil {
			status, detail := d.classify(err)
			if status == StatusError {
				return out, status, detail
			}
			missing = status
			continue
		}
		entries, err := fs.ReadDir(d.fsys, name)
		if err != nil {
			return out, StatusError, err
		}
		for _, e := range entries {
			if !isKey(e.Name()) {
				continue
			}
			if len(out) == maxByNameDirs {
				return out, StatusError, fmt.Errorf("%w: %d builds were looked at", ErrTooMany, maxByNameDirs)
			}
			b := build{name: path.Join(name, e.Name()), key: e.Name()}
			if fi, err := e.Info(); err == nil {
				b.made = fi.ModTime()
			}
			out = append(out, b)
		}
	}
	slices.SortFunc(out, func(a, b build) int { return cmp.Or(b.made.Compare(a.made), strings.Compare(a.name, b.name)) })
	return out, missing, nil
}

// offerBuild offers the file of one build, or its compressed form.
func (d symsrvStore) offerBuild(s *search, b build) (found, goOn bool) {
	file := s.query.File
	d.key = b.key
	for _, form := range []struct {
		name string
		take func(string, Attempt, time.Time) bool
	}{{file, s.take(d.place)}, {compressedName(file), s.takeCompressed(d.place)}} {
		for name, err := range fsx.Matches(d.fsys, append(strings.Split(b.name, "/"), form.name)...) {
			if err != nil {
				continue // no such form
			}
			found = true
			a := Attempt{Store: d.name, Origin: d.origin, Location: d.locate(name)}
			if !form.take(name, a, time.Now()) {
				return found, false
			}
		}
		if found {
			break
		}
	}
	return found, s.alive()
}
