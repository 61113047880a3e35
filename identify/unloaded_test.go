package identify_test

import (
	"errors"
	"io"
	"testing"

	"github.com/symres/symres/identify"
)

func TestOrUnloaded(t *testing.T) {
	list := []identify.Module{
		{Image: "first.dll", Base: 0x72540000, Size: 0x4000}, {Image: `C:\x\KBDRU.DLL`, Base: 0x72540000, Size: 0x2000},
		{Image: "top.dll", Base: 0xfffffffffffff000, Size: 0x1000},
	}
	for addr, want := range map[uint64]string{
		0x72540100:         "EOF; <Unloaded_first.dll>+0x100 and <Unloaded_KBDRU.DLL>+0x100 were there",
		0x72542000:         "EOF; <Unloaded_first.dll>+0x2000 was there",
		0x72544000:         "EOF",
		0x7253ffff:         "EOF",
		0xffffffffffffffff: "EOF; <Unloaded_top.dll>+0xfff was there",
	} {
		err := identify.OrUnloaded(io.EOF, list, addr)
		gone, ok := errors.AsType[*identify.UnloadedError](err)
		if err.Error() != want || !errors.Is(err, io.EOF) || ok != (want != "EOF") || ok && gone.Addr != addr {
			t.Errorf("%x: %v, want %s", addr, err, want)
		}
	}
	many := make([]identify.Module, 5000)
	for i := range many {
		many[i] = identify.Module{Image: "x.dll", Base: 0x1000, Size: 0x1000}
	}
	gone, _ := errors.AsType[*identify.UnloadedError](identify.OrUnloaded(io.EOF, many, 0x1800))
	if len(gone.Modules) != 8 {
		t.Errorf("%d modules", len(gone.Modules))
	}
}
