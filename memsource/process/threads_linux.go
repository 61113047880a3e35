package process

import (
	"context"
	"os"
	"slices"
	"strconv"
	"strings"
)

// maxName bounds the name of a thread in bytes; the kernel keeps 15.
const maxName = 64

// threads returns the numbers of the threads, ascending.
func (l *linux) threads() ([]int, error) {
	if _, err := l.look(); err != nil { // the number may be another's by now
		return nil, err
	}
	entries, err := os.ReadDir(l.tasks())
	var ids []int
	for _, e := range entries {
		if id, err := strconv.Atoi(e.Name()); err == nil && id > 0 {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, err
}

// tasks is the directory of the threads.
func (l *linux) tasks() string { return "/proc/" + strconv.Itoa(l.pid) + "/task" }

// stopped reads the registers of a thread, which is stopped meanwhile.
func (l *linux) stopped(ctx context.Context, t *Thread) error {
	if name, err := os.ReadFile(l.tasks() + "/" + strconv.Itoa(t.ID) + "/comm"); err == nil {
		t.Name = strings.TrimSuffix(string(name[:min(len(name), maxName)]), "\n")
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return traced(ctx, t)
}
