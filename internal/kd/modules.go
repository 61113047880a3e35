package kd

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/symres/symres"
	"github.com/symres/symres/pattern"
	"github.com/symres/symres/pe"
)

func moduleCommands() []entry {
	return []entry{
		{"lm", "list modules: lm kulev 1m t n f p i o D, m PATTERN, a ADDRESS", (*Session).listModules},
		{".reload", "make modules known anew: /f /i /u /user /l /d, name=base,size", (*Session).reload},
		{"!lmi", "show what is known of a module", (*Session).moduleInfo},
	}
}

// moduleList are the options of lm.
type moduleList struct {
	letters string
	match   func(m *symres.Module) bool
}

func (l *moduleList) has(letter string) bool { return strings.Contains(l.letters, letter) }

// plain reports whether the list is of names alone.
func (l *moduleList) plain() bool { return l.has("1") }

// parseList reads the options of lm: letters, of which the last may have an argument.
func (s *Session) parseList(ctx context.Context, args string) (*moduleList, error) {
	l := &moduleList{}
	for args != "" {
		w, rest := word(args)
		last := w[len(w)-1]
		if strings.Trim(w, "1abcdefiklmnoptuvDM") != "" {
			return nil, refuse("%*s^ Syntax error in 'lm %s'", len("kd> ")+4, "", args)
		}
		l.letters += w
		if args = rest; last != 'm' && last != 'M' && last != 'a' || rest == "" {
			continue
		}
		var err error
		var arg string
		if arg, args = word(rest); args != "" && strings.Trim(arg, "mMa") == "" { // lm 1m m F*
			args = rest
			continue
		}
		if last == 'a' {
			l.match, err = s.containing(ctx, arg)
		} else {
			l.match, err = named(arg, last == 'M')
		}
		if err != nil {
			return nil, err
		}
	}
	return l, nil
}

func (s *Session) containing(ctx context.Context, expr string) (func(*symres.Module) bool, error) {
	addr, err := s.number(ctx, expr)
	addr = s.narrow(addr)
	return func(m *symres.Module) bool { return m.Contains(addr) }, err
}

func named(text string, image bool) (func(*symres.Module) bool, error) {
	p, err := pattern.Parse(text)
	if err != nil {
		return nil, refuse("%v", err)
	}
	return func(m *symres.Module) bool {
		return image && p.Match([]byte(m.Image)) || !image && p.Match([]byte(m.Name))
	}, nil
}

// wants reports whether a module is listed.
func (l *moduleList) wants(s *Session, r *symres.Report) bool {
	kernelSide := s.kernel() == nil || r.Module.Base>>(s.bits()-1) == 1
	loaded := r.Status != symres.StatusDeferred
	switch {
	case l.match != nil && !l.match(&r.Module):
		return false
	case l.has("u") && !l.has("k") && s.kernel() != nil && kernelSide:
		return false
	case l.has("k") && !l.has("u") && s.kernel() != nil && !kernelSide:
		return false
	case l.has("l") || l.has("o"):
		return loaded
	case l.has("e"):
		return r.Status == symres.StatusNoSymbols
	}
	return true
}

func (s *Session) listModules(ctx context.Context, c Command) error {
	l, err := s.parseList(ctx, c.Args)
	if err != nil {
		return err
	}
	if !l.plain() {
		s.printf("%s\n", map[int]string{32: "start    end        module name", 64: "start             end                 module name"}[s.bits()])
	}
	for _, r := range s.target.Session().Modules() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if l.wants(s, r) {
			s.moduleRow(ctx, l, r)
		}
	}
	if l.has("l") || l.has("e") || l.has("o") || l.has("u") && !l.has("k") && s.kernel() != nil {
		return nil
	}
	s.listUnloaded(l)
	return nil
}

// listUnloaded lists the modules that are gone.
func (s *Session) listUnloaded(l *moduleList) {
	title := false
	for m, err := range s.target.Unloaded() {
		if err != nil || l.match != nil && !l.match(&m) {
			continue
		}
		if l.plain() {
			s.printf("%s\n", m.Image)
			continue
		}
		if !title {
			s.printf("\nUnloaded modules:\n")
			title = true
		}
		s.printf("%s %s   %s\n", s.addr(m.Base), s.addr(m.Base+m.Size), m.Image)
		if l.has("v") || l.has("t") {
			s.printf("    Timestamp: %s\n    Checksum:  %08X\n    ImageSize:  %08X\n", stampOf(m.TimeDateStamp), m.CheckSum, m.Size)
		}
	}
}

