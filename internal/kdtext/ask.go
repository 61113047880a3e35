package kdtext

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A Question is a session to have with Microsoft's kd, which .ci/kd sets up.
type Question struct {
	Root    string            // where it is set up
	Dump    []byte            // shown as Z:\target.dmp
	Folders map[string]string // copied: s1 to Z:\s1
	Path    string            // of symbols and images, such as `Z:\s1;Z:\s2`
	// Commands are typed one after the other; a Z:\NAME in them is one of Folders.
	Commands []string
}

// Ask has the session, and returns its transcript.
func Ask(ctx context.Context, q Question) (string, error) {
	work, err := os.MkdirTemp(filepath.Join(q.Root, "kd"), "run.")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	if err := os.WriteFile(filepath.Join(work, "target.dmp"), q.Dump, 0o666); err != nil {
		return "", err
	}
	there := []string{}
	for name, dir := range q.Folders {
		if err := os.CopyFS(filepath.Join(work, name), os.DirFS(dir)); err != nil {
			return "", err
		}
		if err := unrelocate(filepath.Join(work, name)); err != nil {
			return "", err
		}
		there = append(there, `Z:\`+name, `Z:\kd\`+filepath.Base(work)+`\`+name)
	}
	path := strings.NewReplacer(there...).Replace(q.Path)
	script := fmt.Sprintf(`cd /kd && WINEPREFIX=/kd/wp WINEDEBUG=-all WINEDLLOVERRIDES='dbghelp=n;dbgeng=n;symsrv=n;mscoree=;mshtml=' `+
		`exec timeout 120 wine kd.exe dbgeng.dll 'Z:\kd\%s\target.dmp' '%s' '%s'`, filepath.Base(work), path, path)
	cmd := exec.CommandContext(ctx, "chroot", q.Root, "env", "-u", "TMPDIR", "bash", "-c", script) // a folder outside of the root
	cmd.Stdin = strings.NewReader(strings.NewReplacer(there...).Replace(strings.Join(q.Commands, "\n") + "\n"))
	out, err := cmd.CombinedOutput()
	text := strings.NewReplacer("\r", "", `\kd\`+filepath.Base(work), "").Replace(string(out))
	if err != nil && !strings.Contains(text, "Could not open dump file") {
		return text, fmt.Errorf("kd: %w", err)
	}
	return text, nil
}

// unrelocate takes the list of relocations out of the images kd is given. Where
// memory is out it maps a copy and moves it to its base in place, which Windows
// allows and Wine does not: kd then refuses the image and its symbols.
func unrelocate(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.[es][xy][es]"))
	if err != nil {
		return err
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		optional := binary.LittleEndian.Uint32(b[0x3c:]) + 24
		directories := optional + 96
		if binary.LittleEndian.Uint16(b[optional:]) == 0x20b {
			directories = optional + 112
		}
		clear(b[directories+5*8:][:8])
		if err := os.WriteFile(file, b, 0o600); err != nil {
			return err
		}
	}
	return nil
}
