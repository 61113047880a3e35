package kdtext

import (
	"fmt"
	"regexp"
	"strings"
)

// newForms returns the lines that are understood; A stands for an address, in the
// regular expressions, and W for a word.
func newForms() []form {
	var list []form
	add := func(commands, expr string, take func(p *parser, m []string)) {
		expr = strings.NewReplacer("<A>", "([0-9a-fA-F`]+)", "<W>", `(\S+)`, "<N>", `\s*([0-9]+)`).Replace(expr)
		list = append(list, form{commands, regexp.MustCompile("^" + expr + "$"), take})
	}
	headForms(add)
	moduleForms(add)
	processForms(add)
	vadForms(add)
	memoryForms(add)
	pebForms(add)
	eventForms(add)
	return list
}

type adder = func(commands, expr string, take func(p *parser, m []string))

func headForms(add adder) {
	add("", `Could not open dump file .*`, func(p *parser, _ []string) { p.facts.Set("opened", "no") })
	add("vertarget", `.* Kernel Version ([0-9]+) .*`, func(p *parser, m []string) { p.facts.Set("build", m[0]) })
	add("vertarget", `Kernel base = 0x<A> PsLoadedModuleList = 0x<A>`, func(p *parser, m []string) {
		p.facts.Set("kernel", numbers(m)...)
	})
	add(".bugcheck", `Bugcheck code <A>`, func(p *parser, m []string) { p.facts.Set("bugcheck code", number(m[0])) })
	add(".bugcheck", `Arguments <A> <A> <A> <A>`, func(p *parser, m []string) { p.facts.Set("bugcheck parameters", numbers(m)...) })
	add("", `Implicit process is now <A>`, func(p *parser, m []string) { p.process = number(m[0]) })
	add("r", `((?:\s*[a-z0-9]+=[0-9a-f]+)+)(?: iopl=.*|\s*| +efl=.*)`, func(p *parser, m []string) { p.registers(m[0]) })
	add("r", `((?:\s+[a-z0-9]+ =\s+[0-9a-f]+(?: [0-9])?)+)\s*`, func(p *parser, m []string) { // of IA-64, with the NaT bit
		for _, r := range regexp.MustCompile(`(\w+) =\s+(\w+)`).FindAllStringSubmatch(m[0], -1) {
			p.facts.Set("register "+r[1], number(r[2]))
		}
	})
	add("r", `cs=.*\s(efl=[0-9a-f]+)`, func(p *parser, m []string) { p.registers(m[0]) })
}

func (p *parser) registers(text string) {
	for _, word := range strings.Fields(text) {
		name, value, _ := strings.Cut(word, "=")
		p.facts.Set("register "+name, number(value))
	}
}

func moduleForms(add adder) {
	add("lm lmu", `Unloaded modules:`, func(p *parser, _ []string) { p.object = "unloaded" })
	add("lm", `<A> <A>   <W>\s+(\S.*?)?\s+(?:unavailable|\w{3} \w{3} .*) \(([0-9A-F]{8})\)`, func(p *parser, m []string) {
		key := "module " + number(m[0])
		p.facts.Set(key+" image", m[3])
		p.facts.Set(key+" stamp", number(strings.Replace(m[4], "FFFFFFFE", "0", 1))) // what lm shows where it could not read one
	})
	add("lm lmu", `<A> <A>   <W>\s+([TCM#] )?\s*\(([a-z ]+)\)(?:\s+<W>)?\s*`, func(p *parser, m []string) { p.module(m) })
	add("lm lmu", `<A> <A>   <W>\s*`, func(p *parser, m []string) {
		if p.object == "unloaded" {
			p.facts.Set("unloaded "+number(m[0]), number(m[1]), m[2])
		}
	})
	add("x", `<A>\s+(\w+)!([^ =]+).*`, func(p *parser, m []string) {
		p.facts.Set("symbol "+strings.ToLower(m[1])+" "+number(m[0])+" "+m[2], m[2])
	})
	add("ln", `\(<A>\)\s+<W>\s+\|.*`, func(p *parser, m []string) { p.facts.Set("near "+p.process+" "+p.command[1], m[1]) })
}

// module is a row of lm. Those of user memory are of the implicit process.
func (p *parser) module(m []string) {
	base := number(m[0])
	key := "module " + base
	if wide := strings.Contains(m[0], "`"); wide && m[0][0] == '0' || !wide && m[0][0] < '8' {
		key = "user " + p.process + " " + base
	}
	p.facts.Set(key, number(m[1]), m[2])
	if m[4] != "deferred" {
		p.facts.Set(key+" symbols", m[4])
	}
}

