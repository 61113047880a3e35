package symres

import "github.com/symres/symres/internal/filepool"

// FilesConfig bounds what a [Files] holds. Zero values are the defaults.
type FilesConfig struct {
	// Bytes is how much memory the PDBs may take together for what was read
	// and made of them, as [pdb.File.Memory] counts it: 512 MB by default. The
	// PDB asked last stays whatever it takes.
	Bytes int64
	// Descriptors is how many files of this machine are kept open: by default a
	// quarter of what the process may have, 256 at most. Reads under way at once
	// may hold more. Files in memory or on a server do not count, and go with the
	// last Session that uses them.
	Descriptors int
}

// FilesStats are the counters of a [Files].
type FilesStats struct {
	Files       int   // files that are held, in use or not
	Descriptors int   // of them, those that are open
	Bytes       int64 // of memory the PDBs took when they were last counted
	Shared      int64 // times a file was asked for that was held already
	Reopened    int64 // times a file was opened again
}

// Files holds the PDBs and images of Sessions, each once, however many Sessions
// use it. Files are told apart by what the system says of them (device, inode,
// size and time; never the name alone), and PDBs that are no files of this
// machine by their place, size, identity and samples of their content.
//
// Whatever exceeds a bound goes, the least recently used first: descriptors, what
// was read and made of a PDB, PDBs no Session uses. It comes back when it is asked
// for. A file that is opened again must be the one it was, by the same facts;
// otherwise the answers of its modules end with an error that wraps
// [sympath.ErrChanged], until the module is removed and added again.
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
