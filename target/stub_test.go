package target_test

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"testing"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/internal/gdbserve"
	"github.com/symres/symres/memsource/memtest"
	"github.com/symres/symres/target"
	"github.com/symres/symres/unwind"
)

// TestGDB takes a module that is named behind a stub without physical memory.
func TestGDB(t *testing.T) {
	image, err := memtest.Image(fixture.Bytes(t, "fs_rec/x64/good/fs_rec.sys"))
	if err != nil {
		t.Fatal(err)
	}
	address := gdbserve.Serve(t, image.Source())
	opts := target.Options{SymbolPath: filepath.Dir(fixture.Path(t, "fs_rec/x64/good/fs_rec.pdb"))}
	if _, err := target.GDB(t.Context(), address, opts); !errors.Is(err, target.ErrNoPhysical) {
		t.Errorf("no modules: %v", err)
	}
	opts.Modules = []symres.Module{{Image: "fs_rec.sys", Base: image.Base(), Size: image.Size()}}
	tg, err := target.GDB(t.Context(), address, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	if names := lookup(t, tg, "fs_rec!DriverEntry"); len(names) != 1 || tg.Kind() != target.KindStub {
		t.Errorf("%v", names)
	}
	opts.Process = "notepad.exe"
	if e, ok := optionError(target.GDB(t.Context(), address, opts)); !ok || e.Option != "Process" {
		t.Errorf("a process behind a stub without a kernel: %v", e)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if _, err := target.GDB(t.Context(), l.Addr().String(), opts); err == nil {
		t.Error("nobody listens there")
	}
}

// TestGDB_threads: the thread on the processor of a stub has its registers.
func TestGDB_threads(t *testing.T) {
	image, err := memtest.Image(fixture.Bytes(t, "fs_rec/x64/good/fs_rec.sys"))
	if err != nil {
		t.Fatal(err)
	}
	registers := []gdbserve.Register{{Name: "rip", Value: image.Base() + 0x5000}, {Name: "rsp", Value: 0x7000}, {Name: "rbp", Value: 0x7040}}
	address := gdbserve.ServeRegisters(t, image.Source(), registers)
	tg, err := target.GDB(t.Context(), address, target.Options{
		SymbolPath: filepath.Dir(fixture.Path(t, "fs_rec/x64/good/fs_rec.pdb")),
		Modules:    []symres.Module{{Image: "fs_rec.sys", Base: image.Base(), Size: image.Size()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	n := 0
	for th, err := range tg.Threads(t.Context()) {
		want := target.Registers{IP: registers[0].Value, SP: 0x7000, FP: 0x7040}
		if n++; err != nil || th.Registers != want || th.Origin != "registers of the stub" || th.Context.KnownInt != 1<<unwind.RegRSP|1<<unwind.RegRBP {
			t.Errorf("%+v, %v", th, err)
		}
		for f, err := range tg.Stack(t.Context(), th) {
			if err == nil && frameName(t, tg, &f) != "fs_rec!FsRecDispatch+0x0" {
				t.Errorf("frame %s", frameName(t, tg, &f))
			}
			break
		}
	}
	if n != 1 {
		t.Errorf("%d threads", n)
	}
}

// TestGDB_severalThreads: each thread that a stub lists has registers of its own, in
// the order of the list.
func TestGDB_severalThreads(t *testing.T) {
	image, err := memtest.Image(fixture.Bytes(t, "fs_rec/x64/good/fs_rec.sys"))
	if err != nil {
		t.Fatal(err)
	}
	address := gdbserve.ServeThreads(t, image.Source(), []string{"rip", "rsp", "rbp"}, []gdbserve.Thread{
		{ID: "p1.1", Values: []uint64{image.Base() + 0x5000, 0x7000, 0x7040}},
		{ID: "p1.2", Values: []uint64{image.Base() + 0x1000, 0x8000, 0x8040}},
		{ID: "p1.a", Values: []uint64{0x1234, 0x9000, 0}},
	})
	tg, err := target.GDB(t.Context(), address, target.Options{
		SymbolPath: filepath.Dir(fixture.Path(t, "fs_rec/x64/good/fs_rec.pdb")),
		Modules:    []symres.Module{{Image: "fs_rec.sys", Base: image.Base(), Size: image.Size()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	var got []string
	for th, err := range tg.Threads(t.Context()) {
		if err != nil || !th.Running {
			t.Fatalf("%+v, %v", th, err)
		}
		frames, _ := tg.Frames(t.Context(), th, target.FrameOptions{Depth: 1})
		got = append(got, fmt.Sprintf("%x: %x %x %v", th.ID, th.Registers.IP-image.Base(), th.Registers.SP, &frames[0]))
	}
	want := []string{"1: 5000 7000 fs_rec!FsRecDispatch", "2: 1000 8000 fs_rec!FsRecLoadFileSystem", fmt.Sprintf("a: %x 9000 0x1234", 0x1234-image.Base())}
	if !slices.Equal(got, want) {
		t.Errorf("%q, not %q", got, want)
	}
}
