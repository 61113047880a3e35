package identify

import (
	"fmt"
	"strings"
)

// UnloadedError says that an address in no module lies where the target remembers
// to have unloaded some. It wraps the error it was made of.
type UnloadedError struct {
	Addr    uint64
	Modules []Module // whose range it is in, in the order of the list, at most 8
	Err     error
}

// maxUnloadedAt bounds the modules an error lists: several can have had an address,
// and a forged list can have thousands.
const maxUnloadedAt = 8

// OrUnloaded returns err, or an [*UnloadedError] if unloaded modules in the
// list covered the address.
func OrUnloaded(err error, list []Module, addr uint64) error {
	var at []Module
	for i := range list {
		if list[i].Contains(addr) && len(at) < maxUnloadedAt {
			at = append(at, list[i])
		}
	}
	if at == nil {
		return err
	}
	return &UnloadedError{Addr: addr, Modules: at, Err: err}
}

// Error says which modules there were, in the way of debuggers:
// "72540100: no such module; <Unloaded_KBDRU.DLL>+0x100 was there".
func (e *UnloadedError) Error() string {
	var names []string
	for _, m := range e.Modules {
		names = append(names, fmt.Sprintf("<Unloaded_%s>+%#x", baseName(m.Image), e.Addr-m.Base))
	}
	verb := " was there"
	if len(names) > 1 {
		verb = " were there"
	}
	return e.Err.Error() + "; " + strings.Join(names, " and ") + verb
}

// Unwrap returns the error it was made of.
func (e *UnloadedError) Unwrap() error { return e.Err }
