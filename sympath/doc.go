// Package sympath finds symbol and image files along a Windows symbol path.
//
// [Parse] reads the whole _NT_SYMBOL_PATH grammar: plain directories, srv* and
// symsrv* chains, cache*. [Path.Store] turns a path into a [Store], and
// [Store.Find] yields every file that could be the wanted one, in path order,
// so that a caller who refuses one gets the next. What was tried and why it
// failed is data: a search that runs to its end closes with a [NotFoundError]
// that holds every [Attempt].
//
// Servers and shares are reached through hooks in [Options]: package
// sympath/http has one, [Remote] and [Fetcher] are for others. What comes from
// them goes into the caches of the path, verified first: see [Cache].
//
// A file is asked for by name and, where it is known, by [ID]: the identity
// from which symbol stores build their directory names. The package knows
// nothing of file formats; whether a candidate really is what its path claims
// is for the caller to check.
//
// Names come from untrusted data (PDB records, module lists), so each goes
// through [CleanName] and nothing outside the given path is ever opened.
// Lookups ignore letter case at every level on every system, as they do on
// Windows.
package sympath
