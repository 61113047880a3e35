package target_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/symres/symres/target"
)

// packers compress by the libraries of the formats.
func packers() map[string]func(io.Writer) (io.WriteCloser, error) {
	return map[string]func(io.Writer) (io.WriteCloser, error){
		"gz":  func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil },
		"zst": func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) },
		"xz":  func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) },
	}
}

func pack(t testing.TB, format string, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := packers()[format](&out)
	if err == nil {
		_, err = w.Write(b)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestOpen_compressed opens what was compressed: what is in it is a target like any
// other, the temporary file goes with it, and one in another is refused.
func TestOpen_compressed(t *testing.T) {
	dump, symbols, facts := userDump(t)
	b, err := os.ReadFile(dump)
	if err != nil {
		t.Fatal(err)
	}
	for format := range packers() {
		t.Run(format, func(t *testing.T) {
			temp := t.TempDir()
			t.Setenv("TMPDIR", temp)
			t.Setenv("TMP", temp)
			tg, err := target.Open(t.Context(), write(t, "user.dmp."+format, pack(t, format, b)), target.Options{SymbolPath: symbols})
			if err != nil {
				t.Fatal(err)
			}
			if got := len(tg.Modules()); got != len(facts.Modules) || tg.Kind() != target.KindCrashDump {
				t.Errorf("%d modules of a %v", got, tg.Kind())
			}
			if err := tg.Close(); err != nil {
				t.Error(err)
			}
			if left, err := filepath.Glob(filepath.Join(temp, "*expanded*")); len(left) > 0 || err != nil {
				t.Errorf("left behind: %v, %v", left, err)
			}
			twice := pack(t, "gz", pack(t, format, b[:0x3000]))
			_, err = target.Open(t.Context(), write(t, "twice", twice), target.Options{})
			if !errors.Is(err, target.ErrFormat) || !strings.Contains(err.Error(), "a compressed file in a compressed file") {
				t.Errorf("twice: %v", err)
			}
			_, err = target.Open(t.Context(), write(t, "cut", pack(t, format, b)[:2000]), target.Options{})
			if !errors.Is(err, target.ErrFormat) || !strings.Contains(err.Error(), "compressed with "+map[string]string{"gz": "gzip", "zst": "zstd", "xz": "xz"}[format]) {
				t.Errorf("cut: %v", err)
			}
		})
	}
}
