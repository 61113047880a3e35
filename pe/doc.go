// Package pe reads the headers, the section table, the debug directory and the
// CodeView record of a PE image.
//
// [ReadImage] takes an image mapped in a target's memory, of which any page may
// be out. The [Image] has the parts that could be read; for every other [Part],
// [Image.Missing] has the reason. [OpenImage] and [NewImage] take a file. A
// part that is out is told from one that is wrong and from one the image does
// not have. Nothing that is read is trusted, and no path of it is opened.
//
// Sources: Microsoft PE/COFF specification, winnt.h.
package pe