// moduleRow shows a module.
func (s *Session) moduleRow(ctx context.Context, l *moduleList, r *symres.Report) {
	m := &r.Module
	if l.plain() {
		s.printf("%s\n", m.Name)
		return
	}
	head := s.addr(m.Base) + " " + s.addr(m.Base+m.Size)
	image := s.imageName(r)
	switch {
	case l.has("t") && l.has("n"):
		s.printf("%s   %-8s %-12s %s\n", head, m.Name, image, s.stamp(ctx, r))
	case l.has("t"):
		s.printf("%s   %-8s  %s\n", head, m.Name, s.stamp(ctx, r))
	case l.has("n"):
		s.printf("%s   %-8s %-12s\n", head, m.Name, image)
	case l.has("f"):
		s.printf("%s   %-8s %-12s\n", head, m.Name, s.imageFile(r))
	case l.has("p"):
		s.printf("%s   %-8s %-12s\n", head, m.Name, cmp.Or(s.copyOf(ctx, r).location, "<none>"))
	default:
		s.printf("%s   %-8s   %-23s%s\n", head, m.Name, "("+r.Status.String()+")", s.from(l, r))
	}
	if l.has("v") {
		s.moduleDetails(ctx, r)
	}
}

// from is the file with the symbols.
func (s *Session) from(l *moduleList, r *symres.Report) string {
	switch {
	case r.Status == symres.StatusDeferred || r.Status == symres.StatusNoSymbols:
		return ""
	case l.has("i") || r.PDB == "":
		return s.imageName(r)
	}
	return r.PDB
}

// imageName is what the debugger calls the image of a module. It calls the kernel's after
// its PDB, which has the name that the file was built under.
func (s *Session) imageName(r *symres.Report) string {
	if r.Module.Name != "nt" || r.Header == nil || r.Header.CodeView == nil {
		return r.Module.Image
	}
	name := r.Header.CodeView.Path
	name = name[strings.LastIndexByte(name, '\\')+1:]
	return strings.TrimSuffix(name, extension(name)) + ".exe"
}

func (s *Session) imageFile(r *symres.Report) string {
	if name := s.imageName(r); name != r.Module.Image {
		return name
	}
	return cmp.Or(r.Module.Path, r.Module.Image)
}

// copied is what a copy of an image says that is out in the target.
type copied struct {
	location        string
	stamp, checksum uint32
}

// copyOf is the copy of the image of a module that was loaded while its header is out, as
// the debugger maps it.
func (s *Session) copyOf(ctx context.Context, r *symres.Report) (c copied) {
	if r.HeaderErr == nil || r.Status == symres.StatusDeferred {
		return c
	}
	v := r
	if r.Image == "" {
		if found, err := s.target.Session().Verify(ctx, r.Module.Name); err == nil {
			v = found
		}
	}
	if c.location = v.Image; v.Copy != nil {
		c.stamp, c.checksum = v.Copy.TimeDateStamp, v.Copy.CheckSum
	}
	return c
}

// moduleDetails are the lines of lmv about a module.
func (s *Session) moduleDetails(ctx context.Context, r *symres.Report) {
	m := &r.Module
	if r.Status != symres.StatusDeferred {
		s.printf("    Loaded symbol image file: %s\n", s.imageName(r))
	}
	c := s.copyOf(ctx, r)
	if c.location != "" {
		s.printf("    Mapped memory image file: %s\n", c.location)
	}
	s.printf("    Image path: %s\n    Image name: %s\n", s.imageFile(r), s.imageName(r))
	checksum, size := cmp.Or(r.CheckSum(), c.checksum), m.SizeOfImage
	if f, err := s.target.Session().Identify(ctx, m.Name); err == nil {
		checksum = cmp.Or(checksum, f.Fields.CheckSum, m.CheckSum)
	}
	s.printf("    Timestamp:        %s\n    CheckSum:         %08X\n    ImageSize:        %08X\n", s.stamp(ctx, r), checksum, cmp.Or(size, uint32(m.Size)))
	if r.Loaded() {
		s.printf("    Proof:            %v (%v)\n", r.Proof, r.Identity)
	}
}

// stamp is the time stamp of an image, from whatever tells it.
func (s *Session) stamp(ctx context.Context, r *symres.Report) string {
	v := r.TimeDateStamp()
	if v == 0 {
		if f, err := s.target.Session().Identify(ctx, r.Module.Name); err == nil {
			v = f.Fields.TimeDateStamp
		}
	}
	if v == 0 {
		v = s.copyOf(ctx, r).stamp
	}
	if v == 0 {
		return "unavailable (FFFFFFFE)"
	}
	return stampOf(v)
}

