//go:build ignore

// Command imptab does the two steps of building the x86 fs_rec fixture that
// the linker cannot do.
//
//	imptab asm PAD              writes the assembly of the import table
//	imptab pad MAPFILE PAD      prints the PAD that puts the null descriptor at its RVA
//	imptab patch FILE           fills the import and IAT directories, fixes CheckSum
//
// lld makes its own import table out of short import objects and never links
// the objects that carry the names __IMPORT_DESCRIPTOR_ntoskrnl,
// __NULL_IMPORT_DESCRIPTOR and \x7fntoskrnl_NULL_THUNK_DATA. To have them as
// public symbols the table is laid by hand in .text and INIT, where a driver
// of the Windows XP era has it.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// Where the parts of the table stand in the image.
const (
	iatRVA            = 0x300
	nullDescriptorRVA = 0x1570
	descriptorSize    = 20
	dirImport         = 1
	dirIAT            = 12
)

// An imported is one slot of the import address table.
type imported struct{ name, decoration string }

// symbol returns the linker's name of the slot.
func (i imported) symbol() string {
	if strings.HasPrefix(i.decoration, "fast") {
		return "__imp_@" + i.name + "@" + i.decoration[len("fast"):]
	}
	if i.decoration != "" {
		return "__imp__" + i.name + "@" + i.decoration
	}
	return "__imp__" + i.name
}

// imports lists the slots in the order that gives each its address.
func imports() []imported {
	return []imported{
		{"IoDeleteDevice", "4"}, {"RtlInitUnicodeString", "8"}, {"ZwLoadDriver", "4"},
		{"KeInitializeEvent", "12"}, {"IoCreateDevice", "28"}, {"KeWaitForSingleObject", "20"},
		{"ExAllocatePoolWithTag", "12"}, {"ExFreePoolWithTag", "8"}, {"IoRegisterFileSystem", "4"},
		{"IoUnregisterFileSystem", "4"}, {"ZwClose", "4"}, {"KeSetEvent", "12"},
		{"IofCompleteRequest", "fast8"}, {"IofCallDriver", "fast8"},
		{"IoBuildDeviceIoControlRequest", "36"}, {"IoBuildSynchronousFsdRequest", "28"},
		{"KeEnterCriticalRegion", "0"}, {"KeLeaveCriticalRegion", "0"}, {"ExFreePool", "4"},
		{"IoGetDeviceObjectPointer", "16"}, {"IoFileObjectType", ""}, {"DbgPrint", ""},
		{"_allmul", ""}, {"_allshr", ""},
	}
}

// writeAsm writes the table; pad is the number of bytes before its descriptors.
func writeAsm(w io.Writer, pad int) {
	fmt.Fprintf(w, ".section .text,\"xr\"\n.p2align 7\n.space 0x80\n")
	for _, i := range imports() {
		fmt.Fprintf(w, ".globl \"%[1]s\"\n\"%[1]s\": .long .Lname_%[2]s@IMGREL\n", i.symbol(), i.name)
	}
	fmt.Fprintf(w, ".globl \"\x7fntoskrnl_NULL_THUNK_DATA\"\n\"\x7fntoskrnl_NULL_THUNK_DATA\": .long 0\n")
	fmt.Fprintf(w, ".section INIT$x2,\"xr\"\n.p2align 2\n.space %d\n", pad)
	fmt.Fprintf(w, ".globl __IMPORT_DESCRIPTOR_ntoskrnl\n__IMPORT_DESCRIPTOR_ntoskrnl: "+
		".long .Lthunks@IMGREL,0,0,.Ldll@IMGREL,\"%s\"@IMGREL\n", imports()[0].symbol())
	fmt.Fprintf(w, ".section INIT$x3,\"xr\"\n.p2align 2\n.globl __NULL_IMPORT_DESCRIPTOR\n__NULL_IMPORT_DESCRIPTOR: .long 0,0,0,0,0\n")
	fmt.Fprintf(w, ".section INIT$x4,\"xr\"\n.p2align 2\n.Lthunks:\n")
	for _, i := range imports() {
		fmt.Fprintf(w, ".long .Lname_%s@IMGREL\n", i.name)
	}
	fmt.Fprintf(w, ".long 0\n.section INIT$x6,\"xr\"\n.p2align 1\n")
	for hint, i := range imports() {
		fmt.Fprintf(w, ".Lname_%[1]s: .short %[2]d\n.asciz \"%[1]s\"\n.p2align 1\n", i.name, hint)
	}
	fmt.Fprintf(w, ".Ldll: .asciz \"ntoskrnl.exe\"\n")
}

// newPad reads a linker map and corrects pad by the distance that is left.
func newPad(mapFile string, pad int) (int, error) {
	text, err := os.ReadFile(mapFile)
	if err != nil {
		return 0, err
	}
	base := regexp.MustCompile(`Preferred load address is ([0-9a-fA-F]+)`).FindSubmatch(text)
	addr := regexp.MustCompile(`\s__NULL_IMPORT_DESCRIPTOR\s+([0-9a-fA-F]+)`).FindSubmatch(text)
	if base == nil || addr == nil {
		return 0, fmt.Errorf("%s: no base or no null descriptor", mapFile)
	}
	b, err1 := strconv.ParseInt(string(base[1]), 16, 64)
	a, err2 := strconv.ParseInt(string(addr[1]), 16, 64)
	return pad + nullDescriptorRVA - int(a-b), errors.Join(err1, err2)
}

// patch fills the two data directories of a PE32 file and corrects CheckSum.
func patch(file string) error {
	d, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	le := binary.LittleEndian
	optional := int(le.Uint32(d[0x3c:])) + 24
	dirs := optional + 96
	le.PutUint32(d[dirs+8*dirImport:], nullDescriptorRVA-descriptorSize)
	le.PutUint32(d[dirs+8*dirImport+4:], 2*descriptorSize)
	le.PutUint32(d[dirs+8*dirIAT:], iatRVA)
	le.PutUint32(d[dirs+8*dirIAT+4:], uint32(4*(len(imports())+1)))
	le.PutUint32(d[optional+64:], 0)
	le.PutUint32(d[optional+64:], checkSum(d))
	return os.WriteFile(file, d, 0o644)
}

// checkSum is the sum of the 16-bit words, folded, plus the file's length.
func checkSum(d []byte) uint32 {
	var s uint32
	for i := 0; i+1 < len(d); i += 2 {
		s += uint32(binary.LittleEndian.Uint16(d[i:]))
		s = s&0xffff + s>>16
	}
	return s&0xffff + s>>16 + uint32(len(d))
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "asm":
		pad, err := strconv.Atoi(args[1])
		writeAsm(os.Stdout, pad)
		return err
	case len(args) == 3 && args[0] == "pad":
		pad, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		pad, err = newPad(args[1], pad)
		fmt.Println(pad)
		return err
	case len(args) == 2 && args[0] == "patch":
		return patch(args[1])
	}
	return errors.New("usage: imptab asm PAD | pad MAPFILE PAD | patch FILE")
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "imptab:", err)
		os.Exit(1)
	}
}
