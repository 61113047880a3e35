package dumpbuild

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/symres/symres/internal/pedisk"
)

// DemoMinidump is a user minidump of notepad.exe on x86, which wrote to address
// 0x10 in NotepadOpen: its modules, one thread with its stack, no image pages.
func DemoMinidump(read Reader) (Minidump, error) {
	const base, fault, stack = 0x01000000, 0x01001003, 0x0007f000
	f := files{read: read, dir: "x86"}
	exe, dll := f.get("user/x86/notepad.exe"), f.get("user/x86/ExplorerFrame.dll")
	if f.err != nil {
		return Minidump{}, f.err
	}
	app, err := minidumpModule(`C:\WINDOWS\notepad.exe`, base, exe)
	frame, err2 := minidumpModule(`C:\WINDOWS\system32\ExplorerFrame.dll`, 0x75f80000, dll)
	thread := MinidumpThread{ID: 0x4d8, Context: context32(fault, stack+0xe0, stack+0xf0),
		Stack: MinidumpRange{Addr: stack, Data: make([]byte, 0x100)}}
	return Minidump{
		Modules:  []MinidumpModule{app, frame},
		Unloaded: []MinidumpModule{{Name: "browseui.dll", Base: 0x75f00000, Size: 0x20000, Stamp: 0x41107b3d, CheckSum: 0x1234}},
		Threads:  []MinidumpThread{thread}, Exception: &thread, ExceptionAt: fault, ExceptionIs: 0xc0000005,
	}, errors.Join(err, err2)
}

// SeedMinidump is a minidump of a process of x64 that says all there is to say of
// the system, the process and its exception, an access to 7fff`00001234.
func SeedMinidump() Minidump {
	shared := make([]byte, 0x20) // of KUSER_SHARED_DATA
	binary.LittleEndian.PutUint64(shared[8:], 36e9)
	binary.LittleEndian.PutUint32(shared[16:], 36e9>>32)
	return Minidump{
		Architecture: 9, Platform: 2, ServicePack: "Service Pack 1", PID: 0x1908, Created: 0x45d35f73 - 60, Comment: "why\r\nit was made",
		Modules:     []MinidumpModule{{Name: `C:\app\app.exe`, Base: 0x140000000, Size: 0x9000, Stamp: 7}},
		Memory:      []MinidumpRange{{Addr: 0x7ffe0000, Data: shared}},
		Threads:     []MinidumpThread{{ID: 7, Name: "worker", Context: make([]byte, 1232)}},
		Exception:   &MinidumpThread{ID: 7, Context: make([]byte, 1232)},
		ExceptionAt: 0x140001000, ExceptionIs: 0xc0000005, Parameters: []uint64{8, 0x7fff00001234},
	}
}

// minidumpModule is the record of an image, with its CodeView record.
func minidumpModule(name string, base uint64, image []byte) (MinidumpModule, error) {
	h, err := pedisk.ReadHeaders(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		return MinidumpModule{}, err
	}
	m := MinidumpModule{Name: name, Base: base, Size: h.SizeOfImage, CheckSum: h.CheckSum, Stamp: h.TimeDateStamp}
	if at := bytes.Index(image, []byte("RSDS")); at >= 0 {
		const fixed = 24
		end := at + fixed + bytes.IndexByte(image[at+fixed:], 0) + 1
		m.CodeView = image[at:end]
	}
	return m, nil
}

// context32 is a CONTEXT of x86 (winnt.h) with the registers a walk begins at.
func context32(eip, esp, ebp uint32) []byte {
	b := make([]byte, 716)
	for at, v := range map[int]uint32{0: 0x10007, 0xb4: ebp, 0xb8: eip, 0xbc: 0x1b, 0xc0: 0x10246, 0xc4: esp} {
		binary.LittleEndian.PutUint32(b[at:], v)
	}
	return b
}
