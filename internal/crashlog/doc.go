// Package crashlog finds addresses in logs, and copies logs with the addresses named.
//
// It knows addresses as programs print them (0x7ff6a1b2c3d4, 00007FF6A1B2C3D4,
// 00007ff6`a1b2c3d4, 0x0x7ff6a1b2c3d4), module+0x10, module!symbol+0x10, and the events that
// Windows writes about crashes, whose module and offset stand in different fields. What it
// does not know it leaves alone: [Filter] writes every byte it read, whatever the bytes are,
// and adds text behind the addresses that somebody has a name for.
//
// Sources of the forms: base/debug/stack_trace_win.cc of Chromium ("\t", symbol or "(No symbol)",
// " [0x", address, "+", displacement, "]"; newer ones print 0x twice), DumpNativeBacktrace of
// Node ("%2d: %p "), the panics of package runtime of Go (pc=0x..., PC=0x..., Exception with the
// address last), package backtrace of Rust ("  0:     0x... - name"), minidump_stackwalk of
// Breakpad ("chrome.dll + 0x29ea39", and frames as thread|frame|module|||| offset), crash
// signatures of Mozilla (xul.dll@0x123), the message texts of the events 1000 (Application Error)
// and 1001 (Windows Error Reporting) on learn.microsoft.com.
//
// Values of the package belong to one goroutine.
package crashlog
