package symres_test

import (
	"testing"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/memsource/memtest"
)

func fsRec(t testing.TB, variant string) []byte {
	return fixture.Bytes(t, "fs_rec/"+variant+"/fs_rec.sys")
}

// mapped returns the image of a fixture as a loader maps it, pages out.
func mapped(t testing.TB, file []byte, base uint64, out ...int) symres.MemorySource {
	t.Helper()
	return imageAt(t, file, base).PageOut(out...).Source()
}

// imageAt is a file as the loader has it at base.
func imageAt(t testing.TB, file []byte, base uint64) *memtest.ImageBuilder {
	t.Helper()
	b, err := memtest.Image(file)
	if err == nil {
		b, err = b.At(base)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}
