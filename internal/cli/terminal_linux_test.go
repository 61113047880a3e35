package cli_test

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	system "golang.org/x/sys/unix"

	"github.com/symres/symres/internal/cli"
)

// typist types into a terminal and reads what is shown there.
type typist struct {
	*testing.T
	master *os.File
	mu     sync.Mutex
	shown  strings.Builder
}

// openTerminal opens a pair of terminals of the system.
func openTerminal(t *testing.T) (*typist, *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|system.O_NOCTTY, 0)
	if err != nil {
		t.Skip("NOT TESTED on a terminal: ", err)
	}
	t.Cleanup(func() { master.Close() })
	n, err := system.IoctlGetInt(int(master.Fd()), system.TIOCGPTN)
	if err == nil {
		err = system.IoctlSetPointerInt(int(master.Fd()), system.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|system.O_NOCTTY, 0)
	if err != nil {
		t.Skip("NOT TESTED on a terminal: ", err)
	}
	t.Cleanup(func() { slave.Close() })
	ty := &typist{T: t, master: master}
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := master.Read(b)
			if err != nil {
				return
			}
			ty.mu.Lock()
			ty.shown.Write(b[:n])
			ty.mu.Unlock()
		}
	}()
	return ty, slave
}

// wants waits until a text is shown, and forgets what was shown up to there.
func (ty *typist) wants(text string) {
	ty.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		ty.mu.Lock()
		shown := ty.shown.String()
		if i := strings.Index(shown, text); i >= 0 {
			ty.shown.Reset()
			ty.shown.WriteString(shown[i+len(text):])
			ty.mu.Unlock()
			return
		}
		ty.mu.Unlock()
		time.Sleep(5 * time.Millisecond)
	}
	ty.Fatalf("%q is not shown, but %q", text, ty.shown.String())
}

func (ty *typist) shows(text string) bool {
	ty.mu.Lock()
	defer ty.mu.Unlock()
	return strings.Contains(ty.shown.String(), text)
}

func (ty *typist) types(keys string) {
	ty.Helper()
	if _, err := ty.master.WriteString(keys); err != nil {
		ty.Fatal(err)
	}
}

// TestKdTerminal types a session on a terminal: completion, history, editing, a line that
// is dropped, an interrupt that ends a command and not the session, a log.
func TestKdTerminal(t *testing.T) {
	ty, slave := openTerminal(t)
	log := filepath.Join(t.TempDir(), "log.txt")
	done := make(chan int)
	go func() {
		p := cli.Program{Args: []string{"kd", "--demo"}, Stdin: slave, Stdout: slave, Stderr: slave, Getenv: func(string) string { return "" }}
		done <- p.Run(t.Context())
	}()
	ty.wants("kd> ")
	ty.types(".logopen " + log + "\r")
	ty.wants("Opened log file")
	ty.wants("kd> ")
	ty.types(".bugc\t\r") // a command
	ty.wants("Bugcheck code 000000E2")
	ty.wants("kd> ")
	ty.types("x fs_\tDriverE\t\r") // a module and a symbol
	ty.wants("fe0c8580 Fs_Rec!DriverEntry")
	ty.wants("kd> ")
	ty.types("? 1+1\r")
	ty.wants("= 00000002")
	ty.types("\x1b[A\x7f4\r") // the line before, the last letter deleted
	ty.wants("= 00000005")
	ty.types("nonsense\x03? 2+5\r") // dropped
	ty.wants("= 00000007")
	ty.wants("kd> ")
	absorbed := make(chan os.Signal, 1)
	signal.Notify(absorbed, os.Interrupt) // should nothing run any more
	defer signal.Stop(absorbed)
	ty.types(strings.Repeat("s -a 80000000 L?fffffff nothere;", 100) + "\r")
	for i := 0; i < 500 && !ty.shows("^C"); i++ { // the command may not have begun
		time.Sleep(20 * time.Millisecond)
		if err := system.Kill(os.Getpid(), system.SIGINT); err != nil { // as the terminal does while no line is read
			t.Fatal(err)
		}
	}
	ty.wants("^C")
	ty.wants("kd> ")
	ty.types("? 8\r")
	ty.wants("= 00000008")
	ty.types(".logclose\r")
	ty.wants("Closing open log file")
	ty.types("\x04")
	if status := <-done; status != 0 {
		t.Errorf("status %d", status)
	}
	b, err := os.ReadFile(log)
	if text := string(b); err != nil || !strings.Contains(text, "kd> .bugcheck \nBugcheck code 000000E2\n") || strings.Contains(text, "\x1b") {
		t.Errorf("the log has %q, %v", text, err)
	}
}
