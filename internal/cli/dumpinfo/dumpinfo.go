// Package dumpinfo is what the identify command says of dumps: why one was made, of
// which process and system, and what is in it. It is data for JSON and, by
// [Dump.Fields], rows for people.
package dumpinfo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/symres/symres/sympath"
	"github.com/symres/symres/target"
)

// Dump is what a dump says of itself, in the JSON of the command. What it does not
// say is left out.
type Dump struct {
	System        string     `json:"system,omitempty"`
	Version       string     `json:"version,omitempty"`
	Time          string     `json:"time,omitempty"` // RFC 3339, in UTC
	SystemUptime  int64      `json:"system_uptime_ms,omitempty"`
	ProcessUptime int64      `json:"process_uptime_ms,omitempty"`
	Process       string     `json:"process,omitempty"`
	PID           uint32     `json:"pid,omitempty"`
	BugCheck      *BugCheck  `json:"bugcheck,omitempty"`
	Exception     *Exception `json:"exception,omitempty"`
	Modules       int        `json:"modules,omitempty"`
	Unloaded      int        `json:"unloaded_modules,omitempty"`
	Threads       int        `json:"threads,omitempty"`
	ThreadList    []Thread   `json:"thread_list,omitempty"` // the first 1000
	Comments      []string   `json:"comments,omitempty"`

	bits int
}

// BugCheck is why a system stopped.
type BugCheck struct {
	Code       string   `json:"code"`
	Name       string   `json:"name,omitempty"`
	Parameters []string `json:"parameters"`
	Meanings   []string `json:"meanings"` // of the parameters, "" where it is not known
}

// Exception is why a program stopped, or what a bug check says of the instruction
// that failed.
type Exception struct {
	Code       string   `json:"code,omitempty"`
	Name       string   `json:"name,omitempty"`
	Address    string   `json:"address,omitempty"` // of the instruction
	Module     string   `json:"module,omitempty"`  // where that is
	Access     string   `json:"access,omitempty"`  // read, write or execute
	Target     string   `json:"target,omitempty"`  // the address accessed
	Status     string   `json:"status,omitempty"`  // why a page could not be read in
	Thread     uint32   `json:"thread,omitempty"`
	Parameters []string `json:"parameters,omitempty"`
	Meanings   []string `json:"meanings,omitempty"`

	title           string
	address, target uint64
	offset          uint64 // in the module
	statusName      string
	threadName      string
	crossed         bool // a kernel's: its thread is not known
}

// Thread is one of the threads.
type Thread struct {
	ID   uint32 `json:"id"`
	Name string `json:"name,omitempty"`
	PC   string `json:"pc,omitempty"`
}

const maxThreads = 1000

// Of reads the first size bytes of r, a crash dump or a minidump. What is wrong with
// its lists is not told of; that is for check. The error is about one that cannot be
// opened at all.
func Of(ctx context.Context, r io.ReaderAt, size int64) (*Dump, error) {
	opts := target.Options{
		Symbols: sympath.Chain(), Images: sympath.Chain(), Getenv: func(string) string { return "" }, Warn: func(error) {},
	}
	t, err := target.OpenReader(ctx, r, size, opts)
	if err != nil { // without its lists it may be of use
		opts.NoModules = true
		t, err = target.OpenReader(ctx, r, size, opts)
	}
	if err != nil {
		return header(ctx, err)
	}
	defer t.Close()
	d := &Dump{bits: t.Bits(), Modules: len(t.Modules())}
	d.info(t.Info())
	for _, err := range t.Unloaded() {
		if err == nil {
			d.Unloaded++
		}
	}
	if check, err := t.BugCheck(); err == nil {
		d.bugCheck(check)
	}
	if e, err := t.Exception(); err == nil {
		d.exception(e)
	}
	if t.Kind() == target.KindMinidump {
		d.threads(ctx, t)
	}
	d.place(t)
	return d, ctx.Err()
}

