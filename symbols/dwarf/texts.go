package dwarf

import "sync"

// textsPerByte is how many bytes of texts a unit keeps for each of its own.
const textsPerByte = 1

// texts are the names of a unit that were asked for: they take longer to find than
// all else of an answer.
type texts struct {
	mu        sync.Mutex
	functions map[uint64]string // by their entries, as they are shown
	files     map[uint32]string
	left      int // bytes it may still keep
}

// remembered returns what a map has, or makes it and keeps it if there is room.
func remembered[K comparable](t *texts, in *map[K]string, at K, make func() (string, error)) (string, error) {
	t.mu.Lock()
	text, ok := (*in)[at]
	t.mu.Unlock()
	if ok {
		return text, nil
	}
	text, err := make()
	if err != nil {
		return "", err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.left -= costText + len(text); t.left < 0 {
		return text, nil
	}
	if *in == nil {
		*in = map[K]string{}
	}
	(*in)[at] = text
	return text, nil
}

// function is the name of a function or inlined call as it is shown.
func (u *unit) function(e *entity, w *work) (string, error) {
	return remembered(&u.texts, &u.texts.functions, e.off, func() (string, error) {
		n, err := u.t.nameOf(u, e.off, w)
		return n.shown(), err
	})
}

// file is the path of a file of the unit's line table.
func (u *unit) file(l *lineTable, number uint32, w *work) (string, error) {
	return remembered(&u.texts, &u.texts.files, number, func() (string, error) {
		return l.file(&u.root, number, w)
	})
}
