package cli_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	lib "github.com/symres/symres"
	"github.com/symres/symres/internal/dumpbuild"
	"github.com/symres/symres/internal/kdtext"
	"github.com/symres/symres/memsource"
	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/memsource/paging"
	"github.com/symres/symres/nt"
	"github.com/symres/symres/sympath"
	"github.com/symres/symres/target"
)

// kdTarget is a dump of which symres is asked what kd was asked.
type kdTarget struct {
	*testing.T
	dump, path string
	facts      kdtext.Facts
	kernel     *nt.Kernel
	header     crashdump.Header
	roots      map[string]uint64 // of the processes, by address
	views      map[string]*nt.View
	physical   memsource.Source
}

// symresFacts is what symres says of a dump, by the keys of what kd said.
func symresFacts(t *testing.T, dump, path string, kd kdtext.Facts) kdtext.Facts {
	t.Helper()
	s := &kdTarget{T: t, dump: dump, path: path, facts: kdtext.Facts{}, roots: map[string]uint64{}, views: map[string]*nt.View{}}
	s.open()
	s.modules()
	s.processes()
	for key := range kd {
		s.answer(key, kd[key])
	}
	return s.facts
}

// open reads the dump as the command does, and what it has no output for.
func (s *kdTarget) open() {
	f, err := crashdump.Open(s.dump)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { f.Close() })
	s.header = f.Header()
	if s.physical, err = f.Physical(); err != nil {
		s.Fatal(err)
	}
	if s.kernel, err = nt.FromDump(f); err != nil {
		s.Fatal(err)
	}
	s.useTypes()
	h := s.header
	s.facts.Set("build", h.Build)
	s.bugCheck()
	base, err := s.kernel.Base()
	if err != nil {
		s.Error(err)
	}
	s.facts.Set("kernel", hexOf(base), hexOf(h.PsLoadedModuleList))
}

// bugCheck is what identify says of the dump.
func (s *kdTarget) bugCheck() {
	out, errs, status := run(s.T, "", "identify", "--json", s.dump)
	var o struct {
		BugCheck struct {
			Code       string   `json:"code"`
			Parameters []string `json:"parameters"`
		} `json:"bugcheck"`
	}
	if err := json.Unmarshal([]byte(out), &o); err != nil || status != 0 {
		s.Fatalf("identify: %v: %s", err, errs)
	}
	s.facts.Set("bugcheck code", plain(o.BugCheck.Code))
	s.facts["bugcheck parameters"] = strings.ReplaceAll(strings.Join(o.BugCheck.Parameters, " "), "0x", "")
}

// useTypes reads the kernel by its PDB, where the path has it.
func (s *kdTarget) useTypes() {
	path, err := sympath.Parse(s.path)
	if err != nil {
		s.Fatal(err)
	}
	s.kernel, err = target.KernelTypes(s.Context(), s.kernel, lib.Config{Symbols: path.Store(sympath.Options{})})
	if err != nil {
		s.Log(err)
	}
}

func hexOf(n uint64) string { return strconv.FormatUint(n, 16) }

// plain is a number of the command's JSON; nothing is 0.
func plain(v any) string {
	switch v := v.(type) {
	case string:
		return strings.TrimPrefix(v, "0x")
	case float64:
		return hexOf(uint64(v))
	}
	return "0"
}

// objects runs a command on the dump and returns the objects it prints.
func (s *kdTarget) objects(args ...string) (list []map[string]any) {
	s.Helper()
	out, errs, status := run(s.T, "", append(args, "--json", "--dump", s.dump, "--sympath", s.path)...)
	if status != 0 {
		s.Fatalf("%v: exit status %d: %s", args, status, errs)
	}
	for line := range strings.Lines(out) {
		var o map[string]any
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			s.Fatal(err)
		}
		list = append(list, o)
	}
	return list
}

func add(base, size any) string {
	a, _ := strconv.ParseUint(plain(base), 16, 64)
	b, _ := strconv.ParseUint(plain(size), 16, 64)
	return hexOf(a + b)
}

func (s *kdTarget) modules() {
	for _, o := range s.objects("modules", "-v", "--unloaded") {
		if o["unloaded"] == true {
			s.facts.Set("unloaded "+plain(o["base"]), add(o["base"], o["size"]), o["image"])
			continue
		}
		key := "module " + plain(o["base"])
		s.facts.Set(key, add(o["base"], o["size"]), o["name"])
		s.facts.Set(key+" image", o["image"])
		s.facts.Set(key+" stamp", s.stamp(o))
		s.facts.Set(key+" symbols", o["status"])
	}
}

// stamp is the one lm shows: the target's or, where that is not known, that
// of the copy of the image.
func (s *kdTarget) stamp(o map[string]any) string {
	report, _ := o["report"].(map[string]any)
	image, _ := report["image"].(string)
	if o["timestamp"] != nil || image == "" {
		return plain(o["timestamp"])
	}
	out, errs, status := run(s.T, "", "identify", "--json", image)
	var copied map[string]any
	if err := json.Unmarshal([]byte(out), &copied); err != nil || status != 0 {
		s.Fatalf("%s: %v: %s", image, err, errs)
	}
	return plain(copied["timestamp"])
}

