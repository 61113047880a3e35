package ntstatus

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Name(0), "STATUS_SUCCESS"},
		{Name(0xc0000005), "STATUS_ACCESS_VIOLATION"},
		{Name(0x80000003), "STATUS_BREAKPOINT"},
		{Name(0xe06d7363), "CPP_EH_EXCEPTION"},
		{Name(0xe0434352), "CLR_EXCEPTION"},
		{Name(0x12345678), ""},
		{Title(0xc0000005), "access violation"},
		{Title(0xe06d7363), "C++ exception"},
		{Title(0), ""},
		{BugCheck(1), "APC_INDEX_MISMATCH"},
		{BugCheck(0xd1), "DRIVER_IRQL_NOT_LESS_OR_EQUAL"},
		{BugCheck(0x1000007e), "SYSTEM_THREAD_EXCEPTION_NOT_HANDLED_M"},
		{BugCheck(0xdeaddead), "MANUALLY_INITIATED_CRASH1"},
		{BugCheck(0xfffffff0), ""},
		{FastFail(3), "FAST_FAIL_CORRUPT_LIST_ENTRY"},
		{FastFail(0x1_0000_0003), ""},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

// TestTables: every line of the tables can be found by its code, which a line out
// of form or a second one of the same code could not.
func TestTables(t *testing.T) {
	tables := []struct {
		text, name, form string
		least            int
	}{
		{statuses, "statuses", `^([0-9a-f]{8}) [A-Z][A-Z0-9_]+$`, 1500},
		{bugChecks, "bug checks", `^([0-9a-f]{8}) [A-Z][A-Z0-9_]+$`, 400},
		{fastFails, "fast fails", `^([0-9a-f]{8}) FAST_FAIL_[A-Z0-9_]+$`, 60},
		{checkTitles, "titles of bug checks", `^([0-9a-f]{8})\|[A-Za-z3][^|@]+$`, 80},
		{titles, "titles", `^([0-9a-f]{8})\|[^|]+\|[A-Z0-9_]*$`, 50},
		{exceptions, "exceptions", `^([0-9a-f]{8})(\|[^|:]*)+$`, 10},
		{parameters, "parameters", `^([0-9a-f]{8}(?::[0-9a-f]+)?)(\|[^|]*){4}$`, 100},
	}
	for _, table := range tables {
		form, lines := regexp.MustCompile(table.form), strings.Split(strings.TrimSuffix(table.text, "\n"), "\n")
		var codes []string
		for _, l := range lines {
			m := form.FindStringSubmatch(l)
			if m == nil {
				t.Fatalf("%s: %q", table.name, l)
			}
			codes = append(codes, m[1])
		}
		if len(lines) < table.least {
			t.Errorf("%s: %d lines", table.name, len(lines))
		}
		slices.Sort(codes)
		if n := len(slices.Compact(codes)); n != len(lines) {
			t.Errorf("%s: %d codes in %d lines", table.name, n, len(lines))
		}
	}
	for l := range strings.Lines(parameters + checkTitles) {
		code, err := strconv.ParseUint(l[:8], 16, 32)
		if err != nil || BugCheck(uint32(code)) == "" {
			t.Errorf("parameters or a title of %s, which is no bug check", l[:8])
		}
	}
	for _, code := range []uint32{0xd1, 0x7e, 0x1000007e, 0x1000008e} {
		if BugCheckTitle(code) == "" {
			t.Errorf("%x has no title", code)
		}
	}
}

func TestParametersOfBugChecks(t *testing.T) {
	for _, c := range []struct {
		code uint32
		p    [4]uint64
		want [4]string
	}{
		{0xd1, [4]uint64{0x10, 2, 1, 0xfffff80012345678}, [4]string{"address accessed", "IRQL: DISPATCH_LEVEL", "access: write", "instruction"}},
		{0x7e, [4]uint64{0xffffffffc0000005, 1, 2, 3}, [4]string{"exception: STATUS_ACCESS_VIOLATION", "instruction", "exception record", "context record"}},
		{0x1000007e, [4]uint64{0x80000003, 1, 2, 3}, [4]string{"exception: STATUS_BREAKPOINT", "instruction", "exception record", "context record"}},
		{0x50, [4]uint64{1, 2, 3, 2}, [4]string{"address accessed", "access: write", "instruction", "kind of fault"}},
		{0x9f, [4]uint64{3, 1, 2, 3}, [4]string{"a device blocks a power IRP for too long", "physical device object", "triage data", "blocked IRP"}},
		{0x9f, [4]uint64{0x77}, [4]string{"kind of failure"}},
		{0x139, [4]uint64{3}, [4]string{"kind of corruption: FAST_FAIL_CORRUPT_LIST_ENTRY", "trap frame", "exception record"}},
		{0x7f, [4]uint64{8}, [4]string{"trap: double fault", "task state segment, or stack pointer"}},
		{0xfffffff0, [4]uint64{1, 2, 3, 4}, [4]string{}},
	} {
		if got := BugCheckParameters(c.code, c.p); got != c.want {
			t.Errorf("%x: %q, want %q", c.code, got, c.want)
		}
	}
}

