package symres

import (
	"context"
	"iter"
)

// eachModule yields what find has for each of the modules, and its error after
// that. Where none has anything, none is the error of those that could be
// searched.
func eachModule[T any](ctx context.Context, modules []*module, find func(*module) ([]T, error), none func() error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		searched, answered := false, false
		for _, m := range modules {
			found, err := find(m)
			for _, v := range found {
				if answered = true; !yield(v, nil) {
					return
				}
			}
			if err != nil && (!yield(zero, err) || ctx.Err() != nil) {
				return
			}
			searched = searched || err == nil
		}
		if searched && !answered {
			yield(zero, none())
		}
	}
}

// failed is a sequence of an error.
func failed[T any](err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		yield(zero, err)
	}
}