func (s *kdTarget) processes() {
	for _, o := range s.objects("processes") {
		addr := plain(o["address"])
		for name, field := range map[string]string{"pid": "pid", "parent": "parent", "peb": "peb", "dirbase": "dirbase"} {
			s.facts.Set("process "+addr+" "+name, plain(o[field]))
		}
		s.facts.Set("process "+addr+" image", o["name"])
		s.facts.Set("process "+addr+" session", "none")
		if n, ok := o["session"].(float64); ok {
			s.facts.Set("process "+addr+" session", int(n))
		}
		s.roots[addr], _ = strconv.ParseUint(plain(o["dirbase"]), 16, 64)
		s.process(addr, plain(o["vadroot"]))
	}
}

// process has the VADs and user modules of a process.
func (s *kdTarget) process(addr, root string) {
	if root == "0" {
		s.facts.Set("process "+addr+" vads", "0 0")
		return
	}
	count, levels, deepest := 0, 0, 0
	for _, o := range s.objects("vad", "--process", "0x"+addr) {
		level := int(o["level"].(float64))
		count, levels, deepest = count+1, levels+level, max(deepest, level)
		s.vad(o, level)
	}
	s.facts.Set("process "+addr+" vads", root, count)
	text, _, _ := run(s.T, "", "vad", "--process", "0x"+addr, "--dump", s.dump, "--sympath", s.path)
	if want := fmt.Sprintf("\nTotal VADs: %d, average level: %d, maximum depth: %d\n", count, levels/count+1, deepest); !strings.Contains(text, want) {
		s.Errorf("no %q in %s", want, text)
	}
	s.facts.Set("vads "+root, count, levels/count+1, deepest)
	for _, o := range s.objects("modules", "-v", "--process", "0x"+addr) {
		key := "user " + addr + " " + plain(o["base"])
		s.facts.Set(key, add(o["base"], o["size"]), o["name"])
		s.facts.Set(key+" symbols", o["status"])
		s.facts.Set("peb "+addr+" module "+plain(o["base"]), plain(o["timestamp"]), o["path"])
	}
}

func (s *kdTarget) vad(o map[string]any, level int) {
	kind := map[any]string{"image": "MappedExe", "mapped": "Mapped", "private": "Private"}[o["type"]]
	words := map[any]string{"image": "ImageMap ", "private": "PrivateMemory "}
	key, text := "vad "+plain(o["address"]), func(name string) string { v, _ := o[name].(string); return v }
	s.facts.Set(key, level, plain(o["start_vpn"]), plain(o["end_vpn"]), int64(o["commit"].(float64)), kind, text("protection"), text("file"))
	s.facts.Set(key+" pages", plain(o["start_vpn"]), plain(o["end_vpn"]))
	flags := words[o["type"]] + text("view")
	if o["type"] == "private" {
		flags = text("view") + " PrivateMemory"
	}
	s.facts.Set(key+" flags", flags, text("protection"))
	s.facts.Set(key+" file", text("file"))
	s.facts.Set(key+" reload", text("reload"))
}

// answer finds what kd was asked about one address.
func (s *kdTarget) answer(key, kd string) {
	words := strings.Fields(key)
	switch words[0] {
	case "peb":
		if words[2] == "out" {
			s.pebOut(key, words[1])
		}
	case "pte", "physical", "bytes":
		if words[1] == "0" { // kd had no process
			s.facts[key] = kd
			return
		}
		addr, err := strconv.ParseUint(words[2], 16, 64)
		view := s.view(words[1])
		if err != nil || view == nil {
			s.Errorf("%s: %v", key, err)
			return
		}
		s.memory(key, words, addr, kd, view)
	case "symbol":
		s.symbols(words[1])
	case "near":
		s.near(key, words[1], words[2])
	}
}

// pebOut says where the PEB would name the loader's lists, if it were there.
func (s *kdTarget) pebOut(key, process string) {
	if process == "0" { // while the dump was opened
		if p, err := s.kernel.CurrentProcess(); err == nil {
			process = hexOf(p.Address)
		}
	}
	for addr := range s.roots {
		if addr != process {
			continue
		}
		if peb, ok := errors.AsType[*nt.PEBError](s.view(addr).Modules().PEB); ok && errors.Is(peb, memsource.ErrPagedOut) {
			s.facts.Set(key, hexOf(peb.Ldr))
		}
	}
}

// view is a process's.
func (s *kdTarget) view(addr string) *nt.View {
	if v := s.views[addr]; v != nil {
		return v
	}
	for p, err := range s.kernel.Processes() {
		if err == nil && hexOf(p.Address) == addr {
			v, err := s.kernel.View(p)
			if err != nil {
				s.Fatal(err)
			}
			s.views[addr] = v
		}
	}
	return s.views[addr]
}

