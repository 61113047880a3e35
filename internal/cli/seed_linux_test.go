package cli_test

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/symres/symres/internal/cli"
	"github.com/symres/symres/internal/demo"
	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/fixture"
	"github.com/symres/symres/internal/smbd"
)

// insideNetwork is set in the process that runs a test in a network of its own.
const insideNetwork = "SYMRES_TEST_INSIDE_NETWORK"

// inNetwork runs the test again in a network namespace of its own, where the
// names myserver, symbols.test and evil.test are this machine and port 445 is
// free. It is true there.
func inNetwork(t *testing.T) bool {
	t.Helper()
	if os.Getenv(insideNetwork) != "" {
		return true
	}
	if out, err := exec.Command("unshare", "-n", "-m", "ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		t.Skipf("no network namespace can be made here (%v: %s); run as root, with iproute2", err, out)
	}
	hosts := filepath.Join(t.TempDir(), "hosts")
	text := "127.0.0.1 localhost myserver symbols.test\n127.0.0.2 evil.test evil\n"
	if err := os.WriteFile(hosts, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	script := `ip link set lo up && mount --bind "$1" /etc/hosts && shift && exec "$@"`
	cmd := exec.Command("unshare", "-n", "-m", "sh", "-c", script, "sh", hosts,
		os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), insideNetwork+"=1")
	out, err := cmd.CombinedOutput()
	switch {
	case err != nil:
		t.Errorf("%v: %s", err, out)
	case strings.Contains(string(out), "--- SKIP"):
		t.Skip(string(out))
	default:
		t.Logf("%s", out)
	}
	return false
}

// traced runs the command under strace, and returns what it printed and what it
// connected to and opened.
func traced(t *testing.T, dir string, env []string, args ...string) (out, trace string, err error) {
	t.Helper()
	exe := filepath.Join(dir, "symres") // which is how this binary knows what to be
	if err := os.Symlink(must(filepath.Abs(os.Args[0])), exe); err != nil && !os.IsExist(err) {
		t.Fatal(err)
	}
	log := filepath.Join(t.TempDir(), "trace")
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("strace is not here; apt-get install strace")
	}
	cmd := exec.Command("strace", append([]string{
		"-f", "-qq", "-s", "500", "-o", log, "-e", "trace=connect,sendto,open,openat,openat2,stat,lstat,newfstatat,statx,readlink,readlinkat,execve,mkdirat,renameat,renameat2,linkat,unlinkat", exe,
	}, args...)...)
	cmd.Dir, cmd.Env = dir, append([]string{"HOME=" + dir, "XDG_CACHE_HOME=" + dir + "/cache"}, env...)
	text, err := cmd.CombinedOutput()
	data, readErr := os.ReadFile(log)
	if readErr != nil {
		t.Skipf("strace cannot trace here (%v: %s); allow ptrace", readErr, text)
	}
	return string(text), string(data), err
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// servers starts a share and a symbol server that hold the demo's files and
// nothing, and returns the seed's path with them in it.
func servers(t *testing.T, dir string, files map[string][]byte) (path string, env []string, port string, asked *atomic.Int32) {
	t.Helper()
	share := smbd.Start(t, smbd.Options{Port: "445"})
	for name, data := range files {
		share.Write(t, "myshare/symbols/x86fre/symbols/"+name, data)
	}
	asked = &atomic.Int32{}
	web := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		http.NotFound(w, r)
	}))
	t.Cleanup(web.Close)
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}), 0o644); err != nil {
		t.Fatal(err)
	}
	port = web.URL[strings.LastIndex(web.URL, ":")+1:]
	env = []string{"SSL_CERT_FILE=" + ca, "SYMRES_AUTH=smb://myserver=" + smbd.User + ":" + smbd.Password}
	return `symsrv*symsrv.dll*` + dir + `/sym*https://127.0.0.1:` + port + `/download/symbols;\\myserver\myshare\symbols\x86fre\symbols`, env, port, asked
}

// where matches what a system call connected to, and where writes the path it
// was given.
var (
	connected = regexp.MustCompile(`connect\(.*sin6?_port=htons\((\d+)\).*inet_(?:addr|pton)\([^"]*"([^"]+)"`)
	unix      = regexp.MustCompile(`connect\(.*AF_UNIX.*`)
	opened    = regexp.MustCompile(`(?:open|openat|openat2|stat|lstat|newfstatat|statx|readlink|readlinkat|execve|mkdirat|renameat2?|linkat|unlinkat)\((?:AT_FDCWD, |\d+, )?"((?:[^"\\]|\\.)*)"`)
)

// onlyWithin fails when the trace shows a connection to anything but the two
// servers, or a path that has anything of the target's in it but under roots.
func onlyWithin(t *testing.T, trace, port string) {
	t.Helper()
	seen := map[string]int{}
	for _, m := range connected.FindAllStringSubmatch(trace, -1) {
		seen[m[2]+":"+m[1]]++
		if m[2] != "127.0.0.1" || m[1] != "445" && m[1] != port {
			t.Errorf("connected to %s port %s", m[2], m[1])
		}
	}
	if s := unix.FindString(trace); s != "" {
		t.Errorf("connected to a socket: %s", s)
	}
	paths := 0
	for _, m := range opened.FindAllStringSubmatch(trace, -1) {
		paths++
		if strings.Contains(strings.ToLower(m[1]), "evil") {
			t.Errorf("touched %s", m[1])
		}
	}
	if paths < 5 { // the image, and what any Go program opens
		t.Errorf("only %d paths in the trace: is it what the test thinks it is?", paths)
	}
	t.Logf("connections %v, %d paths", seen, paths)
}

