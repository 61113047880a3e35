package symres_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/sympath"
)

func privateSession(t *testing.T) (*symres.Session, symres.Module) {
	return pdbSession(t, fixture.Path(t, "fs_rec/x64/private/fs_rec.pdb"))
}

func typeNames(t *testing.T, s *symres.Session, pattern string) (names []string, failed error) {
	t.Helper()
	for typ, err := range s.Types(t.Context(), pattern) {
		if err != nil {
			failed = err
			continue
		}
		names = append(names, typ.Module+"!"+typ.FullName())
	}
	return names, failed
}

func TestType(t *testing.T) {
	s, _ := privateSession(t)
	for _, c := range []struct{ name, want, typedef string }{
		{"image!FsRecExtension", "FsRecExtension", ""},
		{"fsrecextension", "FsRecExtension", ""},
		{"NTSTATUS", "long", "NTSTATUS"},
		{"ntstatus", "long", "NTSTATUS"},
	} {
		typ, err := s.Type(t.Context(), c.name)
		if err != nil || typ.Name() != c.want || typ.Typedef != c.typedef || typ.Module != "image" || typ.Proof != symres.ProofExact {
			t.Errorf("%s: %v (typedef %q) in %s, proof %v, %v", c.name, typ, typ.Typedef, typ.Module, typ.Proof, err)
		}
	}
	typ, err := s.Type(t.Context(), "FsRecExtension")
	if err != nil {
		t.Fatal(err)
	}
	if f, err := typ.Field("Lower"); err != nil || f.Offset != 16 || f.Type.String() != "void*" {
		t.Errorf("Lower: %+v, %v", f, err)
	}
	for name, want := range map[string]error{
		"image!Nope": symres.ErrNotFound, "image!FsRec*": symres.ErrNotFound, "other!EVT": symres.ErrNoModule,
	} {
		if _, err := s.Type(t.Context(), name); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
}

func TestTypes(t *testing.T) {
	s, _ := privateSession(t)
	for pattern, want := range map[string]string{
		"image!*":   "image!EVT image!FsRecExtension image!NTSTATUS image!USTR image!WCHAR",
		"?str":      "image!USTR",
		"i*!fsrec*": "image!FsRecExtension",
		"wchar":     "image!WCHAR",
	} {
		if got, err := typeNames(t, s, pattern); strings.Join(got, " ") != want || err != nil {
			t.Errorf("%s: %v, %v", pattern, got, err)
		}
	}
	got, err := typeNames(t, s, "Nope")
	if len(got) > 0 || !errors.Is(err, symres.ErrNotFound) || !strings.Contains(err.Error(), "image has no type") {
		t.Errorf("Nope: %v, %v", got, err)
	}
	if _, err := typeNames(t, s, "[a"); !errors.Is(err, symres.ErrPattern) {
		t.Errorf("[a: %v", err)
	}
}

// TestTypes/modules: a module without symbols does not hide the others, nor
// that none of them has the type.
func TestTypes_modules(t *testing.T) {
	s, m := privateSession(t)
	if err := s.Add(symres.Module{Image: "bare.dll", Base: m.Base - 0x10000, Size: 0x1000}); err != nil {
		t.Fatal(err)
	}
	got, err := typeNames(t, s, "EVT")
	if !slices.Equal(got, []string{"image!EVT"}) || !errors.Is(err, symres.ErrNoSymbols) {
		t.Errorf("EVT: %v, %v", got, err)
	}
	if _, err := typeNames(t, s, "Nope"); !errors.Is(err, symres.ErrNotFound) {
		t.Errorf("Nope: %v", err)
	}
	if typ, err := s.Type(t.Context(), "EVT"); err != nil || typ.Module != "image" {
		t.Errorf("Type(EVT) = %v, %v", typ, err)
	}
}

// A driver that only declares a structure of the kernel does not hide its
// definition, wherever the two lie.
func TestType_declared(t *testing.T) {
	dir := filepath.Join(fixture.Shared(t), "winsiderss+systeminformer", "KSystemInformer", "bin-signed", "amd64")
	driver, kernel := filepath.Join(dir, "systeminformer.pdb"), fixture.Path(t, "nt/x64/ntkrnlmp.pdb")
	s, m := pdbSession(t, driver)
	if typ, err := s.Type(t.Context(), "_EPROCESS"); err != nil || !typ.IsForward() || typ.Module != "image" {
		t.Fatalf("the driver alone: %v in %s, forward %v, %v", typ, typ.Module, typ.IsForward(), err)
	}
	_, nt := pdbSession(t, kernel)
	nt.Image, nt.Base = "ntoskrnl.exe", m.Base+0x10000000
	dirs := []string{filepath.Dir(driver), filepath.Dir(kernel)}
	both := session(t, symres.Config{Symbols: sympath.Chain(
		sympath.Dir("driver", os.DirFS(dirs[0])), sympath.Dir("kernel", os.DirFS(dirs[1])))}, m, nt)
	typ, err := both.Type(t.Context(), "_EPROCESS")
	if err != nil || typ.IsForward() || typ.Module != "nt" {
		t.Errorf("with the kernel: %v in %s, forward %v, %v", typ, typ.Module, typ.IsForward(), err)
	}
}
