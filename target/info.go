package target

import (
	"time"

	"github.com/symres/symres/memsource/crashdump"
	"github.com/symres/symres/memsource/minidump"
)

// Info describes a target: the system, the process, and when the dump was made.
// Zero fields are unknown. Its strings come from the target: escape them before
// you show them.
type Info struct {
	System       string // the operating system: "Windows", "Linux", "iOS" and so on
	Major, Minor uint32 // its version; 0 where only the build is known
	Build        uint32
	ServicePack  string // the text behind the version; what uname says, elsewhere than on Windows
	Processors   int

	Time         time.Time     // when the target was taken, in UTC
	SystemUptime time.Duration // how long the system had run then

	// The process: of a minidump the one it is of, of a kernel target that of
	// Options.Process, or the one that was running when the system stopped.
	Process       string // the program: a path in a minidump; in a kernel target the name, cut to 15 characters
	PID           uint32
	ProcessUptime time.Duration

	Comments []string // comments in the dump; each may have several lines
}

// Info returns what the target says about itself. It loads no symbols: if the
// kernel's build is unknown, the process is missing until [Target.LoadTypes]
// was called.
func (t *Target) Info() Info {
	switch {
	case t.mini != nil:
		return miniInfo(t.mini)
	case t.Kernel() != nil:
		return t.kernelInfo()
	case t.live != nil:
		return Info{PID: t.pid}
	}
	return Info{}
}

// miniInfo leaves out what cannot be read: that it is not there is the answer.
func miniInfo(f *minidump.File) Info {
	s := f.System()
	out := Info{
		System: s.Platform.String(), Major: s.Major, Minor: s.Minor, Build: s.Build, ServicePack: s.ServicePack,
		Processors: s.Processors, Time: f.Header().TimeStamp,
	}
	if out.Time.Unix() == 0 {
		out.Time = time.Time{}
	}
	for m, err := range f.Modules() {
		if err == nil {
			out.Process = m.Name
		}
		break // the program's own image is the first
	}
	p, _ := f.Process()
	out.PID, out.ProcessUptime = p.ID, p.Uptime
	out.SystemUptime, _ = f.SystemUptime()
	out.Comments, _ = f.Comments()
	return out
}

// HeaderInfo is what the header of a kernel dump says, for one that cannot be opened
// as a target.
func HeaderInfo(h crashdump.Header) Info {
	out := Info{
		System: minidump.PlatformNT.String(), Build: h.Build, Processors: int(h.Processors), Time: h.SystemTime, SystemUptime: h.SystemUpTime,
	}
	if h.Comment != "" {
		out.Comments = []string{h.Comment}
	}
	return out
}

// kernelInfo is that of a kernel, with what the header says where it is a dump.
func (t *Target) kernelInfo() Info {
	k := t.Kernel()
	out := Info{System: minidump.PlatformNT.String(), Build: k.Build()}
	if t.dump != nil {
		out = HeaderInfo(t.dump.Header())
		out.Build = k.Build()
	}
	if t.view != nil {
		p := t.view.Process()
		out.Process, out.PID = p.Name, uint32(p.PID)
	} else if p, err := k.CurrentProcess(); err == nil {
		out.Process, out.PID = p.Name, uint32(p.PID)
	}
	return out
}