// The path of the issue that symres was made for, as it was typed there: a
// cache, a server that does not have the file, and a share that has it.
func TestSeedPath(t *testing.T) {
	if !inNetwork(t) {
		return
	}
	dir := t.TempDir()
	if err := demo.WriteTo(dir); err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, name := range []string{"fs_rec.sys", "fs_rec.pdb"} {
		files[name] = must(os.ReadFile(filepath.Join(dir, "symbols", name)))
	}
	path, env, port, asked := servers(t, dir, files)
	for _, login := range []string{env[1], "SYMRES_AUTH=smb://myserver=guest:"} {
		out, trace, err := traced(t, dir, []string{env[0], login, "_NT_SYMBOL_PATH=" + path}, "lookup", "--dump", "demo.dmp", "fs_rec!*")
		for _, want := range []string{"fe0c8310  Fs_Rec!_imp__IoCreateDevice\n", "fe0c9570  Fs_Rec!_NULL_IMPORT_DESCRIPTOR\n"} {
			if err != nil || !strings.Contains(out, want) {
				t.Errorf("want %q, %v: %s", want, err, out)
			}
		}
		onlyWithin(t, trace, port)
		if !strings.Contains(trace, "htons(445)") || asked.Load() == 0 {
			t.Errorf("the share was not used, or the server asked %d times", asked.Load())
		}
	}
	// Offline nothing is connected to.
	_, trace, err := traced(t, dir, append(env, "_NT_SYMBOL_PATH="+path), "lookup", "--offline", "--dump", "demo.dmp", "fs_rec!*")
	if strings.Contains(trace, "connect(") || err == nil {
		t.Errorf("offline: %v, %s", err, trace)
	}
	// A share that is down is a miss with a reason.
	out, _, err := traced(t, dir, append(env, "_NT_SYMBOL_PATH="+strings.Replace(path, "myshare", "nosuch", 1)), "lookup", "-v", "--dump", "demo.dmp", "fs_rec!*")
	if err == nil || !strings.Contains(out, "the server has no such share") {
		t.Errorf("no such share: %v, %s", err, out)
	}
}

// No name of a target is a place to go: not in its module list, not in an
// image's CodeView record.
func TestHostileTarget(t *testing.T) {
	if !inNetwork(t) {
		return
	}
	dir := t.TempDir()
	spec, err := dumpbuild.Seed32(fixture.Read, dumpbuild.Full)
	if err != nil {
		t.Fatal(err)
	}
	for i, path := range []string{`\\evil.test\share\drv.sys`, `\??\UNC\evil.test\share\drv.sys`, `\Device\Mup\evil.test\share\drv.sys`} {
		if i+1 < len(spec.Modules) {
			spec.Modules[i+1].Path = path
		}
	}
	data, _, err := dumpbuild.Build(spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "target.dmp"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	path, env, port, _ := servers(t, dir, nil)
	target := func(args ...string) {
		t.Helper()
		out, trace, _ := traced(t, dir, env, append(args, "--sympath", path, "--imagepath", `\\myserver\myshare\symbols;`+dir)...)
		if strings.Contains(out, "panic") {
			t.Errorf("%v: %s", args, out)
		}
		onlyWithin(t, trace, port)
	}
	target("reload", "-v", "--dump", "target.dmp")
	target("lookup", "--dump", "target.dmp", "*!nothing")
	image := must(fixture.Read("fs_rec/x64/private/fs_rec.sys"))
	for i, pdb := range []string{
		`\\evil\s\`, `//evil/s/`, `\??\evil\`, `..\evil\..`, `evil:445\a`, `//evil/../`, `C:\evil\f`, `\\evil@80\`,
	} {
		name := fmt.Sprintf("hostile%d.sys", i)
		changed := strings.Replace(string(image), "fs_rec.pdb\x00", (pdb + "fs_rec.pdb")[:10]+"\x00", 1)
		if changed == string(image) {
			t.Fatal("the image names no fs_rec.pdb")
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(changed), 0o644); err != nil {
			t.Fatal(err)
		}
		target("lookup", "--image", name, "DriverEntry")
		target("fetch", name)
	}
	for _, name := range []string{`\\evil.test\s\x.sys`, `\??\UNC\evil.test\s\x.sys`, `//evil.test/s/x.sys`} {
		target("reload", "-v", "--module", name+"=fe0c8000,2000,3b7d8475")
	}
}

// A server that speaks SMB 2.1 and nothing newer is read where that is allowed.
func TestSMB21(t *testing.T) {
	if !inNetwork(t) {
		return
	}
	smbd.Start(t, smbd.Options{Port: "445", MaxProtocol: "SMB2_10"})
	getenv := func(name string) string {
		return map[string]string{"SYMRES_AUTH": "smb://myserver=" + smbd.User + ":" + smbd.Password}[name]
	}
	for _, c := range []struct {
		status int
		want   string
		args   []string
	}{
		{1, "SMB 2.1 is allowed (--smb21)", []string{"path", "--check", `\\myserver\signed`}},
		{0, "\nOK ", []string{"path", "--check", "--smb21", `\\myserver\signed`}},
	} {
		var out, errs strings.Builder
		if status := cli.Main(t.Context(), c.args, nil, &out, &errs, getenv); status != c.status || !strings.Contains(out.String(), c.want) {
			t.Errorf("%v: status %d, want %d and %q: %s%s", c.args, status, c.status, c.want, &out, &errs)
		}
	}
}
