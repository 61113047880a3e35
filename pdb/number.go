package pdb

import "github.com/symres/symres/internal/codeview"

// Number is the value of a constant or of an enumerator. It is a small immutable
// value, safe for concurrent use.
type Number struct{ n codeview.Number }

// Int64 returns the value as an int64; ok is false when it is no integer or
// does not fit.
func (n Number) Int64() (v int64, ok bool) { return n.n.Int64() }

// Uint64 returns the value as a uint64; ok is false when it is no integer,
// negative, or does not fit.
func (n Number) Uint64() (v uint64, ok bool) { return n.n.Uint64() }

// Float64 returns the value of a floating-point number.
func (n Number) Float64() (v float64, ok bool) { return n.n.Float64() }

// String returns the value in decimal, "?" for the forms no compiler is known
// to write (complex, decimal, text).
func (n Number) String() string { return n.n.String() }
