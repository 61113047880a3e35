package kd

import (
	"cmp"
	"context"

	"github.com/symres/symres/internal/ntstatus"
)

// lastError shows the last error of the thread.
func (s *Session) lastError(ctx context.Context, _ Command) error {
	at := s.thread.TEB
	if s.process.Address != 0 && s.thread.Process != s.process.Address {
		at = s.processTEB(at)
	}
	if _, ok := s.field(ctx, "_TEB", at, "LastErrorValue"); !ok || at == 0 {
		return refuse("Unable to get the last error: the TEB is out, or there is no type nt!_TEB")
	}
	code, status := s.one(ctx, "_TEB", at, "LastErrorValue"), s.one(ctx, "_TEB", at, "LastStatusValue")
	s.printf("LastErrorValue: (Win32) %s (%d) - %s\n", hexOrZero(code), code, errorName(uint32(code), false))
	s.printf("LastStatusValue: (NTSTATUS) %s - %s\n", hexOrZero(status), errorName(uint32(status), true))
	return nil
}

// showError names an error: one of Win32, or with 1 behind it and from 80000000 on an
// NTSTATUS.
func (s *Session) showError(ctx context.Context, c Command) error {
	list := words(c.Args)
	if len(list) == 0 || len(list) > 2 {
		return refuse("usage: !error CODE [1]")
	}
	v, err := s.number(ctx, list[0])
	if err != nil {
		return err
	}
	code := uint32(v)
	if len(list) == 2 && list[1] == "1" {
		s.printf("Error code: (NTSTATUS) %#x - %s\n", code, errorName(code, true))
		return nil
	}
	status := code >= 0x80000000
	s.printf("Error code: (%s) %#x (%d) - %s\n", map[bool]string{true: "NTSTATUS", false: "Win32"}[status], code, code, errorName(code, status))
	return nil
}

// errorName names an error of Win32 (winerror.h) or an NTSTATUS (ntstatus.h).
func errorName(code uint32, status bool) string {
	if code == 0 {
		return "success"
	}
	if status {
		return cmp.Or(ntstatus.Name(code), "no name is known")
	}
	names := map[uint32]string{1: "ERROR_INVALID_FUNCTION", 2: "ERROR_FILE_NOT_FOUND", 3: "ERROR_PATH_NOT_FOUND", 5: "ERROR_ACCESS_DENIED", 6: "ERROR_INVALID_HANDLE",
		8: "ERROR_NOT_ENOUGH_MEMORY", 14: "ERROR_OUTOFMEMORY", 21: "ERROR_NOT_READY", 23: "ERROR_CRC", 31: "ERROR_GEN_FAILURE", 32: "ERROR_SHARING_VIOLATION",
		87: "ERROR_INVALID_PARAMETER", 112: "ERROR_DISK_FULL", 122: "ERROR_INSUFFICIENT_BUFFER", 126: "ERROR_MOD_NOT_FOUND", 127: "ERROR_PROC_NOT_FOUND",
		183: "ERROR_ALREADY_EXISTS", 193: "ERROR_BAD_EXE_FORMAT", 258: "WAIT_TIMEOUT", 487: "ERROR_INVALID_ADDRESS", 995: "ERROR_OPERATION_ABORTED",
		996: "ERROR_IO_INCOMPLETE", 997: "ERROR_IO_PENDING", 998: "ERROR_NOACCESS", 1117: "ERROR_IO_DEVICE", 1450: "ERROR_NO_SYSTEM_RESOURCES"}
	return cmp.Or(names[code], "no name is known")
}
