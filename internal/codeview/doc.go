// Package codeview reads the records that compilers write and linkers pass on: the
// walk over records, type records with their leaves, numbers and tags, lines (C13), and
// the annotations of inlined code. It knows nothing of the file they lie in but for
// the streams of package msf.
//
// Nothing here believes a length: what does not fit ends a walk, and says so.
// Facts are from cvinfo.h of microsoft-pdb.
package codeview
