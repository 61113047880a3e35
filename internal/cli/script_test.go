package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/symres/symres/internal/cli"
	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/internal/nginx"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"symres": command})
}

// command is the command as cmd/symres runs it.
func command() {
	signal.Ignore(syscall.SIGPIPE)
	os.Exit(cli.Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv))
}

// TestScript runs the scripts of testdata/script. They may use these commands:
//
//	fixture NAME FILE            copies a file of testdata
//	mkdump MACHINE TYPE FILE     writes a crash dump: x86, pae, x64, la57, ia64 or user (x64, of processes); full, bitmap or triage;
//	                             the RSDS record of the x64 Fs_Rec.SYS is out, as its header is
//	mkpagefiles MACHINE PREFIX   writes the paging files of that dump, PREFIX0 and on
//	mkimage FORMAT FILE          writes the memory of the user dump: raw, lime or core, or nostub, raw without low memory
//	mkminidump FILE              writes a minidump of a process with fs_rec (x64) and a module without CodeView
//	exits STATUS COMMAND ARG...  runs a command that must end with exactly that status
//	lines N FILE                 checks how many lines a file or stdout has
//	samelines FILE FILE          checks that two files have the same number of lines, and some
//	cut FILE SIZE                cuts a file short
//	setdebug FILE RVA            points the debug directory of an image elsewhere
//	setpdb FILE PATH             rewrites the path an image names its PDB by
//	addrecord FILE PDB           gives an x64 image another record behind its own, which names PDB
//	bytes FILE STRING            writes a file from a Go string without its quotes
//	poke FROM TO [OFFSET HEX]... writes a copy of a file with bytes changed
//	mkloop FILE                  writes a dump whose module list runs in a circle
//	serve NAME DIR               serves a directory over TLS at $NAME, and has programs trust it
//	requests NAME FILE           writes what that server was asked since the last time
//	swap FILE STORE NAME         puts a file in place of every entry of that name
//	nginx NAME DIR               serves a directory with nginx at $NAME
//
// and $SHARED, the shared corpus, where the condition [shared] holds. Where
// the condition [nginx] does not hold a script says so.
func TestScript(t *testing.T) {
	shared := ""
	t.Run("shared", func(t *testing.T) { shared = fixture.Shared(t) }) // skips loudly
	t.Run("nginx", func(t *testing.T) {
		if nginx.Path() == "" {
			t.Skip("nginx is not here; apt-get install nginx-light")
		}
	})
	servers := &sites{byURL: map[string]*site{}}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(env *testscript.Env) error {
			env.Setenv("SHARED", shared)
			env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, "cache"))
			env.Setenv("GORACE", "atexit_sleep_ms=0") // or each command under the detector sleeps a second
			return nil
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "shared":
				return shared != "", nil
			case "nginx":
				return nginx.Path() != "", nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"fixture": cmdFixture, "mkdump": cmdMkdump, "exits": cmdExits, "lines": cmdLines, "cut": cmdCut, "poke": cmdPoke,
			"samelines": cmdSameLines, "setdebug": cmdSetDebug, "setpdb": cmdSetPDB, "addrecord": cmdAddRecord, "mkloop": cmdMkloop, "mkminidump": cmdMkminidump, "pack": cmdPack, "gzip": cmdGzip,
			"mkimage": cmdMkimage, "mkpagefiles": cmdMkpagefiles, "bytes": cmdBytes, "flip": cmdFlip, "pad": cmdPad,
			"serve": servers.serve, "requests": servers.requests, "nginx": cmdNginx, "swap": cmdSwap,
		},
	})
}

func need(ts *testscript.TestScript, neg bool, args []string, n int, use string) {
	if neg || len(args) != n {
		ts.Fatalf("usage: %s", use)
	}
}

func cmdFixture(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2, "fixture NAME FILE")
	b, err := fixture.Read(args[0])
	ts.Check(err)
	dst := ts.MkAbs(args[1])
	ts.Check(os.MkdirAll(filepath.Dir(dst), 0o777))
	ts.Check(os.WriteFile(dst, b, 0o666))
}

func cmdMkdump(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 3, "mkdump MACHINE TYPE FILE")
	seed := seedOf(args[0])
	typ, ok := map[string]uint32{"full": dumpbuild.Full, "bitmap": dumpbuild.Bitmap, "triage": dumpbuild.Triage}[args[1]]
	if seed == nil || !ok {
		ts.Fatalf("mkdump: %s %s?", args[0], args[1])
	}
	spec, err := seed(fixture.Read, typ)
	ts.Check(err)
	if args[0] == "x64" { // the record that names its PDB: the copy is needed then
		spec.Modules[1].Pages[2] = dumpbuild.Page{State: dumpbuild.PageFile, Slot: 0x1235}
	}
	dump, _, err := dumpbuild.Build(spec)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), dump, 0o666))
}

func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err, got := ts.Exec(args[1], args[2:]...), 0
	if exit, ok := err.(interface{ ExitCode() int }); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

func cmdLines(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2, "lines N FILE")
	if got := strings.Count(ts.ReadFile(args[1]), "\n"); strconv.Itoa(got) != args[0] {
		ts.Fatalf("%s has %d lines, want %s", args[1], got, args[0])
	}
}

func cmdSameLines(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2, "samelines FILE FILE")
	a, b := strings.Count(ts.ReadFile(args[0]), "\n"), strings.Count(ts.ReadFile(args[1]), "\n")
	if a != b || a == 0 {
		ts.Fatalf("%s has %d lines, %s has %d", args[0], a, args[1], b)
	}
}

func cmdCut(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2, "cut FILE SIZE")
	size, err := strconv.ParseInt(args[1], 0, 64)
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), size))
}

// run runs the command in this process.
func run(t *testing.T, stdin string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, errw bytes.Buffer
	status = cli.Main(t.Context(), args, strings.NewReader(stdin), &out, &errw, nil)
	return out.String(), errw.String(), status
}
