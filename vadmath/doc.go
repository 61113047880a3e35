// Package vadmath does the arithmetic of the virtual address descriptor tree:
// from the page numbers that !vad prints to the base, the size and the .reload
// command of a module.
//
// It is for targets with a PEB that is paged out. The list of user-mode modules
// is reached through the PEB, but the VAD tree still says what is mapped: an
// image VAD covers the pages StartVPN to EndVPN, both inclusive, so
//
//	base = StartVPN * page size
//	size = (EndVPN - StartVPN + 1) * page size
//
// A virtual page number (VPN) is an address divided by the page size, which is
// 4 KB on x86, x64, ARM and ARM64 and 8 KB on IA-64 and Alpha.
//
// All arithmetic is unsigned 64-bit and checked: a result that does not fit
// gives an error that wraps [ErrOverflow]. The package does not read targets;
// it works on numbers and on pasted debugger text.
//
// Functions and methods on values are safe for concurrent use.
package vadmath
