package cli

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/symres/symres"
	"github.com/symres/symres/sympath"
)

// hexString is the form of numbers that are addresses.
func hexString(n uint64) string { return fmt.Sprintf("%#x", n) }

// hexKnown is hexString with nothing for 0, which means unknown.
func hexKnown(n uint64) string {
	if n == 0 {
		return ""
	}
	return hexString(n)
}

// rawBytes returns what JSON text cannot hold of a name: all of it in base64,
// where it is not UTF-8.
func rawBytes(name string) string {
	if utf8.ValidString(name) {
		return ""
	}
	return base64.StdEncoding.EncodeToString([]byte(name))
}

// attemptsOf returns the attempts an error carries.
func attemptsOf(err error) []sympath.Attempt {
	var load *symres.LoadError
	var miss *sympath.NotFoundError
	switch {
	case errors.As(err, &load):
		return load.Report.Attempts
	case errors.As(err, &miss):
		return miss.Attempts
	}
	return nil
}

// lastPart returns the file name of a location of any style.
func lastPart(location string) string {
	return location[strings.LastIndexAny(location, `\/`)+1:]
}
