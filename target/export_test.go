package target

import "github.com/symres/symres/memsource/process"

// LiveThread is what [Target.Threads] makes of a thread of a live process.
func LiveThread(t *Target, p process.Thread) Thread { return t.liveThread(p) }