func processForms(add adder) {
	const ids = `SessionId: <W>  Cid: <A>    Peb: <A>  ParentCid: <A>`
	add("", `PROCESS <A>\s*`, func(p *parser, m []string) { p.object, p.thread = number(m[0]), "" })
	add("", `PROCESS <A>\s+`+ids, func(p *parser, m []string) { p.object, p.thread = number(m[0]), ""; p.ids(m[1:]) })
	add("", `\s+`+ids, func(p *parser, m []string) { p.ids(m) })
	set := func(name string, format func(string) string) func(p *parser, m []string) {
		return func(p *parser, m []string) { p.facts.Set("process "+p.object+" "+name, format(m[0])) }
	}
	add("!process", `\s+DirBase: <A>\s.*`, set("dirbase", number))
	add("!process", `\s+Image: <W>`, set("image", strings.Clone))
	add("!process", `\s+VadRoot <A> Vads ([0-9]+) .*`, func(p *parser, m []string) {
		p.facts.Set("process "+p.object+" vads", number(m[0]), m[1])
	})
	add("!process !thread", `\s*THREAD <A>  Cid <A>\.<A>  Teb: <A> Win32Thread: \S+ (\w+).*`, func(p *parser, m []string) { p.startThread(m) })
	frames := func(p *parser, m []string) { p.addFrame(m) }
	add("k !process !thread", "\\s*([0-9a-f]{8}`[0-9a-f]{8}) ([0-9a-f]{8}`[0-9a-f]{8}) (?:: (?:[0-9a-f`]+ ){4}: )?(\\S+).*", frames)
	add("k !process !thread", `\s*([0-9a-f]{8}) ([0-9a-f]{8}) (?:(?:[0-9a-f]{8} ){3})?(\S+).*`, frames)
}

func (p *parser) ids(m []string) {
	key := "process " + p.object + " "
	p.facts.Set(key+"session", m[0])
	p.facts.Set(key+"pid", number(m[1]))
	p.facts.Set(key+"peb", number(m[2]))
	p.facts.Set(key+"parent", number(m[3]))
}

func (p *parser) startThread(m []string) {
	p.thread, p.frame = number(m[0]), 0
	p.facts.Set("thread "+p.thread, number(m[1]), number(m[2]), number(m[3]), m[4])
}

// addFrame keeps a frame: of a thread, or of the one that was running.
func (p *parser) addFrame(m []string) {
	if strings.HasPrefix(m[2], "Child") {
		return
	}
	p.facts.Set("frame "+strings.TrimLeft(p.thread+" ", " ")+fmt.Sprintf("%02d", p.frame), number(m[0]), number(m[1]), m[2])
	p.frame++
}

func vadForms(add adder) {
	add("!vad", `<A> \(\s*([0-9]+)\)\s+<A>\s+<A>\s+(-?[0-9]+) (Private|Mapped)\s+(Exe)?\s+(\S+)\s*(.*?)\s*`, func(p *parser, m []string) {
		file := m[8]
		if strings.Contains(file, " @ ") { // it cannot read the name, and says where that is
			file = ""
		}
		p.facts.Set("vad "+number(m[0]), m[1], number(m[2]), number(m[3]), m[4], m[5]+m[6], m[7], file)
	})
	add("!vad", `Total VADs:<N>\s+average level:<N>\s+maximum depth:<N>`, func(p *parser, m []string) {
		p.facts.Set("vads "+number(p.command[1]), m[0], m[1], m[2])
	})
	add("!vad", `VAD @ <A>`, func(p *parser, m []string) { p.object = number(m[0]) })
	add("!vad", `\s+Start VPN\s+<A>\s+End VPN\s+<A>\s+Control Area\s+<A>`, func(p *parser, m []string) {
		p.facts.Set("vad "+p.object+" pages", number(m[0]), number(m[1]))
	})
	add("!vad", `\s+((?:ImageMap |ViewShare |ViewUnmap |PrivateMemory )+)([A-Z_]+(?: +[A-Z]+)?)\s*`, func(p *parser, m []string) {
		p.facts.Set("vad "+p.object+" flags", strings.TrimSpace(m[0]), strings.Join(strings.Fields(m[1]), " "))
	})
	add("!vad", `\s+File: (\\.*)`, func(p *parser, m []string) { p.facts.Set("vad "+p.object+" file", m[0]) })
	add("!vad", `Reload command: (.*)`, func(p *parser, m []string) { p.facts.Set("vad "+p.object+" reload", m[0]) })
}

