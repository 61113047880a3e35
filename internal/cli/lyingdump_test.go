package cli_test

import (
	"encoding/hex"
	"os"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdPoke writes a copy of a file with bytes changed: poke FROM TO [OFFSET HEX]...
func cmdPoke(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args)%2 != 0 {
		ts.Fatalf("usage: poke FROM TO [OFFSET HEX]...")
	}
	b := []byte(ts.ReadFile(args[0]))
	for i := 2; i < len(args); i += 2 {
		at, err := strconv.ParseUint(args[i], 0, 32)
		ts.Check(err)
		with, err := hex.DecodeString(args[i+1])
		ts.Check(err)
		if int(at)+len(with) > len(b) {
			ts.Fatalf("%s is beyond the end of %s", args[i], args[0])
		}
		copy(b[at:], with)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), b, 0o600))
}
