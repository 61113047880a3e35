// Package dumpbuild builds Windows kernel crash dumps from PE files: 32-bit
// ones (x86 without PAE) and 64-bit ones (x64), of the full, bitmap and triage
// types, with page tables, a loaded-driver list, processes and VAD trees, and
// with pages out of memory in every form Windows knows.
//
// It exists for tests and for generating the dump of the demo; the reader
// packages neither import it nor are imported by it, so that the two sides can
// disagree. Both have one author, though: agreement of the two is no proof.
// TestCrossCheckHeader and TestCrossCheckPages, run by .ci/crosscheck, ask
// file(1) what a dump is and QEMU what its page tables map.
//
// # What is real and what is not
//
// Images are mapped as the loader maps them: sections in place, relocations
// and ImageBase applied, slots of the import address table overwritten with
// addresses inside the kernel (of no particular function). Page tables,
// software PTEs, prototype PTEs, subsections, control areas, file objects,
// loader entries, processes and VADs are where and what a kernel of the
// declared build has; fields no reader of symbols asks for are zero.
//
// Page tables are those the processor walks, also with PAE and of five levels;
// images of session space are built for tables of two or four levels only.
//
// Layouts come from: the dump header and triage structures and
// KDDEBUGGER_DATA64, as documented by several independent readers and
// measured on real dumps; KLDR_DATA_TABLE_ENTRY, EPROCESS, MMVAD,
// SUBSECTION, CONTROL_AREA and FILE_OBJECT, from the type records of Windows
// XP SP2 (x86) and Windows 10 2004 (x64). Processes and file-backed pages are
// therefore built for those two eras only, whatever the declared build; what
// the declared build does change are PTE formats and the loader entry.
package dumpbuild
