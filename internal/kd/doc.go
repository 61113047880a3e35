// Package kd is the prompt of symres: it takes the commands of Microsoft's kernel
// debugger as they are typed, one target after the other, and shows what that
// debugger shows, in its look. A [Session] only reads: there is no command that writes to
// the target or lets it run.
//
// Each family of commands has a file; commands.go has the table of all. The values,
// orders and shapes of lines are those of the engine of WinDbg 6.12, which tests
// compare with (docs/kd.md lists what differs).
//
// What comes from the target is escaped before it is written. No file is opened but those that
// the user names in a command, and those that the paths lead to. Lists are bounded,
// and every command ends when its context does.
package kd
