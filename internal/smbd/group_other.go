//go:build !unix

package smbd

import "os/exec"

// There is no smbd on these systems.
func own(*exec.Cmd) {}

func signalGroup(*exec.Cmd, string) {}
