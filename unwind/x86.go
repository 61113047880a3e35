package unwind

// x86 unwinds x86 frames.
type x86 struct{}

func (*x86) step(w *walker, next *Context) (step, error) { return step{}, ErrMachine }
