// Package pe reads what a PE image says of itself: headers, section table,
// debug directory and the CodeView record that names its PDB.
//
// [ReadImage] takes an image mapped in a target's memory, of which any page may
// be out: what can be read is in the [Image], and [Image.Missing] tells for
// every [Part] why it could not. [OpenImage] and [NewImage] take a file. A part
// that is out is told from one that is wrong and from one the image does not
// have. Nothing that is read is trusted, and no path of it is opened.
//
// Sources: Microsoft PE/COFF specification, winnt.h.
package pe
