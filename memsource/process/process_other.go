//go:build !linux && !windows

package process

import "errors"

func open(int) (system, error) { return nil, errors.ErrUnsupported }
