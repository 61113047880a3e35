// Package cab opens the containers that symbol stores keep files in: cabinets
// (the `pd_`, `dl_` and `ex_` files), zip archives and gzip files.
//
// [Expand] is what the symbol path uses: it tells the container by its first
// bytes and hands out its one member as a stream. [New] gives access to a
// cabinet of any number of members and folders.
//
// Cabinets may be stored, MSZIP or LZX (windows of 2^15 to 2^21 bytes, with
// the translation of x86 calls). Every data block's checksum is verified
// before the block is used. Quantum, and the older SZDD and KWAJ formats, are
// told apart and refused with a [MethodError].
//
// Nothing a container says is trusted. A member's name is for display only. A
// stream holds one LZX window (2 MiB at most), or 32 KiB of history, and one
// data block of at most 64 KiB, whatever is claimed; [Limits] bound how
// much comes out of it.
//
// The formats are those of [MS-CAB], of Microsoft's documents on MSZIP and LZX
// in the Cabinet SDK and of [MS-PATCH], which describes the same LZX bit
// stream in other framing. Where these leave something open it was measured
// with cabextract; the comments say where.
//
// [MS-CAB]: https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-cab
// [MS-PATCH]: https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-patch
package cab
