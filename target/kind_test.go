package target_test

import (
	"fmt"
	"testing"

	"github.com/symres/symres/target"
)

func TestKind(t *testing.T) {
	for kind, want := range map[target.Kind]string{
		0: "unknown", target.KindTriage: "triage dump", target.KindFiles: "files", target.KindFiles + 1: "Kind(9)",
	} {
		if text, err := kind.MarshalText(); fmt.Sprint(kind) != want || string(text) != want || err != nil {
			t.Errorf("%d: %v, want %s", kind, kind, want)
		}
	}
}
