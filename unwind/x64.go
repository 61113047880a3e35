package unwind

// x64 unwinds x64 frames.
type x64 struct{}

func (*x64) step(w *walker, next *Context) (step, error) { return step{}, ErrMachine }
