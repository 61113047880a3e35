package pdb_test

import (
	"fmt"
	"iter"
	"regexp"
	"strings"
	"testing"
)

// llvmType is a type record as llvm-pdbutil has it.
type llvmType struct {
	leaf, name, unique string
	forward            bool
	definition         uint32 // of a forward reference, 0 if there is none
	fields             uint32
	size               uint64
	elem               uint32 // of an array or a bit field
	bit, bits          uint8
	members            []llvmMember // of a field list
	args               []llvmArg    // of an argument list
}

// llvmMember is an entry of a field list.
type llvmMember struct {
	leaf, name string
	index      uint32
	offset     uint64
	value      string
}

// llvmArg is an entry of an argument list: a type with the text it has.
type llvmArg struct {
	index uint32
	text  string
}

var (
	reTag      = regexp.MustCompile("^ `(.*)`$")
	reUnique   = regexp.MustCompile("^ +unique name: `(.*)`$")
	reFields   = regexp.MustCompile(`field list: (?:0x([0-9A-F]+)|<no type>)`)
	reForward  = regexp.MustCompile(`options:.*forward ref(?: \((?:->|<-) 0x([0-9A-F]+)\))?`)
	reSizeOf   = regexp.MustCompile(`sizeof (\d+)$`)
	reArray    = regexp.MustCompile(`^ +size: (\d+), index type: .*, element type: 0x([0-9A-F]+)`)
	reBits     = regexp.MustCompile(`^ +type = 0x([0-9A-F]+).*, bit offset = (\d+), # bits = (\d+)`)
	reMember   = regexp.MustCompile("^ +- (LF_MEMBER|LF_STMEMBER|LF_NESTTYPE) \\[name = `(.*)`, (?:[Tt]ype|parent) = 0x([0-9A-F]+)(?: \\(.*\\))?(?:, offset = (\\d+))?(?:, attrs = .*)?\\]$")
	reEnumer   = regexp.MustCompile(`^ +- LF_ENUMERATE \[(.*) = (-?\d+)\]$`)
	reBase     = regexp.MustCompile(`^ +(?:type|base) = 0x([0-9A-F]+),(?: vbptr = [^,]*, vbptr)? offset = (\d+)`)
	reBaseLeaf = regexp.MustCompile(`^ +- (LF_BCLASS|LF_VBCLASS|LF_IVBCLASS)$`)
	reArg      = regexp.MustCompile("^ +0x([0-9A-F]+)(?: \\(.*\\))?: `(.*)`$")
)

// number reads a number that a regular expression found.
func number[T uint8 | uint32 | uint64](text string, base int) T {
	var v T
	format := "%d"
	if base == 16 {
		format = "%x"
	}
	fmt.Sscanf(text, format, &v)
	return v
}

// readLLVMTypes reads a listing of "llvm-pdbutil dump -types".
func readLLVMTypes(lines iter.Seq[string]) map[uint32]*llvmType {
	types := map[uint32]*llvmType{}
	cur := new(llvmType)
	for line := range lines {
		line = strings.TrimSuffix(line, "\r")
		if m := llvmRecord.FindStringSubmatch(line); m != nil {
			cur = &llvmType{leaf: m[2]}
			if n := reTag.FindStringSubmatch(m[3]); n != nil {
				cur.name = n[1]
			}
			types[number[uint32](m[1], 16)] = cur
			continue
		}
		cur.read(line)
	}
	return types
}

// read adds a line of a record.
func (c *llvmType) read(line string) {
	switch c.leaf {
	case "LF_FIELDLIST":
		c.readMember(line)
		return
	case "LF_ARRAY":
		if m := reArray.FindStringSubmatch(line); m != nil {
			c.size, c.elem = number[uint64](m[1], 10), number[uint32](m[2], 16)
		}
		return
	case "LF_BITFIELD":
		if m := reBits.FindStringSubmatch(line); m != nil {
			c.elem, c.bit, c.bits = number[uint32](m[1], 16), number[uint8](m[2], 10), number[uint8](m[3], 10)
		}
		return
	case "LF_ARGLIST":
		if m := reArg.FindStringSubmatch(line); m != nil {
			c.args = append(c.args, llvmArg{number[uint32](m[1], 16), m[2]})
		}
		return
	}
	if m := reUnique.FindStringSubmatch(line); m != nil {
		c.unique = m[1]
	}
	if m := reFields.FindStringSubmatch(line); m != nil && m[1] != "" {
		c.fields = number[uint32](m[1], 16)
	}
	if m := reForward.FindStringSubmatch(line); m != nil {
		c.forward, c.definition = true, number[uint32](m[1], 16)
	}
	if m := reSizeOf.FindStringSubmatch(line); m != nil {
		c.size = number[uint64](m[1], 10)
	}
}

func (c *llvmType) readMember(line string) {
	if m := reMember.FindStringSubmatch(line); m != nil {
		c.members = append(c.members, llvmMember{leaf: m[1], name: m[2], index: number[uint32](m[3], 16), offset: number[uint64](m[4], 10)})
	} else if m := reEnumer.FindStringSubmatch(line); m != nil {
		c.members = append(c.members, llvmMember{leaf: "LF_ENUMERATE", name: m[1], value: m[2]})
	} else if m := reBaseLeaf.FindStringSubmatch(line); m != nil {
		c.members = append(c.members, llvmMember{leaf: m[1]})
	} else if m := reBase.FindStringSubmatch(line); m != nil && len(c.members) > 0 {
		last := &c.members[len(c.members)-1]
		if last.leaf == "LF_BCLASS" || strings.HasSuffix(last.leaf, "VBCLASS") {
			last.index, last.offset = number[uint32](m[1], 16), number[uint64](m[2], 10)
		}
	} else if strings.Contains(line, "- LF_INDEX") {
		_, rest, _ := strings.Cut(line, "0x")
		c.members = append(c.members, llvmMember{leaf: "LF_INDEX", index: number[uint32](rest, 16)})
	} else if _, rest, ok := strings.Cut(line, "- LF_ONEMETHOD [name = `"); ok {
		c.members = append(c.members, llvmMember{leaf: "LF_ONEMETHOD", name: strings.TrimSuffix(rest, "`]")})
	}
}

// parseTypes returns the types of a PDB as another reader has them.
func parseTypes(t *testing.T, path string) map[uint32]*llvmType {
	t.Helper()
	return readLLVMTypes(llvmDump(t, path, "-types"))
}
