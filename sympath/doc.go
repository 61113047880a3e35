// Package sympath finds symbol and image files along a Windows symbol path.
//
// [Parse] reads the whole _NT_SYMBOL_PATH grammar: plain directories, srv* and
// symsrv* chains, cache*. [Path.Store] turns a path into a [Store], and
// [Store.Find] yields every file that could be the wanted one, in path order,
// so that a caller that rejects one gets the next. A search that finds no more
// files ends with a [NotFoundError], which holds every [Attempt].
//
// Servers and shares are reached through hooks in [Options]: package
// sympath/http has one, [Remote] and [Fetcher] are for others. What comes from
// them goes into the caches of the path, verified first: see [Cache].
//
// A file is asked for by name and, where it is known, by [ID]: the identity
// from which symbol stores build their directory names. The package does not
// know file formats. The caller checks whether a candidate is the file that its
// path claims.
//
// Names come from untrusted data (PDB records, module lists), so each goes
// through [CleanName] and nothing outside the given path is ever opened.
// Lookups ignore letter case at every level on every system, as they do on
// Windows.
package sympath
