package dumpbuild

import "errors"

// ErrSpec is wrapped by every error [Build] returns: the specification asks
// for something that cannot be built, such as two modules in one place.
var ErrSpec = errors.New("dumpbuild: bad specification")

// Machine types of the COFF header that can be built.
const (
	X86  uint16 = 0x014c
	IA64 uint16 = 0x0200 // without stacks
	X64  uint16 = 0x8664
)

// Dump types, as stored in the header.
const (
	Full   uint32 = 1
	Triage uint32 = 4 // 64-bit only
	Bitmap uint32 = 5
)

// A State says where a page is. The zero State is Resident.
type State uint8

// The states of a page. Slot and PageFile of [Page] belong to PageFile and
// PrototypePageFile.
const (
	Resident            State = iota // valid PTE, page in the dump
	PageFile                         // in a pagefile
	PrototypeFile                    // prototype PTE -> subsection PTE: still only in the image file
	PrototypeValid                   // prototype PTE -> valid PTE: in the dump
	PrototypeTransition              // prototype PTE -> transition PTE: in the dump
	PrototypePageFile                // prototype PTE -> in a pagefile
	Transition                       // invalid PTE, page still in its frame, in the dump
	DemandZero                       // never touched
	NotMapped                        // PTE is zero
	NotInDump                        // valid PTE, page left out of the dump
)

// A Page says where one page is.
type Page struct {
	State    State
	PageFile int    // number of the pagefile, 0 to 15
	Slot     uint32 // page number in the pagefile; 0: the next free one, from 1234 hex on
}

// A Module is a kernel module of the loaded-driver list. The first one of a
// [Spec] is the kernel and must hold a KdDebuggerDataBlock.
type Module struct {
	Name string // BaseDllName, such as "Fs_Rec.SYS"
	Path string // FullDllName; empty: \SystemRoot\System32\DRIVERS\NAME
	File string // name of the image file on its volume; empty: Path with \SystemRoot replaced by \WINDOWS
	Base uint64 // a multiple of the page size
	PE   []byte // the image file

	Patches map[uint32][]byte // bytes in memory that are not the image's, by RVA, such as a hook

	Pages    map[int]Page // by page number; a page that is not named is Resident
	Large    bool         // under large pages; states are then Resident and NotInDump
	TableOut bool         // the page table of Base is left out of the dump
	NamesOut bool         // the names' pool page is in a pagefile
	EntryOut bool         // the loader entry's pool page is in a pagefile

	// Sessions makes it an image of session space: mapped in the processes of
	// these sessions, in frames of their own, and nowhere else.
	Sessions []uint32
}

// A Process is an entry of the process list, with an address space of its own
// unless it is the System process (PID 4).
type Process struct {
	Name    string // ImageFileName, at most 15 bytes
	At      uint64 // address of the EPROCESS; 0: the next in the pool
	Root    uint64 // IA64: frame of the top page table; 0: the next one
	PID     uint64
	PEB     uint64 // 0: none
	PEBPage Page
	VADs    []VAD
	Parent  uint64
	Session uint32  // of what session; 0: of none, as System
	Loader  *Loader // the lists of its loader; nil: the PEB is an empty page

	Threads []Thread

	// WoW64 is the address of the 32-bit PEB of a 32-bit process on x64, whose
	// loader's lists are Loader32: of the VADs marked Narrow.
	WoW64    uint64
	Loader32 *Loader
}

// A Thread is a thread of a process. One that is not running waits for an event.
type Thread struct {
	TID     uint64
	TEB     uint64 // 0: none
	Start   uint64 // where it began; 0: in the kernel
	Running bool   // when the target stopped; of one thread in all
	// Calls are the functions it is in, the outermost first. Those of a thread
	// that came from user mode begin with the one that wrote the trap frame.
	Calls []Call
	User  *UserFrame // nil: a thread of the system
}

// A Call is a function that called the next one: of the kernel by name, which
// must have code of the forms testdata/src/ntcode32.s and ntcode64.s have, or a place in another
// module, which keeps nothing on the stack of x64.
type Call struct {
	Name   string // with the module and the offset, for a place: Fs_Rec!FsRecDispatch+0xc
	Module string // BaseDllName; "": the kernel
	RVA    uint32 // of the place
}

// A UserFrame is where a thread left user mode.
type UserFrame struct {
	IP, SP  uint64
	Returns []uint64 // return addresses of the functions that called it
}

// A Loader is what a process's loader keeps: lists of the VADs with a PE, in
// the order given, from Heap on. Page 0 there holds the heads; module n has its
// entry on page 1+2n and its names on page 2+2n.
type Loader struct {
	Heap  uint64
	Pages map[int]Page // a page that is not named is Resident
	Empty bool         // nothing is in the lists yet
}

