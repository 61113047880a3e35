package process

import (
	"errors"
	"io"
	"iter"
	"math"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
)

// linux reads /proc/PID/mem. Both files belong to the address space they were
// opened for: a later process of the same number is not mistaken for it.
type linux struct {
	pid int
	mem *os.File

	mu   sync.Mutex // guards the fields below
	maps *os.File
	last []Region // as of the latest look
}

func open(pid int) (system, error) {
	dir := "/proc/" + strconv.Itoa(pid)
	mem, err := os.Open(dir + "/mem")
	if err != nil {
		return nil, err
	}
	maps, err := os.Open(dir + "/maps")
	if err != nil {
		mem.Close()
		return nil, err
	}
	l := &linux{pid: pid, mem: mem, maps: maps}
	if _, err := l.look(); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *linux) close() error {
	err := l.mem.Close()
	if err2 := l.maps.Close(); err == nil {
		err = err2
	}
	return err
}

// look reads the regions as they are now.
func (l *linux) look() ([]Region, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.maps.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(l.maps)
	if errors.Is(err, syscall.ESRCH) {
		err = os.ErrProcessDone
	}
	if err != nil {
		return nil, err
	}
	all, err := parseMaps(text)
	if err == nil {
		l.last = all
	}
	return all, err
}

func (l *linux) regions(addr uint64) iter.Seq2[Region, error] {
	return func(yield func(Region, error) bool) {
		all, err := l.look()
		if err != nil {
			yield(Region{}, err)
			return
		}
		for _, r := range all[behind(all, addr):] {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// behind returns the index of the first region that ends behind addr.
func behind(all []Region, addr uint64) int {
	i, _ := slices.BinarySearchFunc(all, addr, func(r Region, addr uint64) int {
		if r.last() < addr {
			return -1
		}
		return 1
	})
	return i
}

// read keeps to what the process itself may read. The kernel would give more
// to a tracer: for memory that is only reserved, zeros that nobody ever wrote.
func (l *linux) read(buf []byte, addr uint64) (int, error) {
	r, ok := l.known(addr)
	if !ok || !r.Read || addr > math.MaxInt64 {
		return 0, nil
	}
	if left := r.last() - addr + 1; uint64(len(buf)) > left {
		buf = buf[:left]
	}
	n, err := l.mem.ReadAt(buf, int64(addr))
	if err == io.EOF { // what the kernel says when the process is gone
		err = os.ErrProcessDone
	}
	return n, err
}

// known returns the region of addr. Where the latest look has none that can be
// read there may be one by now.
func (l *linux) known(addr uint64) (Region, bool) {
	l.mu.Lock()
	all := l.last
	l.mu.Unlock()
	if r, ok := find(all, addr); ok && r.Read {
		return r, true
	}
	all, err := l.look()
	if err != nil {
		return Region{}, false
	}
	return find(all, addr)
}

func find(all []Region, addr uint64) (Region, bool) {
	if i := behind(all, addr); i < len(all) && all[i].Addr <= addr {
		return all[i], true
	}
	return Region{}, false
}
