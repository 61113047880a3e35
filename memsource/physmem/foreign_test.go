package physmem_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/symres/symres/memsource/physmem"
)

// TestForeign names what memory is kept in and is not read, by its first bytes.
func TestForeign(t *testing.T) {
	resumed := make([]byte, 0x2000)
	copy(resumed[0x1000:], "\x81\x81xpress")
	tar := make([]byte, 512)
	copy(tar[257:], "ustar")
	for first, want := range map[string]string{
		"HIBR": "hiberfil", "hibr": "hiberfil", "WAKE": "hiberfil", "RSTR": "hiberfil", string(resumed): "hiberfil",
		"\x7fVirtualBox SavedState V2.0\n": "virtualbox-state", "\x7fVirtualBox SavedState V1.2\n": "virtualbox-state",
		"\x14\x20\x28\x01\x00\x00\x00\x00": "hyperv-state", "QEVM\x00\x00\x00\x03": "qemu-state",
		"LibvirtQemudSave\x02": "libvirt-save", "LibvirtQemudPart\x02": "libvirt-save",
		"EVF\x09\x0d\x0a\xff\x00\x01": "ewf", "EVF2\x0d\x0a\x81\x00": "ewf", "AFF10\r\n\x00": "aff", "HPAK\x00": "hpak",
		"7z\xbc\xaf\x27\x1c": "7z", "BZh9": "bzip2", "\x1f\x8b\x08\x00": "gzip", "\x28\xb5\x2f\xfd": "zstd", "\xfd7zXZ\x00": "xz", "\x04\x22\x4d\x18": "lz4", "\x02\x21\x4c\x18": "lz4", "PK\x03\x04": "zip", string(tar): "tar",
		"KDUMP   \x06": "kdump", "vhdxfile": "vhdx", "QFI\xfb": "qcow2",
	} {
		whole := append([]byte(first), make([]byte, 1<<20)...)
		f, err := physmem.New(bytes.NewReader(whole), int64(len(whole)))
		foreign, ok := errors.AsType[*physmem.ForeignError](err)
		if f != nil || !ok || foreign.Foreign.Kind != want || !errors.Is(err, physmem.ErrUnsupported) || !strings.Contains(err.Error(), foreign.Foreign.Title) {
			t.Errorf("%.20q: %v, want %s", first, err, want)
		}
	}
	for _, first := range []string{"", "\x00", "hib", "EMiL\x01\x00\x00\x00", "MZ", "\x7fELF"} {
		if f, ok := physmem.ForeignOf([]byte(first)); ok {
			t.Errorf("%q is %+v", first, f)
		}
	}
}
