// Package manual puts commands into words: help with flags in groups, and man pages.
//
// Both come from the same tree of cobra commands, so that they say the same. The
// pages are written here and not by cobra's own generator, which goes by way of
// Markdown: the patterns, paths and names of these texts (fs_rec!*, _NT_SYMBOL_PATH)
// are full of what Markdown takes for markup.
package manual
