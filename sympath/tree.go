package sympath

import (
	"errors"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/symres/symres/internal/fsx"
)

// treeStore is a plain directory with everything below it, which is how WinDbg
// searches the image path (setting-symbol-and-source-paths-in-windbg.md) and
// never the symbol path.
type treeStore struct{ place }

// The bounds of a tree that is searched.
const (
	maxTreeDirs  = 10_000
	maxTreeDepth = 64
)

var errTreeTooLarge = errors.New("too many directories: not all of them were searched")

// search looks in the directory itself, then in those one level down and so
// on, each level in the order of names. Links to directories are not followed:
// they could lead in circles.
func (d treeStore) search(s *search) bool {
	if s.holds(d.place, "pingme.txt") {
		return symsrvStore{place{name: d.name, fsys: d.fsys, origin: OriginSymsrv}}.search(s)
	}
	start, found := time.Now(), false
	dirs := []string{"."}
	for i := 0; i < len(dirs) && i < maxTreeDirs; i++ {
		entries, err := fs.ReadDir(d.fsys, dirs[i])
		if err = fsx.Named(err); err != nil && (i == 0 || errors.Is(err, ErrTooManyFiles)) {
			a := Attempt{Store: d.name, Origin: d.origin, Location: d.location(s.query.File)}
			a.Status, a.Err = d.classify(err)
			s.note(a, start)
			return s.alive()
		}
		for _, e := range entries {
			name := path.Join(dirs[i], e.Name())
			switch {
			case e.IsDir() && strings.Count(name, "/") < maxTreeDepth:
				dirs = append(dirs, name)
			case !e.IsDir() && strings.EqualFold(e.Name(), s.query.File):
				found = true
				a := Attempt{Store: d.name, Origin: d.origin, Location: d.locate(name)}
				if !s.take(d.place)(name, a, time.Now()) {
					return false
				}
			}
		}
		if !s.alive() {
			return false
		}
	}
	d.close(s, found, len(dirs), start)
	return s.alive()
}

// close notes a search that found nothing, or left something out.
func (d treeStore) close(s *search, found bool, dirs int, start time.Time) {
	a := Attempt{Store: d.name, Origin: d.origin, Location: d.location("...", s.query.File), Status: StatusNotFound}
	if dirs > maxTreeDirs {
		a.Status, a.Err = StatusError, errTreeTooLarge
	}
	if !found || a.Err != nil {
		s.note(a, start)
	}
}