func memoryForms(add adder) {
	add("!pte", `.*contains ([0-9A-F]+)\s*`, func(p *parser, m []string) { p.pte("contents", number(m[0])) })
	add("!pte", `.*\s\s(?:pfn (\w+)\s.*|not valid)`, func(p *parser, m []string) {
		if m[0] != "" {
			p.pte("valid", m[0])
		}
	})
	add("!pte", `\s+PageFile:\s+([0-9]+)`, func(p *parser, m []string) { p.object = m[0] })
	add("!pte", `\s+Offset: (\w+)`, func(p *parser, m []string) { p.pte("pagefile", p.object, number(m[0])) })
	add("!pte", `\s+Transition: (\w+)`, func(p *parser, m []string) { p.pte("transition", number(m[0])) })
	add("!pte", `\s+Proto: (\w+)`, func(p *parser, m []string) { p.pte("prototype", number(m[0])) })
	add("!vtop", `Virtual address <A> translates to physical address <A>\.`, func(p *parser, m []string) {
		p.facts.Set("physical "+p.process+" "+number(m[0]), number(m[1]))
	})
	add("!vtop", `Virtual address <A> translation fails, .*`, func(p *parser, m []string) {
		p.facts.Set("physical "+p.process+" "+number(m[0]), "-")
	})
	add("db", `<A>  ((?:[0-9a-f?]{2}[ -]){16}).*`, func(p *parser, m []string) {
		v := strings.NewReplacer(" ", "", "-", "").Replace(m[1])
		if strings.Contains(v, "?") {
			v = "-"
		}
		p.facts.Set("bytes "+p.process+" "+number(m[0]), v)
	})
}

func (p *parser) pte(what string, parts ...any) {
	key := "pte " + p.process + " " + number(p.command[1])
	if what == "contents" {
		key += " contents"
		p.facts.Set(key, parts...)
		return
	}
	p.facts.Set(key, append([]any{what}, parts...)...)
}

func pebForms(add adder) {
	add("", `PEB is paged out \(Peb\.Ldr = <A>\)\..*`, func(p *parser, m []string) { p.facts.Set("peb "+p.process+" out", number(m[0])) })
	add("!peb", `PEB at <A>`, func(p *parser, m []string) { p.object, p.rows = number(m[0]), 0 })
	for line, name := range map[string]string{"ImageBaseAddress:": "image", "Ldr": "ldr", "ProcessParameters:": "parameters", "ProcessHeap:": "heap"} {
		add("!peb", `    `+line+`\s+<A>`, func(p *parser, m []string) { p.facts.Set("peb "+p.process+" "+name, number(m[0])) })
	}
	for line, name := range map[string]string{"CommandLine:": "command", "ImageFile:": "file", "CurrentDirectory:": "folder", "WindowTitle:": "title"} {
		add("!peb", `    `+line+`\s+'(.*)'`, func(p *parser, m []string) { p.facts.Set("peb "+p.process+" "+name, m[0]) })
	}
	add("!peb", `    Ldr\.In(\w+)OrderModuleList:\s+<A> \. <A>`, func(p *parser, m []string) {
		p.facts.Set("peb "+p.process+" "+strings.ToLower(m[0]), number(m[1]), number(m[2]))
	})
	add("!peb", `\s+<A> ([0-9a-f]{8}) \w{3} \d\d \d\d:\d\d:\d\d \d{4} (.*)`, func(p *parser, m []string) {
		p.facts.Set("peb "+p.process+" module "+number(m[0]), number(m[1]), m[2])
	})
}

// eventForms are those of what stopped a process.
func eventForms(add adder) {
	add(".lastevent", `Last event: <A>\.<A>: .* - code ([0-9a-f]{8}) .*`, func(p *parser, m []string) {
		p.facts.Set("exception", number(m[1]), number(m[2]))
	})
	add(".ecxr", `((?:\s*[a-z0-9]+=[0-9a-f]+)+)(?: iopl=.*|\s*)`, func(p *parser, m []string) { p.exceptionRegisters(m[0]) })
}

func (p *parser) exceptionRegisters(text string) {
	for _, word := range strings.Fields(text) {
		if name, value, _ := strings.Cut(word, "="); name == "eip" || name == "rip" {
			p.facts.Set("exception address", number(value))
		}
	}
}