func TestParametersOfExceptions(t *testing.T) {
	for _, c := range []struct {
		code uint32
		p    []uint64
		want []string
	}{
		{0xc0000005, []uint64{8, 0x10}, []string{"access: execute", "address"}},
		{0xc0000006, []uint64{0, 0x10, 0xc000009c}, []string{"access: read", "address", "status: STATUS_DEVICE_DATA_ERROR"}},
		{0xc0000409, []uint64{2}, []string{"kind of corruption: FAST_FAIL_STACK_COOKIE_CHECK_FAILURE"}},
		{0xc0000094, []uint64{7}, []string{""}},
		{0xc0000005, nil, []string{}},
	} {
		if got := ExceptionParameters(c.code, c.p); !slices.Equal(got, c.want) {
			t.Errorf("%x: %q, want %q", c.code, got, c.want)
		}
	}
}

func TestFaults(t *testing.T) {
	for name, c := range map[string]struct{ got, want Fault }{
		"d1":             {BugCheckFault(0xd1, [4]uint64{0x10, 2, 8, 0x30}), Fault{Address: 0x30, Access: Execute, Target: 0x10}},
		"50 read":        {BugCheckFault(0x50, [4]uint64{0x10, 0, 0x30, 2}), Fault{Address: 0x30, Access: Read, Target: 0x10}},
		"50 execute":     {BugCheckFault(0x50, [4]uint64{0x10, 0x10, 0x10}), Fault{Address: 0x10, Access: Execute, Target: 0x10}},
		"1e":             {BugCheckFault(0x1e, [4]uint64{0xc0000005, 0x30, 1, 0x10}), Fault{Status: 0xc0000005, Address: 0x30, Access: Write, Target: 0x10}},
		"1e other":       {BugCheckFault(0x1e, [4]uint64{0x80000003, 0x30, 1, 0x10}), Fault{Status: 0x80000003, Address: 0x30}},
		"7e":             {BugCheckFault(0x1000007e, [4]uint64{0xc0000005, 0x30, 0x40, 0x50}), Fault{Status: 0xc0000005, Address: 0x30, Record: 0x40, Context: 0x50}},
		"3b":             {BugCheckFault(0x3b, [4]uint64{0xc0000005, 0x30, 0x50}), Fault{Status: 0xc0000005, Address: 0x30, Context: 0x50}},
		"24":             {BugCheckFault(0x24, [4]uint64{1, 0x40, 0x50}), Fault{Record: 0x40, Context: 0x50}},
		"8e minidump":    {BugCheckFault(0x1000008e, [4]uint64{0xc0000005, 0x30}), Fault{Status: 0xc0000005, Address: 0x30}},
		"be":             {BugCheckFault(0xbe, [4]uint64{0x10, 5}), Fault{Access: Write, Target: 0x10}},
		"fc":             {BugCheckFault(0xfc, [4]uint64{0x10, 5}), Fault{Access: Execute, Target: 0x10}},
		"none":           {BugCheckFault(0xe2, [4]uint64{1, 2, 3, 4}), Fault{}},
		"violation":      {ExceptionFault(0xc0000005, []uint64{1, 0x10}), Fault{Access: Write, Target: 0x10}},
		"null":           {ExceptionFault(0xc0000005, []uint64{0, 0}), Fault{Access: Read}},
		"cut short":      {ExceptionFault(0xc0000005, []uint64{1}), Fault{}},
		"unknown access": {ExceptionFault(0xc0000005, []uint64{77, 0x10}), Fault{}},
		"page in":        {ExceptionFault(0xc0000006, []uint64{0, 0x10, 0xc000009c}), Fault{Status: 0xc000009c, Access: Read, Target: 0x10}},
	} {
		if c.got != c.want {
			t.Errorf("%s: %+v, want %+v", name, c.got, c.want)
		}
	}
}
