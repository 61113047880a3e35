package pdb_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// atLine takes apart a row "AT rva name+0xdisplacement ... | file:line+displacement".
var atLine = regexp.MustCompile(`^AT (\w+) .* \| (?:noline err=\d+|(.*):(\d+)\+\d+)$`)

// TestCorpusDbghelpLines compares the lines of addresses with what Microsoft's
// dbghelp says, which knows nothing of inlined functions. The rows that differ
// are in README-lines.md.
func TestCorpusDbghelpLines(t *testing.T) {
	rows, lines := 0, 0
	pairs := dbghelpPDBs(t)
	excused := readExcuses(t, "Lines")
	for _, file := range slices.Sorted(maps.Keys(pairs)) {
		t.Run(filepath.Base(pairs[file]), func(t *testing.T) {
			f := open(t, pairs[file])
			for row := range gzLines(t, file) {
				if !strings.HasPrefix(row, "AT ") {
					continue
				}
				m := atLine.FindStringSubmatch(row)
				if m == nil {
					t.Fatalf("not understood: %s", row)
				}
				rva, _ := strconv.ParseUint(m[1], 16, 32)
				got := ""
				if list := frames(t, f, uint32(rva)); len(list) > 0 && list[len(list)-1].line > 0 {
					got = fmt.Sprintf("%s:%d", list[len(list)-1].file, list[len(list)-1].line)
				}
				rows++
				switch want := m[2] + ":" + m[3]; {
				case want == ":" && got == "":
				case want == got:
					lines++
				case got == "" && excused.met(filepath.Base(pairs[file]), m[1]+" "+want):
				default:
					t.Errorf("got %q: | `%s` | `%s %s` |", got, filepath.Base(pairs[file]), m[1], want)
				}
			}
		})
	}
	excused.rest(t)
	t.Logf("%d rows, %d with a line", rows, lines)
	if rows < 50_000 || lines < 13_000 {
		t.Errorf("%d rows, %d with a line: too few", rows, lines)
	}
}
