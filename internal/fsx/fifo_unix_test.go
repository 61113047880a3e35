//go:build unix

package fsx_test

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/symres/symres/internal/fsx"
)

func TestOpen_fifoDoesNotHang(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "p"), 0o600); err != nil {
		t.Skipf("no FIFO can be made in %s (%v); set TMPDIR to a local file system", dir, err)
	}
	if _, err := fsx.Open(filepath.Join(dir, "p")); !errors.Is(err, fsx.ErrNotRegular) {
		t.Errorf("Open: %v", err)
	}
	if _, err := fsx.Dir(dir).Open("p"); !errors.Is(err, fsx.ErrNotRegular) {
		t.Errorf("Dir: %v", err)
	}
	if _, err := fsx.Open("/dev/null"); !errors.Is(err, fsx.ErrNotRegular) {
		t.Errorf("device: %v", err)
	}
}

func TestConfined_fifoDoesNotHang(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "p"), 0o600); err != nil {
		t.Skipf("no FIFO can be made in %s (%v); set TMPDIR to a local file system", dir, err)
	}
	if _, err := fsx.Confined(dir).Open("p"); !errors.Is(err, fsx.ErrNotRegular) {
		t.Errorf("Confined: %v", err)
	}
}
