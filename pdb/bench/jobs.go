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
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sync/errgroup"

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
	stacks, err := framesOf(f, rvas)
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

// framesOf asks for the frames of many addresses, in the order of the addresses so that
// what lies together is read together, on as many goroutines as there are processors.
func framesOf(f *pdb.File, rvas []uint32) ([][]pdb.Frame, error) {
	order := make([]uint64, len(rvas)) // address<<32 | its number
	for i, rva := range rvas {
		order[i] = uint64(rva)<<32 | uint64(i)
	}
	slices.Sort(order)
	out := make([][]pdb.Frame, len(rvas))
	var group errgroup.Group
	size := max(64, len(order)/(4*runtime.GOMAXPROCS(0))+1)
	for share := range slices.Chunk(order, size) {
		group.Go(func() (err error) {
			for _, at := range share {
				if out[uint32(at)], err = f.Frames(uint32(at >> 32)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return out, group.Wait()
}
