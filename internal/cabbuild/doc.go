// Package cabbuild writes cabinets: stored, MSZIP and LZX, of any number of
// folders, with every option of the format that a reader must cope with.
//
// It exists for tests: Debian's makers of cabinets cannot write LZX, and no
// maker writes LZX blocks of a wanted type and length. internal/cab neither
// imports it nor is imported by it. One author wrote both, so agreement of the
// two is no proof; internal/cab's tests therefore also give what is built here
// to cabextract.
//
// The LZX encoder is a plain greedy one. It is deterministic, and whether a
// block crosses frames, and which offsets repeat, follows from its arguments
// and the data.
package cabbuild