func stampOf(v uint32) string {
	text := "unavailable"
	if v != 0 {
		text = time.Unix(int64(v), 0).UTC().Format("Mon Jan 02 15:04:05 2006")
	}
	return text + " (" + strings.ToUpper(hex8(v)) + ")"
}

// moduleInfo shows a module as !lmi does.
func (s *Session) moduleInfo(ctx context.Context, c Command) error {
	var r *symres.Report
	for _, one := range s.target.Session().Modules() {
		if one.Module.Called(c.Args) {
			r = one
		}
	}
	if r == nil {
		return refuse("Module '%s' is not there", c.Args)
	}
	m := &r.Module
	s.printf("Loaded Module Info: [%s] \n", strings.ToLower(c.Args))
	f, err := s.target.Session().Identify(ctx, m.Name)
	if err != nil {
		return refuse("%v", err)
	}
	if f.HeaderErr != nil || f.Header == nil {
		s.printf("Cannot read Image header @ %s\n", s.plain(m.Base))
	} else {
		h, image := f.Header, s.imageName(r)
		s.printf("         Module: %s\n   Base Address: %s\n     Image Name: %s\n", strings.TrimSuffix(image, extension(image)), s.plain(m.Base), image)
		s.printf("   Machine Type: %d (%s)\n     Time Stamp: %08x %s\n", h.Machine, machineWord(h.Machine), h.TimeDateStamp, time.Unix(int64(h.TimeDateStamp), 0).UTC().Format("Mon Jan 02 15:04:05 2006"))
		s.printf("           Size: %x\n       CheckSum: %x\n", h.SizeOfImage, h.CheckSum)
		s.debugData(ctx, m.Base, h.CodeView)
		s.symbolType(ctx, r)
	}
	s.loadReport(r)
	return nil
}

// debugData shows where the image names its PDB.
func (s *Session) debugData(ctx context.Context, base uint64, cv *pe.CodeView) {
	h, err := s.readHeader(ctx, base)
	if err != nil {
		return
	}
	s.printf("Characteristics: %x  \n", h.u16(h.file+18))
	rva, size := h.directoryAt(6)
	if size == 0 || cv == nil {
		s.printf("Debug Directories not present\n")
		return
	}
	s.printf("Debug Data Dirs: Type  Size     VA  Pointer\n")
	d := rawHeader{b: make([]byte, min(size, 28*maxDebug))}
	if _, err := s.read(ctx, d.b, base+rva); err != nil {
		return
	}
	for e := 0; e+28 <= len(d.b); e += 28 {
		if d.u32(e+12) == 2 {
			s.printf("             CODEVIEW %5x, %5x, %7x RSDS - GUID: {%v}\n               Age: %x, Pdb: %s\n", d.u32(e+16), d.u32(e+20), d.u32(e+24), cv.GUID, cv.Age, cv.Path)
		}
	}
}

// symbolType says what symbols there are, and what compiled the image.
func (s *Session) symbolType(ctx context.Context, r *symres.Report) {
	switch {
	case r.Status == symres.StatusDeferred:
		s.printf("    Symbol Type: DEFERRED - they are loaded when they are asked for\n")
		return
	case !r.Loaded():
		s.printf("    Symbol Type: NONE\n")
		return
	}
	s.printf("     Image Type: MEMORY   - its header is in the target\n")
	if r.PDB == "" {
		return
	}
	s.printf("    Symbol Type: PDB      - %v\n                 %s\n", r.Proof, r.PDB)
	f, err := s.target.Session().PDB(ctx, r.Module.Name)
	if err != nil {
		return
	}
	for m, err := range f.Modules() {
		if err != nil || ctx.Err() != nil {
			return
		}
		for c, err := range m.Compilers() {
			if err == nil && c.Language.String() != "LINK" {
				s.printf("       Compiler: %v - front end [%d.%d bld %d] - back end [%d.%d bld %d]\n", c.Language, c.Frontend[0], c.Frontend[1], c.Frontend[2], c.Backend[0], c.Backend[1], c.Backend[2])
				return
			}
		}
	}
}

// loadReport says of the symbols where they are from, and what proves them.
func (s *Session) loadReport(r *symres.Report) {
	word := r.Status.String()
	switch r.Status {
	case symres.StatusDeferred, symres.StatusNoSymbols:
		s.printf("    Load Report: no symbols loaded\n")
		return
	case symres.StatusPublic:
		word = "public symbols"
	case symres.StatusPrivate:
		word = "private symbols"
	}
	s.printf("    Load Report: %s, proof %v\n                 %s\n", word, r.Proof, cmp.Or(r.PDB, r.Image))
}

func extension(name string) string {
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		return name[i:]
	}
	return ""
}