// A VAD is a range of a process's address space, in page numbers, both
// inclusive.
type VAD struct {
	Start, End uint64
	At         uint64       // address of the node; 0: the next in the pool
	File       string       // not empty: an image is mapped
	Protection uint32       // MM protection, 0 to 31
	Pages      map[int]Page // by page from Start; a page that is not named is NotMapped
	Data       []byte       // contents from Start on, of pages that are in memory
	Commit     uint64       // pages charged
	// PE is the image of File: its pages are those of the VAD, and a page that
	// is not named is Resident.
	PE      []byte
	Narrow  bool // the image is in the lists of the 32-bit loader
	NameOut bool // the name of the file is in a pagefile
	Mapped  bool // File is mapped as data
}

// A Spec describes a dump. Only Machine, Type and Modules are needed.
type Spec struct {
	Machine uint16 // X86, X64 or IA64
	PAE     bool   // X86: page tables of 8-byte entries

	FiveLevels bool // X64: five levels of page tables (LA57)

	Build uint32 // 0: 2600 for x86, 19041 for x64, 7601 for IA-64
	// KernelPDB is the PDB of the first module. Its types say where structures
	// have what, its symbols where the kernel's variables are.
	KernelPDB []byte
	Type      uint32 // Full, Bitmap or Triage

	// PTEMask is the kernel's InvalidPteMask, x64 from build 17134 on. An
	// invalid PTE whose bits under the mask are all clear is stored with
	// them set; every other one is stored as it is, with the swizzle bit.
	PTEMask uint64
	// MaskRVA is where the kernel's image keeps that mask, which its types
	// and symbols say (nt!MiState); with 0 it is not written there.
	MaskRVA uint32

	Modules   []Module
	Processes []Process
	Unloaded  []Unloaded
	Blocks    []Block // Triage: what memory is kept; empty: a default choice
}

// A Block is a range of virtual memory in a triage dump.
type Block struct {
	Addr uint64
	Size uint32 // bytes
}

// An Unloaded is a driver the kernel remembers, the one unloaded last coming
// last; at most 50.
type Unloaded struct {
	Name       string
	Start, End uint64 // End is behind the last byte
	Time       uint64 // FILETIME
}

// Facts tell a test what [Build] wrote.
type Facts struct {
	Root               uint64 // physical address of the kernel's top page table
	PsLoadedModuleList uint64 // addresses of the list heads
	PsActiveProcess    uint64
	DebuggerBlock      uint64 // KdDebuggerDataBlock
	PagedPool          uint64 // start of the paged pool, the base of XP's prototype addresses
	Subsections        uint64 // MmSubsectionBase, the base of XP's subsection addresses
	Modules            []ModuleFacts
	Processes          []ProcessFacts
	Frames             []uint64          // page frame numbers in the dump, ascending
	Memory             map[uint64][]byte // their pages by physical address, the caller's to change
	Size               int64             // bytes the header says are needed (RequiredDumpSpace)
	PageFiles          map[int]Swap      // the paging files, by number
	Registers          map[string]uint64 // of the thread that was running, by the names of CONTEXT
}

// ModuleFacts are those of a module, in the order of the loaded-driver list.
type ModuleFacts struct {
	Name, Path   string
	Entry        uint64 // address of the KLDR_DATA_TABLE_ENTRY
	Base, Size   uint64 // as the loader entry has them: Size is rounded up to a page since Windows 10
	SizeOfImage  uint32 // as the image file has it
	CheckSum     uint32
	Stamp        uint32 // of the image file; whether the entry has it depends on the era
	EntryHasTime bool   // the loader entry carries Stamp
	Memory       []byte // the image as the loader left it in memory, every page
	Pages        []PageFacts
}

// PageFacts are those of one page.
type PageFacts struct {
	Addr       uint64 // virtual address
	State      State
	PTE        uint64 // what stands in the page table; 0 for a page under a large page
	Frame      uint64 // page frame number, when there is one
	PageFile   int
	Offset     uint64 // bytes into the pagefile
	File       string // PrototypeFile: where the page is
	FileOffset uint64
	Prototype  uint64 // address of the prototype PTE, when there is one
}

// ProcessFacts are those of a process, in list order.
type ProcessFacts struct {
	Name    string
	PID     uint64
	Address uint64 // of the EPROCESS
	Root    uint64 // its DirectoryTableBase: the physical address of its top page table
	PEB     uint64
	PEBPage PageFacts
	VADs    []VADFacts // in address order
	Entries []uint64   // addresses of the entries of its loaders
	VADRoot uint64
	Session uint32
	Parent  uint64
	Threads []ThreadFacts
}

// ThreadFacts are those of a thread.
type ThreadFacts struct {
	Address  uint64 // of the ETHREAD
	TID, TEB uint64
	Running  bool
	Frames   []FrameFacts // of the kernel, the innermost first
}

// FrameFacts are those of a function on a stack, as debuggers show them.
type FrameFacts struct {
	Stack  uint64 // its frame pointer on x86, its stack pointer on x64
	Return uint64
	Where  string // module!function+offset
}

// VADFacts are those of a VAD.
type VADFacts struct {
	Address    uint64 // of the node
	Start, End uint64 // page numbers, inclusive
	Level      int    // in the tree, the root's being 0
	Commit     uint64
	Protection uint32
	Image      bool // File is mapped as an image
	File       string
	Memory     []byte // of an image: as the loader left it
	Pages      []PageFacts
}
