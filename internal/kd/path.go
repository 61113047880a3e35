package kd

import (
	"cmp"
	"context"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/symres/symres/sympath"
)

func pathCommands() []entry {
	return []entry{
		{".sympath .sympath+", "show, set or extend the symbol path", (*Session).symbolPath},
		{".exepath .exepath+", "show, set or extend the image path", (*Session).imagePath},
		{".symfix .symfix+", "take symbols from Microsoft's server", (*Session).fixPath},
		{".symopt .symopt+ .symopt-", "show, set or clear options of symbols", (*Session).symbolOptions},
		{"!sym", "!sym noisy says what is tried", (*Session).sym},
	}
}

// extended is a path after a command: + extends it, text alone replaces it.
func extended(path string, c Command) string {
	args := strings.TrimSpace(c.Args)
	switch {
	case args == "":
		return path
	case strings.HasSuffix(c.Name, "+") && path != "":
		return strings.TrimSuffix(path, ";") + ";" + args
	}
	return args
}

func (s *Session) symbolPath(ctx context.Context, c Command) error {
	if err := s.checkPath(c.Args); err != nil {
		return err
	}
	s.symbols = extended(s.symbols, c)
	s.showPath("Symbol", s.symbols)
	if c.Args == "" {
		return nil
	}
	return s.reopen(ctx)
}

func (s *Session) imagePath(ctx context.Context, c Command) error {
	if err := s.checkPath(c.Args); err != nil {
		return err
	}
	s.images = extended(s.images, c)
	s.showPath("Executable image", s.images)
	if c.Args == "" {
		return nil
	}
	return s.reopen(ctx)
}

func (s *Session) checkPath(text string) error {
	if _, err := sympath.Parse(text); err != nil {
		return refuse("path: %v", err)
	}
	return nil
}

// showPath shows a path, and which folders of it are not there.
func (s *Session) showPath(what, path string) {
	s.printf("%s search path is: %s\n", what, cmp.Or(s.unfixed(path), "*** Invalid ***"))
	if path == "" {
		return
	}
	s.printf("Expanded %s search path is: %s\n", what, s.expanded(path))
	p, err := sympath.Parse(path)
	if err != nil {
		return
	}
	for _, e := range p.Elements() {
		if strings.ContainsAny(e.Text, `*`) || strings.HasPrefix(e.Text, `\\`) {
			continue
		}
		if _, err := os.Stat(e.Text); err != nil {
			s.printf("WARNING: Inaccessible path: '%s'\n", e.Text)
		}
	}
}

// expanded is a path with what `srv*` alone stands for.
func (s *Session) expanded(path string) string {
	list := strings.Split(path, ";")
	for i, e := range list {
		switch {
		case strings.EqualFold(e, "srv*"):
			list[i] = "cache*;SRV*" + sympath.MicrosoftServer
		case e == s.fixed:
			list[i] = "SRV*" + strings.TrimPrefix(e, "srv*")
		}
	}
	return strings.Join(list, ";")
}

// fixPath sets the path to Microsoft's server, with a cache in a folder. The server is
// asked as any other one on the path is.
func (s *Session) fixPath(ctx context.Context, c Command) error {
	rest := ""
	if c.Name == ".symfix+" {
		rest = strings.Join(slices.DeleteFunc(strings.Split(s.symbols, ";"), func(e string) bool { return e == "" || e == s.fixed }), ";")
	}
	s.fixed = "srv*"
	if c.Args != "" {
		s.fixed = "srv*" + c.Args + "*" + sympath.MicrosoftServer
	}
	if err := s.checkPath(s.fixed); err != nil {
		return err
	}
	s.symbols = strings.TrimPrefix(rest+";"+s.fixed, ";")
	return s.reopen(ctx)
}

// unfixed is a path with the element of .symfix as the debugger shows it.
func (s *Session) unfixed(path string) string {
	list := strings.Split(path, ";")
	for i, e := range list {
		if s.fixed != "" && e == s.fixed {
			list[i] = "srv*"
		}
	}
	return strings.Join(list, ";")
}

// optionNames are the options of symbols, a bit each from the lowest (dbghelp.h).
func optionNames() []string {
	return strings.Fields("CASE_INSENSITIVE UNDNAME DEFERRED_LOADS NO_CPP LOAD_LINES OMAP_FIND_NEAREST LOAD_ANYTHING IGNORE_CVREC " +
		"NO_UNQUALIFIED_LOADS FAIL_CRITICAL_ERRORS EXACT_SYMBOLS ALLOW_ABSOLUTE_SYMBOLS IGNORE_NT_SYMPATH INCLUDE_32BIT_MODULES " +
		"PUBLICS_ONLY NO_PUBLICS AUTO_PUBLICS NO_IMAGE_SEARCH SECURE NO_PROMPTS OVERWRITE IGNORE_IMAGEDIR FLAT_DIRECTORY " +
		"FAVOR_COMPRESSED ALLOW_ZERO_ADDRESS DISABLE_SYMSRV_AUTODETECT")
}

// symbolOptions shows and keeps the options. They change nothing here: what is on a
// path is compared with the target, whatever they say.
func (s *Session) symbolOptions(_ context.Context, c Command) error {
	if c.Args != "" {
		v, err := strconv.ParseUint(strings.TrimPrefix(c.Args, "0x"), 16, 32)
		if err != nil {
			return refuse("%s: want a number in hex", c)
		}
		switch c.Name {
		case ".symopt+":
			s.options |= uint32(v)
		case ".symopt-":
			s.options &^= uint32(v)
		default:
			s.options = uint32(v)
		}
	}
	s.printf("Symbol options are 0x%X:\n", s.options)
	for i, name := range optionNames() {
		if bit := uint32(1) << i; s.options&bit != 0 {
			s.printf("  0x%08X - SYMOPT_%s\n", bit, name)
		}
	}
	return nil
}

func (s *Session) sym(_ context.Context, c Command) error {
	mode := map[bool]string{false: "quiet", true: "noisy"}
	switch strings.ToLower(c.Args) {
	case "noisy":
		s.noisy = true
	case "quiet":
		s.noisy = false
	case "prompts", "prompts off":
	case "":
		s.printf("!sym <noisy/quiet - prompts/prompts off> - ")
	default:
		return refuse("!sym: want noisy or quiet")
	}
	s.printf("%s mode - symbol prompts on\n", mode[s.noisy])
	return nil
}
