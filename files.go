package symres

import "github.com/symres/symres/internal/filepool"

// FilesConfig bounds what a [Files] holds. Zero values are the defaults.
type FilesConfig struct {
	// Bytes limits the memory that all PDBs together use, as [pdb.File.Memory]
	// counts it: 512 MB by default. The PDB used last stays in memory even if
	// it exceeds the limit.
	Bytes int64
	// Descriptors limits how many local files are kept open: by default a
	// quarter of the descriptors that the process may have, at most 256.
	// Concurrent reads may hold more. Files in memory or on a server do not
	// count; they are released with the last Session that uses them.
	Descriptors int
}

// FilesStats are the counters of a [Files].
type FilesStats struct {
	Files       int   // files held, whether in use or not
	Descriptors int   // files held that are open
	Bytes       int64 // memory used by PDBs at the last count
	Shared      int64 // how often a requested file was already held
	Reopened    int64 // how often a file was opened again
}

// Files holds the PDBs and images of Sessions, each once, however many Sessions
// use it. Local files are told apart by device, inode, size and time, never by
// name alone. PDBs from elsewhere are told apart by location, size, identity
// and samples of their content.
//
// When a bound is exceeded, the least recently used items are released first:
// descriptors, tables built from a PDB, and PDBs that no Session uses. They are
// opened or built again when they are needed. If a file has changed when it is
// opened again, queries for its modules return an error that wraps
// [sympath.ErrChanged] until the module is removed and added again.
//
// When the process runs out of descriptors, Files closes half of what it has
// open and tries again, before anything fails with an error that wraps
// [sympath.ErrTooManyFiles].
//
// It is safe for concurrent use.
type Files struct{ pool *filepool.Pool }

// NewFiles returns a Files that holds nothing yet.
func NewFiles(cfg FilesConfig) *Files { return &Files{filepool.New(filepool.Config(cfg))} }

// Stats returns the counters.
func (f *Files) Stats() FilesStats { return FilesStats(f.pool.Stats()) }

// Close closes all files. Sessions that still use them get errors that wrap
// [ErrClosed]. Closing again does nothing.
func (f *Files) Close() error { return f.pool.Close() }
