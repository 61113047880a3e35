package process

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// parseMaps reads the text of /proc/PID/maps (proc(5)): one region a line,
//
//	7f0000000000-7f0000001000 r-xp 00001000 08:01 1234    /path of the file
//
// in ascending order. Lines that are nothing of the kind end it with an error.
func parseMaps(text []byte) ([]Region, error) {
	var all []Region
	for len(text) > 0 {
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		text = rest
		r, err := parseRegion(string(line))
		if err != nil {
			return all, err
		}
		if n := len(all); n > 0 && r.Addr <= all[n-1].last() {
			return all, fmt.Errorf("region %x comes after %x", r.Addr, all[n-1].last())
		}
		all = append(all, r)
	}
	return all, nil
}

func parseRegion(line string) (Region, error) {
	bad := func() (Region, error) { return Region{}, fmt.Errorf("not a line of a process's maps: %.80q", line) }
	fields := strings.SplitN(line, " ", 6) // the path may have spaces
	if len(fields) < 5 || len(fields[1]) < 4 {
		return bad()
	}
	from, to, _ := strings.Cut(fields[0], "-")
	addr, err := strconv.ParseUint(from, 16, 64)
	end, err2 := strconv.ParseUint(to, 16, 64)
	offset, err3 := strconv.ParseUint(fields[2], 16, 64)
	if err != nil || err2 != nil || err3 != nil || end <= addr {
		return bad()
	}
	r := Region{Addr: addr, Size: end - addr, Offset: offset}
	r.Read, r.Write, r.Exec = fields[1][0] == 'r', fields[1][1] == 'w', fields[1][2] == 'x'
	if len(fields) == 6 {
		r.Path = mapsPath(strings.TrimLeft(fields[5], " "))
	}
	return r, nil
}

// mapsPath is the file of a region, as the kernel writes it: newlines as \012,
// and a note behind files that are gone. [heap] and its like are no files.
func mapsPath(s string) string {
	if !strings.HasPrefix(s, "/") {
		return ""
	}
	return strings.ReplaceAll(strings.TrimSuffix(s, " (deleted)"), `\012`, "\n")
}
