//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"

	"github.com/symres/symres/pdb"
)

// do is one job in a process of its own, with its answer on stdout.
func do(job string, args []string) error {
	debug.SetGCPercent(400) // as the command does
	switch job {
	case "nothing":
		return nil
	case "peak":
		return sayPeak(args)
	}
	open := pdb.OpenMapped
	if job == "name" {
		open = pdb.Open
	}
	f, err := open(args[0])
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(os.Stdout, 1<<18)
	defer w.Flush()
	switch job {
	case "frames":
		return printFrames(f, w)
	case "name", "mapped name":
		syms, err := f.ByName(args[1])
		if err == nil && len(syms) == 0 {
			err = errors.New(args[1] + " is not there")
		}
		return err
	}
	return errors.New("no such job")
}

// sayPeak runs a program and prints on stderr how much memory it took at most.
// The system counts that of the parent in, which is why this small process is
// one.
func sayPeak(args []string) error {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stderr = os.Stdin, os.Stderr
	if err := cmd.Run(); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "peak", peakOf(cmd.ProcessState))
	return nil
}

func peakOf(p *os.ProcessState) int64 {
	usage, _ := p.SysUsage().(*syscall.Rusage)
	return int64(usage.Maxrss) << 10
}

// printFrames prints the stacks of the RVAs on stdin the way llvm-symbolizer
// does: function, place, and an empty line behind each stack.
func printFrames(f *pdb.File, w *bufio.Writer) error {
	var rvas []uint32
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		v, err := strconv.ParseUint(in.Text(), 0, 32)
		if err != nil {
			return err
		}
		rvas = append(rvas, uint32(v))
	}
	stacks, err := f.FramesOf(rvas, runtime.GOMAXPROCS(0))
	if err != nil {
		return err
	}
	for _, stack := range stacks {
		for _, fr := range stack {
			b := append(w.AvailableBuffer(), fr.Function...)
			b = append(append(b, '\n'), fr.File...)
			b = strconv.AppendUint(append(b, ':'), uint64(fr.Line), 10)
			w.Write(append(b, '\n'))
		}
		if len(stack) == 0 {
			w.WriteString("??\n??:0\n")
		}
		w.WriteByte('\n')
	}
	return nil
}
