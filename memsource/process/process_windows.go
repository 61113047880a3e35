package process

import (
	"context"
	"errors"
	"iter"
	"math"
	"os"
	"sync"

	"golang.org/x/sys/windows"
)

// windowsProcess reads through a handle.
type windowsProcess struct{ handle windows.Handle }

func open(pid int) (system, error) {
	if pid < 0 || pid > math.MaxUint32>>1 {
		return nil, os.ErrNotExist
	}
	h, err := windows.OpenProcess(windows.PROCESS_VM_READ|windows.PROCESS_QUERY_INFORMATION, false, uint32(pid))
	switch {
	case errors.Is(err, windows.ERROR_INVALID_PARAMETER): // what it says of a number nobody has
		return nil, os.ErrProcessDone
	case err != nil:
		return nil, err
	}
	return windowsProcess{h}, nil
}

func (p windowsProcess) close() error { return windows.CloseHandle(p.handle) }

// threads and stopped are of Linux so far.
func (p windowsProcess) threads() ([]int, error) { return nil, errors.ErrUnsupported }

func (p windowsProcess) stopped(context.Context, *Thread) error { return errors.ErrUnsupported }

func (p windowsProcess) read(buf []byte, addr uint64) (int, error) {
	return readPages(p.copy, buf, addr)
}

func (p windowsProcess) copy(buf []byte, addr uint64) error {
	if addr > math.MaxUint64>>1 || uint64(uintptr(addr)) != addr {
		return windows.ERROR_INVALID_ADDRESS
	}
	var n uintptr
	return windows.ReadProcessMemory(p.handle, uintptr(addr), &buf[0], uintptr(len(buf)), &n)
}

// Sizes of structures, by the width of a pointer: 0 for 32 bits, 1 for 64.
const (
	wide       = ^uintptr(0) >> 63
	memorySize = 28 + 20*wide // MEMORY_BASIC_INFORMATION
	handleSize = 4 << wide
)

// Values of winnt.h that x/sys has no names for.
const (
	memCommit     = 0x1000
	memImage      = 0x1000000
	pageNoAccess  = 0x01
	pageGuard     = 0x100
	pageWritable  = 0x04 | 0x08 | 0x40 | 0x80
	pageExecutes  = 0x10 | 0x20 | 0x40 | 0x80
	pageExecsOnly = 0x10
)

// regions asks for one after the other, as MiniDumpWriteDump does. What is
// reserved is not mapped.
func (p windowsProcess) regions(addr uint64) iter.Seq2[Region, error] {
	return func(yield func(Region, error) bool) {
		names := sync.OnceValue(p.names)
		for {
			var m windows.MemoryBasicInformation
			if uint64(uintptr(addr)) != addr || windows.VirtualQueryEx(p.handle, uintptr(addr), &m, memorySize) != nil || m.RegionSize == 0 {
				return // behind the last address of a process it fails
			}
			next := uint64(m.BaseAddress) + uint64(m.RegionSize)
			if m.State == memCommit && !yield(region(m, names), nil) {
				return
			}
			if next <= addr {
				return
			}
			addr = next
		}
	}
}

func region(m windows.MemoryBasicInformation, names func() map[uintptr]string) Region {
	r := Region{
		Addr: uint64(m.BaseAddress), Size: uint64(m.RegionSize), Write: m.Protect&pageWritable != 0,
		Read: m.Protect&(pageNoAccess|pageGuard) == 0 && m.Protect&0xff != pageExecsOnly, Exec: m.Protect&pageExecutes != 0,
	}
	if m.Type == memImage {
		r.Path = names()[m.AllocationBase]
	}
	return r
}

// names returns the paths of the loaded modules by base address; none where
// the list cannot be had, as while a process starts.
func (p windowsProcess) names() map[uintptr]string {
	modules := make([]windows.Handle, 1024)
	var needed uint32
	const all = 3 // LIST_MODULES_ALL
	if windows.EnumProcessModulesEx(p.handle, &modules[0], uint32(len(modules)*handleSize), &needed, all) != nil {
		return nil
	}
	names := map[uintptr]string{}
	path := make([]uint16, windows.MAX_LONG_PATH)
	for _, m := range modules[:min(len(modules), int(needed)/handleSize)] {
		if windows.GetModuleFileNameEx(p.handle, m, &path[0], uint32(len(path))) == nil {
			names[uintptr(m)] = windows.UTF16ToString(path)
		}
	}
	return names
}
