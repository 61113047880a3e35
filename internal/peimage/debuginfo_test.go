package peimage_test

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/symres/symres/internal/peimage"
	"github.com/symres/symres/memsource"
)

func TestReadDebugInfo(t *testing.T) {
	const at, base = 0x81100000, 0xfe0c8000
	write := func(signature uint16, base uint64) memsource.Source {
		le := binary.LittleEndian
		b := le.AppendUint16(nil, signature)
		b = le.AppendUint16(b, 0) // flags
		b = le.AppendUint32(b, 0x40)
		b = le.AppendUint16(b, 0x14c)
		b = le.AppendUint16(b, 0x10e)
		for _, field := range []uint32{0x41107b3d, 0x4bbb, 0x1900} {
			b = le.AppendUint32(b, field)
		}
		return memory{at: at, data: le.AppendUint64(b, base)}
	}
	want := peimage.DebugInfo{Machine: 0x14c, Characteristics: 0x10e, TimeDateStamp: 0x41107b3d, CheckSum: 0x4bbb,
		SizeOfImage: 0x1900, ImageBase: base, Size: 0x40}
	const signature = 0x494e
	if d, err := peimage.ReadDebugInfo(write(signature, base), at, base); err != nil || d != want {
		t.Errorf("%+v, %v", d, err)
	}
	if _, err := peimage.ReadDebugInfo(write(signature, 0xffffffff00000000|base), at, base); err != nil {
		t.Errorf("sign-extended base: %v", err)
	}
	for name, m := range map[string]memsource.Source{"other_image": write(signature, base+0x1000), "other_half": write(signature, 1<<32|base),
		"signature": write(0x4e49, base)} {
		if d, err := peimage.ReadDebugInfo(m, at, base); !errors.Is(err, peimage.ErrFormat) || d != (peimage.DebugInfo{}) {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
	if _, err := peimage.ReadDebugInfo(write(signature, base), at+0x1000, base); !errors.As(err, new(*memsource.Fault)) {
		t.Errorf("out: %v", err)
	}
	if _, err := peimage.ReadDebugInfo(write(signature, base), ^uint64(0x10), base); !errors.Is(err, peimage.ErrFormat) {
		t.Errorf("beyond the top: %v", err)
	}
}

// memory is a few bytes at an address.
type memory struct {
	at   uint64
	data []byte
}

func (m memory) ReadMemory(buf []byte, addr uint64) (int, error) {
	if off := addr - m.at; off < uint64(len(m.data)) {
		if n := copy(buf, m.data[off:]); n == len(buf) {
			return n, nil
		}
	}
	return 0, &memsource.Fault{Addr: addr, Len: uint64(len(buf)), Reason: memsource.ReasonPagedOut}
}
