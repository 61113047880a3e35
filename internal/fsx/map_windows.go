package fsx

import (
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// mapBytes maps a file. This is the only file of the module that imports
// unsafe: the address of a view has to become a slice.
func mapBytes(f *os.File, size int) ([]byte, error) {
	h, err := windows.CreateFileMapping(windows.Handle(f.Fd()), nil, windows.PAGE_READONLY, 0, 0, nil)
	if err != nil {
		return nil, err
	}
	defer windows.CloseHandle(h) // the view keeps what it needs
	addr, err := windows.MapViewOfFile(h, windows.FILE_MAP_READ, 0, 0, uintptr(size))
	if err != nil {
		return nil, err
	}
	// The view is no memory of Go's, so that the collector never moves it.
	return unsafe.Slice((*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&addr))), size), nil
}

func unmapBytes(b []byte) error {
	return windows.UnmapViewOfFile(uintptr(unsafe.Pointer(unsafe.SliceData(b))))
}

// advise leaves fetching to the system, which reads mapped files in clusters.
func advise([]byte, int, int) {}
