// Package vadmath does the arithmetic of the virtual address descriptor tree:
// from the page numbers that !vad prints to the base, the size and the .reload
// command of a module.
//
// It exists for targets whose PEB is paged out. The list of user-mode modules
// hangs off the PEB, but the VAD tree still knows what is mapped where: an
// image VAD covers the pages StartVPN to EndVPN, both inclusive, so
//
//	base = StartVPN * page size
//	size = (EndVPN - StartVPN + 1) * page size
//
// A virtual page number (VPN) is an address divided by the page size, which is
// 4 KB on x86, x64, ARM and ARM64 and 8 KB on IA-64 and Alpha.
//
// All arithmetic is unsigned 64-bit and checked: what does not fit is an error
// that wraps [ErrOverflow], never a wrapped address. Nothing here reads a
// target; the package works on numbers and on pasted debugger text.
//
// Functions and methods on values are safe for concurrent use.
package vadmath
