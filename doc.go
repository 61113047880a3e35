// Package symres resolves Windows symbols when part of the target's memory is
// paged out.
//
// A debugger asks two questions all day: which address has this name, and
// which name has this address. symres answers both when the page that holds a
// module's image header is paged out, as in
//
//	Unable to read image header for Fs_Rec.SYS at fe0c8000 - NTSTATUS 0xC0000001
//
// It reads the module's entry in the loaded-module list, finds a copy of the
// image along the symbol path, checks that it is the same image, reads from it
// which PDB belongs to it, and loads that PDB.
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
// A module's symbols are loaded when they are first needed. Every [Symbol] says
// where its name came from and how well its image was proven. Every failure
// carries a [Report] of what was tried.
//
// A program that runs for long and opens many targets should give all its
// Sessions one [Files], which holds each PDB once, within bounds, and remove
// unloaded modules with [Session.Remove].
//
// # What is trusted
//
// Nothing that symres reads is trusted. Memory, images, PDBs and stores may be
// hostile: symres opens no path or host that they name. It looks up base names
// only, and only along the caller's path. See SECURITY.md.
package symres
