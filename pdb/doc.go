// Package pdb reads Microsoft program databases (PDB 7, "MSF 7.00").
//
// A [File] is opened from a path with [Open], or with [OpenMapped] if no other
// program can change the file, or from any io.ReaderAt with [New]. Opening
// reads only the headers of the file and of two streams. Later calls read only
// the parts that they need:
//
//   - [File.ID] is the identity an image asks for: GUID and DBI age;
//     [File.Status] says what the PDB can answer, and why not more.
//   - [File.ByName] finds public symbols, [File.GlobalsByName] functions,
//     variables, constants and types, through the hash tables of the file;
//     [File.Matching] finds all whose name contains given pieces.
//   - [File.Nearest] finds the symbols at or below an address without an index;
//     [File.Index] builds one for very many addresses.
//   - [File.Symbols] enumerates what debuggers list, [File.Publics] and
//     [File.Procs] public symbols and functions alone, [Module.Symbols] what
//     is in one module.
//   - [File.TypeByName] finds a structure through the hash table of the types,
//     [Type.Field] the offset of a field in it; [File.Types] enumerates them.
//   - [File.Frames] answers an address with its function, what was inlined there,
//     and the lines of all; [File.LineAddresses] goes from a line to its code.
//   - [File.Locals] lists the variables of a function and where they are.
//
// A PDB is untrusted input. Every length is checked against the file before it
// is used, and memory stays proportional to the file. Damage is an error that
// satisfies errors.Is(err, [ErrFormat]) and says where. [File.Check] walks the
// whole file and lists the damage.
//
// # Words
//
//   - Container: the file as a set of numbered streams (MSF). A stream is the bytes of
//     one of them, wherever its blocks lie.
//   - DBI: the stream of debug information, which lists modules, sections and
//     contributions. TPI and IPI: the streams of types and of ids of functions.
//   - GSI, PSI, GSS: hash table of the globals; that of the publics with their address
//     map; the records both lead to.
//   - Module: what one object file gave to the image; its stream has symbols and lines.
//   - Contribution: a piece of a section that one module gave.
//   - Public: a name the linker saw, decorated, with an address. Private symbols are
//     those of compilers: functions, variables, with sizes and types.
//   - Segment: the number of a section, from 1; a symbol is at an offset in it. RVA:
//     the address from the beginning of the image.
//   - OMAP: tables that lead from addresses as linked to those of an image that was
//     rearranged, and back. ILT: the table of jumps of incremental links.
//   - C13, C11: lines of today's compilers, and of those before Visual C++ 7.
//   - Tag: a structure, class, union, interface or enumeration. A forward reference only
//     declares one.
//   - Inline site: code of a function that was expanded in another; annotations say which
//     bytes come from which line. A cold part is code a function keeps elsewhere.
//   - FPO, frame data: how x86 code lays out its frames.
//
// Files of the package are named after what they answer: address_ (what is at an
// address), line_, frame_ (inlined functions, frames of stacks), name_ (by name), symbol_
// (records and enumerations), module_, type_, check_, file_ (opening, heads, strings).
//
// Format facts come from microsoft/microsoft-pdb and from real files; where a
// rule was only measured its comment says so.
package pdb
