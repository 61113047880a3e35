//go:build unix

package smbd

import (
	"os/exec"
	"syscall"
)

// own gives a program a process group, by which its children are reached.
func own(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func signalGroup(cmd *exec.Cmd, name string) {
	signal := map[string]syscall.Signal{"KILL": syscall.SIGKILL, "STOP": syscall.SIGSTOP, "CONT": syscall.SIGCONT}[name]
	_ = syscall.Kill(-cmd.Process.Pid, signal) // it may be gone already
}
