package unwind

// arm64 unwinds arm64 frames.
type arm64 struct{}

func (*arm64) step(w *walker, next *Context) (step, error) { return step{}, ErrMachine }
