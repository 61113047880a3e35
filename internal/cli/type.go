package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/symres/symres"
	"github.com/symres/symres/internal/cli/values"
	"github.com/symres/symres/pdb"
)

type typeOptions struct {
	*targetOptions
	field string
}

func (a *app) typeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "type NAME...",
		Short: "show the fields of a type, as dt does",
		Long: "type shows where the fields of a structure, class or union lie, the values of an enumeration,\n" +
			"or what a typedef stands for. NAME is 'module!name', or 'name' for the first module that has it.\n" +
			"Fields of base classes and of unnamed structures and unions stand at their offsets. Static members have\n" +
			"none; a virtual base has a number in the table that the vbptr in front of it leads to. The last part of\n" +
			"the name of a nested type will do: Inner shows ns::Outer::Inner, or lists all there are.\n\n" +
			"A NAME with the wildcards of lookup lists the names that match, in every module.\n" +
			"Single quotes keep ! and * from the shell.",
		Example: "  symres type --dump MEMORY.DMP --sympath DIR 'nt!_EPROCESS'\n" +
			"  symres type --pdb ntkrnlmp.pdb _MMVAD --field Core.u.VadFlags\n  symres type --pdb ntkrnlmp.pdb '_MM*'",
		Args: cobra.MinimumNArgs(1),
	}
	o := &typeOptions{targetOptions: addTargetFlags(cmd)}
	cmd.Flags().StringVar(&o.field, "field", "", "show one field alone, `a.b[1].c`")
	cmd.ValidArgsFunction = a.completeModules(o.targetOptions, "!", 0)
	cmd.RunE = func(cmd *cobra.Command, names []string) error { return a.types(cmd, o, names) }
	return cmd
}

func (a *app) types(cmd *cobra.Command, o *typeOptions, names []string) error {
	t, err := a.openTarget(cmd.Context(), cmd, o.targetOptions)
	if err != nil {
		return err
	}
	defer t.close()
	s := &typeShow{teller: a.newTeller(t), field: o.field}
	for _, name := range names {
		if err := s.name(cmd.Context(), name); err != nil {
			return err
		}
	}
	s.end()
	return s.status()
}

// typeShow is one run of the subcommand.
type typeShow struct {
	*teller
	field string
	json  jsonRow
	found int
	bad   int // types of which not all could be read
}

func (s *typeShow) status() error {
	switch {
	case s.bad > 0, s.found == 0 && s.failed > 0 && s.target.named:
		return reported(exitUnusable)
	case s.found == 0:
		return reported(exitNotFound)
	}
	return nil
}

// name shows the first definition of a name or else a declaration, or lists
// the names that match. Its error ends the command.
func (s *typeShow) name(ctx context.Context, name string) error {
	s.asked(name)
	var declared symres.Type
	var nested []symres.Type // found by the last part of their names
	for t, err := range s.target.session.Types(ctx, name) {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, symres.ErrPattern):
			return usage(err)
		case errors.Is(err, symres.ErrNotFound):
			s.missing(ctx, name, err)
			continue
		case err != nil:
			s.failure(err)
			continue
		}
		s.module(t.Module)
		switch named := isNamed(t, name); {
		case named && !t.IsForward():
			return s.show(t)
		case named && declared.Module == "":
			declared = t
		case named:
		case isNested(t, name):
			nested = append(nested, t)
		case s.field != "":
			return usage(fmt.Errorf("--field is of one type, and %s matches %s!%s and perhaps others", name, t.Module, t.FullName()))
		default:
			s.list(t)
		}
		if s.console.failed != nil {
			return s.console.failed
		}
	}
	switch {
	case declared.Module != "":
		return s.show(declared)
	case len(nested) == 1:
		return s.show(nested[0])
	case len(nested) > 0 && s.field != "":
		return usage(fmt.Errorf("--field is of one type, and %s is the last part of %d names: %s and others", name, len(nested), nested[0].FullName()))
	}
	for _, t := range nested {
		s.list(t)
	}
	return nil
}

