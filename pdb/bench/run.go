//go:build linux

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"time"
)

// result is what a comparison came to.
type result struct {
	times  []time.Duration // median of each
	ratios []float64       // median of what the last took over what each did
	runs   int
}

// race runs things to be compared in turn.
func (b *bench) race(runs ...func() (time.Duration, error)) (r result, err error) {
	times := make([][]time.Duration, len(runs))
	ratios := make([][]float64, len(runs))
	for start := time.Now(); r.runs == 0 || r.runs < b.pairs && time.Since(start) < b.patience; r.runs++ {
		for i, run := range runs {
			took, err := run()
			if err != nil {
				return r, err
			}
			times[i] = append(times[i], took)
		}
		for i := range runs {
			ratios[i] = append(ratios[i], float64(times[len(runs)-1][r.runs])/float64(times[i][r.runs]))
		}
	}
	for i := range runs {
		r.times, r.ratios = append(r.times, median(times[i])), append(r.ratios, median(ratios[i]))
	}
	return r, nil
}

func median[T time.Duration | float64](list []T) T {
	slices.Sort(list)
	return list[len(list)/2]
}

// String names the times of the first and of the last, and their ratio.
func (r result) String() string {
	s := fmt.Sprintf("%s / %s = **%.3gx**", ms(r.times[0]), ms(r.times[len(r.times)-1]), r.ratios[0])
	return s + r.fewer()
}

// fewer tells of runs that were left out.
func (r result) fewer() string {
	if r.runs == 5 {
		return ""
	}
	return fmt.Sprintf(" (runs: %d)", r.runs)
}

func ms(d time.Duration) string {
	if d < 10*time.Millisecond {
		return fmt.Sprintf("%.1f ms", d.Seconds()*1e3)
	}
	return fmt.Sprintf("%.0f ms", d.Seconds()*1e3)
}

// timed runs a program whose output goes to the null device.
func timed(stdin string, args ...string) func() (time.Duration, error) {
	return func() (time.Duration, error) {
		cmd, done, err := command(stdin, args)
		if err != nil {
			return 0, err
		}
		defer done()
		start := time.Now()
		err = cmd.Run()
		return time.Since(start), told(cmd, err)
	}
}

// command prepares a program. What it says on stderr is kept for told.
func command(stdin string, args []string) (cmd *exec.Cmd, done func(), err error) {
	cmd = exec.Command(args[0], args[1:]...)
	cmd.Stderr = new(bytes.Buffer)
	if stdin == "" {
		return cmd, func() {}, nil
	}
	in, err := os.Open(stdin)
	cmd.Stdin = in
	return cmd, func() { in.Close() }, err
}

func told(cmd *exec.Cmd, err error) error {
	if err != nil {
		err = fmt.Errorf("%v: %w: %s", cmd.Args, err, cmd.Stderr)
	}
	return err
}

// countLines counts the lines of a program's output by what counts says they
// are; -1 is not counted.
func countLines(kinds int, kind func(line []byte) int, stdin string, args ...string) ([]int, error) {
	cmd, done, err := command(stdin, args)
	if err != nil {
		return nil, err
	}
	defer done()
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, err
	}
	counts := make([]int, kinds)
	s := bufio.NewScanner(out)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		if k := kind(s.Bytes()); k >= 0 {
			counts[k]++
		}
	}
	return counts, errors.Join(s.Err(), told(cmd, cmd.Wait()))
}

func anyOf(texts ...string) func(line []byte) int {
	return func(line []byte) int {
		if len(texts) == 0 || slices.ContainsFunc(texts, func(t string) bool { return bytes.Contains(line, []byte(t)) }) {
			return 0
		}
		return -1
	}
}
