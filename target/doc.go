// Package target opens what has modules and memory: kernel dumps, minidumps,
// memory images, GDB stubs and processes. What it opens becomes a
// [symres.Session] with all modules known.
package target