// header is what the header of a kernel dump says, when there is nothing else to
// work with; failed is why.
func header(ctx context.Context, failed error) (*Dump, error) {
	only, ok := errors.AsType[*target.HeaderError](failed)
	if !ok || ctx.Err() != nil {
		return nil, failed
	}
	h := &only.Header
	d := &Dump{bits: h.Bits}
	d.info(target.HeaderInfo(*h))
	if h.BugCheckCode != 0 {
		d.bugCheck(target.NewBugCheck(h.BugCheckCode, h.BugCheckParameters))
	}
	return d, nil
}

func (d *Dump) info(i target.Info) {
	d.System, d.Process, d.PID, d.Comments = i.System, i.Process, i.PID, i.Comments
	d.SystemUptime, d.ProcessUptime = i.SystemUptime.Milliseconds(), i.ProcessUptime.Milliseconds()
	if i.Major != 0 || i.Minor != 0 {
		d.Version = fmt.Sprintf("%d.%d.%d", i.Major, i.Minor, i.Build)
	}
	if i.ServicePack != "" && d.Version != "" {
		d.Version += " "
	}
	d.Version += i.ServicePack
	if !i.Time.IsZero() {
		d.Time = i.Time.Format(time.RFC3339)
	}
}

// bugCheck takes the bug check, and what it says of the instruction that failed.
func (d *Dump) bugCheck(b target.BugCheck) {
	d.BugCheck = &BugCheck{Code: hex(uint64(b.Code)), Name: b.Name, Parameters: hexes(b.Parameters[:]), Meanings: b.Meanings[:]}
	if f := b.Fault; f.Status != 0 || f.Access != "" {
		d.Exception = &Exception{Name: f.StatusName, address: f.Address, crossed: true}
		if f.Status != 0 {
			d.Exception.Code = hex(uint64(f.Status))
		}
		d.Exception.fault(f)
	}
}

func (d *Dump) exception(e target.Exception) {
	d.Exception = &Exception{
		Code: hex(uint64(e.Code)), Name: e.Name, Thread: e.ThreadID, Parameters: hexes(e.Parameters), Meanings: e.Meanings,
		title: e.Title, address: e.Address,
	}
	if e.Fault.Status != 0 {
		d.Exception.Status, d.Exception.statusName = hex(uint64(e.Fault.Status)), e.Fault.StatusName
	}
	d.Exception.fault(e.Fault)
}

// fault takes the addresses.
func (e *Exception) fault(f target.Fault) {
	if e.address != 0 || !e.crossed {
		e.Address = hex(e.address)
	}
	if e.Access = string(f.Access); f.Access != "" {
		e.target, e.Target = f.Target, hex(f.Target)
	}
}

func (d *Dump) threads(ctx context.Context, t *target.Target) {
	for th, err := range t.Threads(ctx) {
		if err != nil {
			continue
		}
		if d.Threads++; d.Threads <= maxThreads {
			one := Thread{ID: th.ID, Name: th.Name}
			if th.Registers.IP != 0 {
				one.PC = hex(th.Registers.IP)
			}
			d.ThreadList = append(d.ThreadList, one)
		}
		if d.Exception != nil && th.ID == d.Exception.Thread {
			d.Exception.threadName = th.Name
		}
	}
}

// place says in which module the instruction is, or in which one that is gone.
func (d *Dump) place(t *target.Target) {
	if d.Exception == nil || d.Exception.Address == "" {
		return
	}
	for _, r := range t.Session().Modules() {
		if r.Module.Contains(d.Exception.address) {
			d.Exception.Module, d.Exception.offset = r.Module.Name, d.Exception.address-r.Module.Base
			return
		}
	}
	for m, err := range t.Unloaded() {
		if err == nil && m.Contains(d.Exception.address) {
			d.Exception.Module, d.Exception.offset = "<Unloaded_"+m.Image+">", d.Exception.address-m.Base
			return
		}
	}
}

func hex(n uint64) string { return fmt.Sprintf("%#x", n) }

func hexes(list []uint64) (out []string) {
	for _, n := range list {
		out = append(out, hex(n))
	}
	return out
}