func (s *kdTarget) memory(key string, words []string, addr uint64, kd string, view *nt.View) {
	switch {
	case words[0] == "bytes":
		b := make([]byte, 16)
		if memsource.ReadFull(view.Memory(), b, addr) != nil {
			s.facts.Set(key, "-")
			return
		}
		s.facts.Set(key, hex.EncodeToString(b))
	case words[0] == "physical":
		s.facts.Set(key, "-")
		if p, err := s.space(view).Translate(addr); err == nil {
			s.facts.Set(key, hexOf(p.Physical))
		}
	case len(words) == 4: // the contents, where the tables map themselves
		s.facts.Set(key, hexOf(s.entry(view, addr)))
	default:
		s.pte(key, kd, addr, view)
	}
}

// space is the address space of a process, as nt makes it.
func (s *kdTarget) space(view *nt.View) *paging.Space {
	mode := map[int]paging.Mode{32: paging.ModeX86, 64: paging.ModeX64}[s.header.Bits]
	if s.header.PAE && s.header.Bits == 32 {
		mode = paging.ModePAE
	}
	cfg := paging.Config{Mode: mode, Root: view.Process().Root, Layout: paging.LayoutFor(mode, s.header.Build)}
	if s.ia64() {
		cfg = paging.Config{Mode: paging.ModeIA64, Root: cfg.Root, SessionRoot: view.Process().SessionRoot, Root2: s.header.DirectoryTableBase}
	}
	space, err := paging.New(s.physical, cfg)
	if err != nil {
		s.Fatal(err)
	}
	return space
}

func (s *kdTarget) ia64() bool { return s.header.Machine == dumpbuild.IA64 }

// shift is the binary logarithm of the page size.
func (s *kdTarget) shift() uint {
	if s.ia64() {
		return 13
	}
	return 12
}

// entry reads the page-table entry of an address where Windows sees it.
func (s *kdTarget) entry(view *nt.View, addr uint64) uint64 {
	at, size := uint64(0xc0000000)+addr>>12*4, uint64(4)
	switch {
	case s.ia64():
		at, size = addr>>61<<61|0x1ffffe0000000000+addr<<13>>26<<3, 8
	case s.header.Bits == 64:
		at, size = 0xfffff68000000000+addr<<16>>28*8, 8
	case s.header.PAE:
		at, size = 0xc0000000+addr>>12*8, 8
	}
	if size == 4 {
		v, err := memsource.U32(view.Memory(), at)
		s.note(err)
		return uint64(v)
	}
	v, err := memsource.U64(view.Memory(), at)
	s.note(err)
	return v
}

func (s *kdTarget) note(err error) {
	if err != nil {
		s.Error(err)
	}
}

// pte says in kd's words where a page is. Of a page behind a prototype PTE it
// checks that symres went to the entry kd names.
func (s *kdTarget) pte(key, kd string, addr uint64, view *nt.View) {
	p, err := s.space(view).Translate(addr)
	fault, _ := errors.AsType[*memsource.Fault](err)
	to, isPrototype := strings.CutPrefix(kd, "prototype ")
	switch {
	case isPrototype:
		at, _ := strconv.ParseUint(to, 16, 64)
		entry, readErr := memsource.U64(view.Memory(), at)
		if s.header.Bits == 32 && !s.header.PAE {
			entry &= 1<<32 - 1
		}
		if used := p.PTE; readErr == nil && (err == nil && used == entry || err != nil && fault.PTE == entry) {
			s.facts.Set(key, "prototype", to)
		}
	case err == nil && p.Valid:
		s.facts.Set(key, "valid", hexOf(p.Physical>>s.shift()))
	case err == nil:
		s.facts.Set(key, "transition", hexOf(p.Physical>>s.shift()))
	case errors.Is(err, memsource.ErrPagedOut):
		s.facts.Set(key, "pagefile", fault.PageFile, hexOf(fault.PageFileOffset>>s.shift()))
	default:
		s.facts.Set(key, fault.Reason)
	}
}

// symbols lists a module as x does.
func (s *kdTarget) symbols(module string) {
	kind := "symbol " + module + " "
	for key := range s.facts {
		if strings.HasPrefix(key, kind) {
			return
		}
	}
	args := []string{"lookup", module + "!*"}
	for addr := range s.roots { // a module of a process needs one that has it
		if s.has(addr, module) {
			args = append(args, "--process", "0x"+addr)
			break
		}
	}
	for _, o := range s.objects(args...) {
		s.facts.Set(kind+plain(o["address"])+" "+o["name"].(string), o["name"])
	}
}

// has reports whether a process has a module of that name.
func (s *kdTarget) has(process, module string) bool {
	for key, v := range s.facts.Of("user") {
		if strings.HasPrefix(key, "user "+process+" ") && strings.HasSuffix(strings.ToLower(v), " "+module) {
			return true
		}
	}
	return false
}

// near names an address as ln does.
func (s *kdTarget) near(key, process, expr string) {
	at, plus, _ := strings.Cut(strings.ReplaceAll(expr, "`", ""), "+")
	base, _ := strconv.ParseUint(at, 16, 64)
	off, _ := strconv.ParseUint(plus, 16, 64)
	for _, o := range s.objects("nearest", "--process", "0x"+process, hexOf(base+off)) {
		s.facts.Set(key, fmt.Sprintf("%s!%s+0x%s", o["module"], o["name"], plain(o["displacement"])))
	}
}
