package physmem

import (
	"bytes"
	"fmt"
)

// Foreign is a kind of file that holds the memory of a machine, or is taken for
// it, and is not read here. It is plain data.
type Foreign struct {
	Kind  string // a short name, such as "hiberfil"
	Title string // in words, with the article: "a Windows hibernation file (hiberfil.sys)"
	Do    string // what makes something of it that is read; "" where nothing does
}

// ForeignLen is how many first bytes [ForeignOf] looks at.
const ForeignLen = 16 << 10

// mark is what a foreign file begins with.
type mark struct {
	at    int
	bytes string
	is    Foreign
}

// marks are the signatures of public readers and formats: hiberfil.sys of
// volatility, the saved states of VirtualBox (SSM.cpp), QEMU (migration) and
// libvirt, Hyper-V's storage format of dissect.hypervisor, EWF and AFF of libewf
// and AFFLIB, makedumpfile's and QEMU's kdump, the rest of file(1).
func marks() []mark {
	const unpack = "unpack it, and open what is in it"
	hiberfil := Foreign{"hiberfil", "a Windows hibernation file (hiberfil.sys)", "convert it to a raw image first, for example with MemProcFS or Hibr2Bin"}
	qemu := Foreign{"qemu-state", "a saved state or migration stream of QEMU", "load it, and write the guest's memory with dump-guest-memory"}
	libvirt := Foreign{"libvirt-save", "a guest saved by libvirt (virsh save)", "restore the guest, and write its memory with virsh dump --memory-only"}
	ewf := Foreign{"ewf", "an EnCase evidence file (EWF, E01)", "export it as a raw image, for example with ewfexport"}
	disk := func(kind, title string) Foreign {
		return Foreign{kind, title, "it is a disk and no memory: open the memory saved beside it"}
	}
	kdump := Foreign{"kdump", "a compressed dump of makedumpfile (kdump)", "write the memory without compression (dump-guest-memory, virsh dump --memory-only)"}
	sevenZip := Foreign{"7z", "a 7-Zip archive", unpack}
	packed := func(kind, title string) Foreign { return Foreign{kind, title, unpack} }
	return []mark{
		{0, "hibr", hiberfil}, {0, "HIBR", hiberfil}, {0, "wake", hiberfil}, {0, "WAKE", hiberfil}, {0, "rstr", hiberfil}, {0, "RSTR", hiberfil},
		{0, "\x7fVirtualBox SavedState ", Foreign{"virtualbox-state", "a saved state of VirtualBox",
			"restore the machine, and write its memory with VBoxManage debugvm NAME dumpvmcore"}},
		{0, "\x14\x20\x28\x01", Foreign{"hyperv-state", "a saved state of Hyper-V (.vmrs)", "convert it to a crash dump, for example with vm2dmp"}},
		{0, "QEVM", qemu}, {0, "LibvirtQemudSave", libvirt}, {0, "LibvirtQemudPart", libvirt},
		{0, "EVF\x09\x0d\x0a\xff\x00", ewf}, {0, "LVF\x09\x0d\x0a\xff\x00", ewf}, {0, "EVF2\x0d\x0a\x81\x00", ewf}, {0, "LEF2\x0d\x0a\x81\x00", ewf},
		{0, "AFF10\r\n\x00", Foreign{"aff", "an AFF evidence file", "export it as a raw image, for example with affconvert"}},
		{0, "HPAK", Foreign{"hpak", "an HPAK memory image of FastDump", "extract the raw image, for example with volatility 2's hpakextract"}},
		{0, "KDUMP   ", kdump}, {0, "DISKDUMP", kdump}, {0, "makedumpfile\x00", kdump},
		{0, "7z\xbc\xaf\x27\x1c", sevenZip},
		{0, "\x1f\x8b\x08", packed("gzip", "a file compressed with gzip")},
		{0, "\x28\xb5\x2f\xfd", packed("zstd", "a file compressed with zstd")},
		{0, "\xfd7zXZ\x00", packed("xz", "a file compressed with xz")},
		{0, "BZh", packed("bzip2", "a file compressed with bzip2")},
		{0, "\x04\x22\x4d\x18", packed("lz4", "a file compressed with LZ4")},
		{0, "\x02\x21\x4c\x18", packed("lz4", "a file compressed with LZ4")}, // its legacy frame
		{0, "\x89LZO\x00\x0d\x0a\x1a\x0a", packed("lzo", "a file compressed with lzop")},
		{0, "Rar!\x1a\x07", packed("rar", "a RAR archive")},
		{0, "PK\x03\x04", packed("zip", "a zip archive or an AFF4 container")},
		{257, "ustar", packed("tar", "a tar archive")},
		{0, "vhdxfile", disk("vhdx", "a VHDX disk image")}, {0, "conectix", disk("vhd", "a VHD disk image")},
		{0, "KDMV", disk("vmdk", "a VMDK disk image")}, {0, "QFI\xfb", disk("qcow2", "a QCOW disk image")},
		{0, "<<< Oracle VM VirtualBox Disk Image >>>", disk("vdi", "a VDI disk image")},
	}
}

// ForeignOf tells by the first bytes of a file whether it is of a kind that is
// not read. ok is false for what is read, and for what has no mark, such as a raw
// image.
func ForeignOf(first []byte) (f Foreign, ok bool) {
	for _, m := range marks() {
		if len(first) >= m.at && bytes.HasPrefix(first[m.at:], []byte(m.bytes)) {
			return m.is, true
		}
	}
	// The loader of Windows XP to 7 blanks the first page of hiberfil.sys when it
	// resumes; the blocks behind it stay.
	if bytes.Contains(first, []byte("\x81\x81xpress")) && allZero(first[:min(len(first), 0x1000)]) {
		return ForeignOf([]byte("hibr"))
	}
	return Foreign{}, false
}

// ForeignKind returns the kind of that short name.
func ForeignKind(kind string) (f Foreign, ok bool) {
	for _, m := range marks() {
		if m.is.Kind == kind {
			return m.is, true
		}
	}
	return Foreign{}, false
}

func allZero(b []byte) bool { return len(bytes.TrimLeft(b, "\x00")) == 0 }

// ForeignError is an [ErrUnsupported] that says what a file is.
type ForeignError struct{ Foreign Foreign }

// Error names the kind of file, and what to do with it.
func (e *ForeignError) Error() string {
	if e.Foreign.Do == "" {
		return fmt.Sprintf("%s: %v", e.Foreign.Title, ErrUnsupported)
	}
	return fmt.Sprintf("%s, which is not read: %s", e.Foreign.Title, e.Foreign.Do)
}

// Is makes the error match [ErrUnsupported].
func (e *ForeignError) Is(target error) bool { return target == ErrUnsupported }
