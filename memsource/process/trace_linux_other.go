//go:build linux && !amd64

package process

import (
	"context"
	"errors"
)

func traced(context.Context, *Thread) error { return errors.ErrUnsupported }
