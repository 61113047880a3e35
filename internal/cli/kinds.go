package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/symres/symres/internal/container"
	"github.com/symres/symres/internal/filekind"
	"github.com/symres/symres/internal/fsx"
)

// file is an open file of a known kind.
type file struct {
	*fsx.File
	path string
	kind filekind.Kind

	// Of a file that is taken from a container: what that is, and the file's name in
	// it. unopened is why none could be taken.
	container, member string
	unopened          error
}

// openFile opens a file and tells its kind. The error has the status for a
// file that cannot be used. A file that is changed while it is read gives errors.
func openFile(path string) (*file, error) {
	f, err := fsx.OpenSteady(path)
	if err != nil {
		return nil, unusable(err)
	}
	k, err := filekind.Of(f, f.Size())
	if err != nil {
		f.Close()
		return nil, unusable(fmt.Errorf("%s: %w", path, err))
	}
	return &file{File: f, path: path, kind: k}, nil
}

// openPacked is openFile and, of a cabinet, a zip archive or a compressed file, takes
// the file that is in it. A container of which none can be taken stays what it is.
func openPacked(ctx context.Context, path string) (*file, error) {
	f, err := openFile(path)
	if err != nil || f.kind != "cab" && f.kind != "zip" && !f.kind.Compressed() {
		return f, err
	}
	c, err := container.Expand(ctx, f.File, container.Any)
	if ctx.Err() != nil {
		f.Close()
		return nil, ctx.Err()
	}
	if err != nil {
		f.unopened = err
		return f, nil
	}
	kind, err := filekind.Of(c, c.Size())
	if err != nil {
		c.Close()
		return nil, unusable(fmt.Errorf("%s: %s: %w", path, c.Member, err))
	}
	if kind == filekind.Unknown || kind == filekind.Path { // memory has no mark: what is known is how it is packed
		c.Close()
		return openFile(path)
	}
	return &file{File: c.File, path: path, kind: kind, container: c.Container, member: c.Member}, nil
}

// name is the file name, that in its container where it has one.
func (f *file) name() string {
	if f.member != "" {
		return f.member
	}
	return lastPart(f.path)
}

// want returns an error unless the file is of kind k.
func (f *file) want(k filekind.Kind) error {
	if f.kind == k {
		return nil
	}
	if f.unopened != nil {
		return unusable(fmt.Errorf("%s: %w", f.path, f.unopened))
	}
	return unusable(fmt.Errorf("%s: %s, not %s", f.path, f.kind.Title(), k.Title()))
}

// machineName names an IMAGE_FILE_MACHINE_* value (winnt.h).
func machineName(machine uint16) string {
	names := map[uint16]string{
		0x014c: "x86", 0x8664: "x64", 0x01c0: "arm", 0x01c2: "thumb", 0x01c4: "arm", 0xaa64: "arm64",
		0x0200: "ia64", 0x0184: "alpha", 0x0284: "alpha64", 0x0166: "mips", 0x01f0: "ppc", 0xa641: "arm64ec",
	}
	if name, ok := names[machine]; ok {
		return name
	}
	return fmt.Sprintf("0x%04x", machine)
}

// parseMachine is the other way round, with the names people also use.
func parseMachine(name string) (uint16, error) {
	machines := map[string]uint16{
		"x86": 0x014c, "i386": 0x014c, "x64": 0x8664, "amd64": 0x8664, "arm": 0x01c4, "armnt": 0x01c4,
		"arm64": 0xaa64, "aarch64": 0xaa64, "ia64": 0x0200, "alpha": 0x0184, "alpha64": 0x0284,
	}
	if m, ok := machines[strings.ToLower(name)]; ok {
		return m, nil
	}
	return 0, usage(fmt.Errorf("machine %q: want x86, x64, arm, arm64, ia64 or alpha", name))
}
