// Package dumpbuild builds Windows kernel crash dumps from PE files and the PDB
// of the kernel: of x86, with and without PAE, of x64 and of IA-64, of the full,
// bitmap and triage types, with page tables, a loaded-driver list, processes, threads
// and VAD trees, and with pages out of memory in every form Windows knows.
//
// It exists for tests and for generating the dump of the demo; the reader
// packages neither import it nor are imported by it, so that the two sides can
// disagree. Both have one author, though: agreement of the two is no proof.
// TestCrossCheckHeader and TestCrossCheckPages, run by .ci/crosscheck, ask
// file(1) what a dump is and QEMU what its page tables map; TestKdJudge, run by
// .ci/kd, asks Microsoft's debugger, whose answers are kept in testdata/kd and
// compared with the description by TestKdStored.
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
// images of session space are built for tables of two or four levels only. Of
// IA-64 there are no stacks, no pool headers and no images of session space; its
// images hold bundles that do nothing.
//
// What a structure has where is read from the types of the kernel's own PDB,
// which come from the tables and sources in testdata/src: there is one
// description of a structure, for the builder, for readers and for Microsoft's
// debugger. Where tables and headers of the file are, and the forms of
// page-table entries, is documented by independent readers and measured on
// real dumps.
//
// # What debuggers need
//
// Kernels whose types have them get everything Microsoft's kd asks for: the
// debugger's block whole, KPCR and KPRCB with contexts, special registers and
// the descriptor tables, dispatcher and object headers, threads with stacks
// and trap frames, control areas with their subsections behind them, PEBs,
// KUSER_SHARED_DATA and the list of unloaded drivers.
package dumpbuild
