package symres

import (
	"fmt"
	"strings"

	"github.com/symres/symres/internal/wtext"
)

// unloadedModules reads Config.Unloaded to its end. What cannot be read of such
// a list is no loss to the modules that are there.
func unloadedModules(cfg Config) []Module {
	var list []Module
	if cfg.Unloaded == nil {
		return nil
	}
	for m, err := range cfg.Unloaded {
		if err == nil && m.Size > 0 {
			list = append(list, m)
		}
	}
	return list
}

// fromUnloaded takes what the target remembers to have unloaded from where the
// module is: a module that is only known by its range may be one of those. The
// fields of an entry count where its base, size and name are the module's, and
// nothing in known or in another such entry contradicts them. Other entries
// show what was there before.
func (l *loader) fromUnloaded(known target) target {
	var facts target
	same := 0
	for _, u := range l.session.unloaded() {
		if u.Base-l.module.Base >= l.module.Size && l.module.Base-u.Base >= u.Size {
			continue
		}
		entry := target{timeDateStamp: u.TimeDateStamp, checkSum: u.CheckSum, sizeOfImage: u.SizeOfImage}
		e := Evidence{Rung: RungUnloaded, Field: "unloaded module", Target: unloadedText(u), Strength: StrengthWeak, Note: u.Origin}
		switch {
		case !l.isUnloaded(u):
			e.Strength, e.Note = StrengthNone, "another image, which was there before"
		case entry.contradicts(known) || same > 0 && entry.contradicts(facts):
			e.Strength, e.Note = StrengthNone, "another build, which was there before"
			if same > 0 && !entry.contradicts(known) {
				facts = target{} // nobody can tell which of them it is
			}
		case entry.timeDateStamp != 0 || entry.checkSum != 0:
			e.Strength = StrengthMedium
			fallthrough
		default:
			if same++; same == 1 {
				facts = entry
			}
		}
		l.note(e)
	}
	return facts
}

// isUnloaded reports whether an entry describes the module: base, pages and
// name. A triage dump cuts names after 12 characters.
func (l *loader) isUnloaded(u Module) bool {
	const cut = 12
	m, name := l.module, baseName(l.module.Image)
	if runes := []rune(name); len([]rune(u.Image)) == cut && len(runes) > cut {
		name = string(runes[:cut])
	}
	return u.Base == m.Base && roundUp(u.Size, l.session.pageSize) == roundUp(m.Size, l.session.pageSize) && strings.EqualFold(u.Image, name)
}

func unloadedText(u Module) string {
	t := target{timeDateStamp: u.TimeDateStamp, checkSum: u.CheckSum, sizeOfImage: u.SizeOfImage}
	text := fmt.Sprintf("%s %s-%s, %s", wtext.Printable(u.Image), formatAddr(u.Base), formatAddr(u.Base+u.Size), t.words())
	return strings.TrimSuffix(text, ", ")
}

// contradicts reports whether both know a field and do not agree.
func (t target) contradicts(other target) bool {
	differ := func(a, b uint32) bool { return a != 0 && b != 0 && a != b }
	return differ(t.timeDateStamp, other.timeDateStamp) || differ(t.checkSum, other.checkSum) || differ(t.sizeOfImage, other.sizeOfImage)
}