// missing tells that there is no such type, and of names that begin alike but
// for underscores: EPROCESS is _EPROCESS.
func (s *typeShow) missing(ctx context.Context, name string, err error) {
	s.failure(err)
	mod, base, ok := strings.Cut(name, "!")
	if !ok {
		mod, base = "*", name
	}
	base = strings.TrimLeft(base, "_")
	if s.console.json || base == "" || strings.ContainsAny(base, `*?[#+\`) {
		return
	}
	const most = 3
	found := 0
	for t, err := range s.target.session.Types(ctx, mod+"!_"+base+"*") {
		if found++; err != nil || found > most {
			break
		}
		s.console.note("    perhaps %s!%s", t.Module, t.FullName())
	}
}

// isNamed reports whether a type was found by its name, not by wildcards in it.
func isNamed(t symres.Type, name string) bool {
	if _, after, ok := strings.Cut(name, "!"); ok {
		name = after
	}
	return strings.EqualFold(t.FullName(), name)
}

// isNested reports whether a type was found by the last part of its name.
func isNested(t symres.Type, name string) bool {
	if _, after, ok := strings.Cut(name, "!"); ok {
		name = after
	}
	full := t.FullName()
	return len(full) > len(name)+2 && strings.EqualFold(full[len(full)-len(name):], name) && !strings.ContainsAny(name, `*?[#+\\`)
}

// list prints one line of a list of types.
func (s *typeShow) list(t symres.Type) {
	s.found++
	if s.console.json {
		s.begin(t)
		s.close(t)
		return
	}
	s.console.line("          %s!%s%s", t.Module, t.FullName(), label(t.Proof))
}

// show prints a type with what is in it.
func (s *typeShow) show(t symres.Type) error {
	fields, err := s.fields(t)
	switch {
	case errors.Is(err, pdb.ErrNotFound) && s.field != "":
		s.failure(err)
		return nil
	case errors.Is(err, pdb.ErrNotFound):
		s.console.warn("%s!%s is only declared in the PDB", t.Module, t.FullName())
	case err != nil:
		s.bad++
		s.failure(err)
	}
	s.found++
	if s.console.json {
		s.object(t, fields)
	} else {
		s.text(t, fields)
	}
	return s.console.failed
}

// typeField is one row: a field, or an enumerator.
type typeField struct {
	pdb.Field
	name   string // as it is shown
	value  pdb.Number
	vtable bool // a pointer to a table of virtual functions
	kind   pdb.MemberKind
	number pdb.Number // of a virtual base in its table
}

// fields collects the rows of a type, and the error that ends them.
func (s *typeShow) fields(t symres.Type) ([]typeField, error) {
	switch {
	case s.field != "":
		f, err := t.Field(s.field)
		if err != nil {
			return nil, fmt.Errorf("%s!%s: %w", t.Module, t.FullName(), err)
		}
		return []typeField{{Field: f, name: s.field}}, nil
	case t.Kind() == pdb.TypeEnum:
		return enumerators(t.Type)
	case t.IsTag():
		return members(t.Type)
	}
	return nil, nil
}

func enumerators(t pdb.Type) (rows []typeField, err error) {
	for m, err := range t.Members() {
		if err != nil {
			return rows, err
		}
		if m.Kind == pdb.MemberEnumerator {
			rows = append(rows, typeField{name: m.Name(), value: m.Value})
		}
	}
	return rows, nil
}

// vbptr is the kind of the rows for pointers to tables of virtual bases, which no
// member of the type is.
const vbptr = pdb.MemberKind(0xFF)

func members(t pdb.Type) (rows []typeField, err error) {
	tables := map[uint64]bool{} // the vbptrs that have their row
	bases := map[string]bool{}  // the virtual bases that have theirs
	for m, err := range t.Shown() {
		if err != nil {
			return rows, err
		}
		row := typeField{name: m.Name(), vtable: m.Kind == pdb.MemberVFTable, kind: m.Kind, number: m.Value}
		if row.vtable {
			row.name = "__VFN_table"
		}
		row.Offset, row.Bit, row.Bits = m.Offset, m.Bit, m.Bits
		if row.Type, err = m.Type(); err != nil {
			return rows, err
		}
		if virtual := m.Kind == pdb.MemberVirtualBase || m.Kind == pdb.MemberIndirectBase; virtual {
			row.name = row.Type.String()
			if key := fmt.Sprintf("%x %v %s", m.Offset, m.Value, row.name); bases[key] {
				continue // of a base class, and an indirect one here
			} else {
				bases[key] = true
			}
			if !tables[m.Offset] {
				tables[m.Offset] = true
				table := typeField{name: "__vbptr", kind: vbptr}
				if table.Offset = m.Offset; m.Table != 0 {
					if table.Type, err = m.TableType(); err != nil {
						return rows, err
					}
				}
				rows = append(rows, table)
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// text prints a type in the look of dt.
func (s *typeShow) text(t symres.Type, rows []typeField) {
	head := t.Module + "!" + t.FullName()
	if !t.IsTag() {
		s.console.line("%s : %s%s", head, values.DebuggerType(t.Type), label(t.Proof))
		return
	}
	s.console.line("%s%s", head, label(t.Proof))
	if s.noisy {
		s.summary(t, len(rows))
	}
	for _, row := range rows {
		if t.Kind() == pdb.TypeEnum && s.field == "" {
			s.console.line("   %s = 0n%v", row.name, row.value)
			continue
		}
		switch row.kind {
		case pdb.MemberStatic:
			s.console.line("   =static %-15s : %s", row.name, row.text())
		case pdb.MemberVirtualBase, pdb.MemberIndirectBase:
			s.console.line("   +0x%03x->[%v] %-11s : %s", row.Offset, row.number, row.name, word(row.kind))
		default:
			s.console.line("   +0x%03x %-16s : %s", row.Offset, row.name, row.text())
		}
	}
}

// summary is the line dt -v adds.
func (s *typeShow) summary(t symres.Type, rows int) {
	size := "of unknown size"
	if n, err := t.Size(); err == nil {
		size = fmt.Sprintf("0x%x bytes", n)
	}
	s.console.line("%v %s, %d elements, %s", t.Kind(), t.Name(), rows, size)
}

func (f *typeField) text() string {
	switch {
	case f.Bits == 1:
		return fmt.Sprintf("Pos %d, 1 Bit", f.Bit)
	case f.Bits != 0:
		return fmt.Sprintf("Pos %d, %d Bits", f.Bit, f.Bits)
	}
	return values.DebuggerType(f.Type)
}

// object prints a type as JSON.
func (s *typeShow) object(t symres.Type, rows []typeField) {
	s.begin(t)
	r := &s.json
	switch {
	case !t.IsTag() && s.field == "":
		r.str("type", t.String())
	case t.Kind() == pdb.TypeEnum:
		r.openList("values")
		for _, row := range rows {
			r.openObject()
			r.str("name", row.name)
			numberJSON(r, "value", row.value)
			r.closeObject()
		}
		r.closeList()
	default:
		r.openList("fields")
		for _, row := range rows {
			row.object(r)
			s.spill()
		}
		r.closeList()
	}
	s.close(t)
}

// begin writes what every object about a type begins with.
func (s *typeShow) begin(t symres.Type) {
	r := &s.json
	r.begin()
	r.str("name", t.FullName())
	r.str("kind", t.Kind().String())
	if size, err := t.Size(); err == nil {
		r.num("size", size)
	}
}

// spill writes what there is of a long line: the spelling of one type can be
// long, and a line has many. The last byte stays, which says what may follow.
func (s *typeShow) spill() {
	const enough = 64 << 10
	if n := len(s.json.b) - 1; n >= enough {
		s.console.write(s.json.b[:n])
		s.json.b = append(s.json.b[:0], s.json.b[n])
	}
}

// close writes where the type is from, and the line.
func (s *typeShow) close(t symres.Type) {
	r := &s.json
	r.flag("forward", t.IsForward())
	r.str("module", t.Module)
	r.str("proof", t.Proof.String())
	s.console.write(r.end())
}

// word names the kind of a row that is no data member, "" for the others.
func word(k pdb.MemberKind) string {
	switch k {
	case pdb.MemberStatic:
		return "static"
	case pdb.MemberVirtualBase:
		return "virtual base"
	case pdb.MemberIndirectBase:
		return "indirect virtual base"
	case vbptr:
		return "vbptr"
	}
	return ""
}

func (f *typeField) object(r *jsonRow) {
	r.openObject()
	r.str("name", f.name)
	r.known("kind", word(f.kind))
	switch f.kind {
	case pdb.MemberStatic:
	case pdb.MemberVirtualBase, pdb.MemberIndirectBase:
		r.hex("vbptr", f.Offset)
		numberJSON(r, "index", f.number)
	default:
		r.hex("offset", f.Offset)
	}
	if f.vtable {
		r.str("type", "void**")
	} else {
		r.str("type", f.Type.String())
	}
	if f.Bits != 0 {
		r.num("bit", uint64(f.Bit))
		r.num("bits", uint64(f.Bits))
	}
	r.closeObject()
}

// numberJSON writes a number of any size.
func numberJSON(r *jsonRow, key string, n pdb.Number) {
	if v, ok := n.Int64(); ok {
		r.int(key, v)
	} else if v, ok := n.Uint64(); ok {
		r.num(key, v)
	} else {
		r.str(key, n.String())
	}
}
