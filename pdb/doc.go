// Package pdb reads Microsoft program databases (PDB 7, "MSF 7.00").
//
// A [File] is opened from a path with [Open], or [OpenMapped] for a file of one's
// own, or from any [io.ReaderAt] with [New]. Opening reads the heads of the file
// and of two of its streams; everything else is read when it is asked for, and
// only the parts that answer the question:
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
// A PDB is untrusted input: no length in it is believed before it was compared
// with what the file holds, memory stays proportional to the file, and damage
// is an error that satisfies errors.Is(err, [ErrFormat]) and says where.
// [File.Check] walks the whole file and lists what is wrong with it.
//
// Format facts come from microsoft/microsoft-pdb and from real files; where a
// rule was only measured its comment says so.
package pdb
