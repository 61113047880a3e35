// Package symres resolves Windows symbols for targets whose memory is only
// partly there.
//
// A debugger asks two questions all day: which address has this name, and
// which name has this address. symres answers both when the page that holds a
// module's image header is paged out, as in
//
//	Unable to read image header for Fs_Rec.SYS at fe0c8000 - NTSTATUS 0xC0000001
//
// It learns what the loaded-module list says of the module, finds an on-disk
// copy of the image along the symbol path, checks that it is the same image,
// takes the identity of its PDB from it, and loads that.
//
// # Use
//
// A [Session] holds the modules of one target. Give it the target's memory
// and a symbol path, add modules, and ask:
//
//	s, err := symres.NewSession(symres.Config{Memory: memory, Symbols: store})
//	err = s.Add(symres.Module{Image: "Fs_Rec.SYS", Base: 0xfe0c8000, Size: 0x2000, CheckSum: 0x1029a})
//	for sym, err := range s.Lookup(ctx, "fs_rec!*") { ... }
//	loc, err := s.Resolve(ctx, 0xfe0c8310)
//
// Modules load when they are first asked for. Every [Symbol] says where its
// name came from and how well its image was proven; every failure carries a
// [Report] of what was tried.
//
// Programs that run long and see many targets give all their Sessions one
// [Files], which holds each PDB once, within bounds, and take modules that were
// unloaded away with [Session.Remove].
//
// # What is trusted
//
// Nothing that is read. Memory, images, PDBs and stores may be hostile: no
// path or host they name is opened, only base names are looked up, and only
// along the path the caller gave. See SECURITY.md.
package symres
