// Package ntstatus names what Windows says when something stops: bug checks,
// NTSTATUS and exception codes, fast fail codes, and what their parameters mean.
//
// Names and numbers are facts of public headers (ntstatus.h, bugcodes.h, winnt.h)
// and of Microsoft's bug check reference (windows-driver-docs); what a code and its
// parameters mean is said in our own words. The functions are pure and safe for
// concurrent use.
package ntstatus

import (
	_ "embed"
	"fmt"
	"strings"
)

// statuses, bugChecks and fastFails have lines of eight hexadecimal digits, a blank
// and a name, in order.
//
//go:embed statuses.txt
var statuses string

//go:embed bugchecks.txt
var bugChecks string

//go:embed fastfails.txt
var fastFails string

// titles has "code|words|name" for the exceptions that end processes, with a name
// where ntstatus.h has none.
//
//go:embed titles.txt
var titles string

// checkTitles has "code|words" for the bug checks that are seen most.
//
//go:embed checktitles.txt
var checkTitles string

// Name returns the name of an NTSTATUS or of another exception code, such as
// STATUS_ACCESS_VIOLATION or CLR_EXCEPTION; "" for one that is not known.
func Name(code uint32) string {
	if name := lookup(statuses, code, " "); name != "" {
		return name
	}
	_, name, _ := strings.Cut(lookup(titles, code, "|"), "|")
	return name
}

// Title says in words what an exception code stands for, such as "access
// violation"; "" for one that does not end processes.
func Title(code uint32) string {
	title, _, _ := strings.Cut(lookup(titles, code, "|"), "|")
	return title
}

// BugCheck returns the name of a bug check, such as DRIVER_IRQL_NOT_LESS_OR_EQUAL;
// "" for one that is not known.
func BugCheck(code uint32) string { return lookup(bugChecks, code, " ") }

// BugCheckTitle says in words what a bug check stands for, such as "a driver wrote to
// memory that is read-only"; "" for one whose name has to do.
func BugCheckTitle(code uint32) string { return lookup(checkTitles, Masked(code), "|") }

// FastFail returns the name of the code given to __fastfail, such as
// FAST_FAIL_CORRUPT_LIST_ENTRY; "" for one that is not known.
func FastFail(code uint64) string {
	if code>>32 != 0 {
		return ""
	}
	return lookup(fastFails, uint32(code), " ")
}

// lookup returns what follows a code and sep in the line of text that begins with
// them.
func lookup(text string, code uint32, sep string) string {
	return line(text, fmt.Sprintf("%08x%s", code, sep))
}

// line returns the rest of the line that begins with key.
func line(text, key string) string {
	rest := text
	if !strings.HasPrefix(text, key) {
		at := strings.Index(text, "\n"+key)
		if at < 0 {
			return ""
		}
		rest = text[at+1:]
	}
	rest, _, _ = strings.Cut(rest[len(key):], "\n")
	return rest
}
