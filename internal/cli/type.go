package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/symres/symres"
	"github.com/symres/symres/pdb"
)

func (a *app) typeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "type NAME...",
		Aliases: []string{"dt"},
		Short:   "show the fields of a type, as dt does",
		Long: "type prints the fields of a structure, class or union with their offsets, or the values of an\n" +
			"enumeration. NAME is 'module!name', or 'name' for the first module that has it. Fields of base\n" +
			"classes and of unnamed structures and unions are listed in their places.\n\n" +
			"--field gives the place of one field, through nested structures and elements of arrays.",
		Example: "  symres type --pdb ntkrnlmp.pdb _EPROCESS\n" +
			"  symres type --dump MEMORY.DMP --sympath DIR 'nt!_EPROCESS' --field ActiveProcessLinks.Flink",
		Args: cobra.MinimumNArgs(1),
	}
	o := addTargetFlags(cmd)
	fields := cmd.Flags().StringArray("field", nil, "only the field at `PATH`, such as Pcb.Header.Lock or Data[2] (repeatable)")
	cmd.RunE = func(cmd *cobra.Command, names []string) error { return a.showTypes(cmd, o, names, *fields) }
	return cmd
}

func (a *app) showTypes(cmd *cobra.Command, o *targetOptions, names, fields []string) error {
	t, err := a.openTarget(cmd.Context(), cmd, o)
	if err != nil {
		return err
	}
	defer t.close()
	v := &typeView{teller: a.newTeller(t), names: names, fields: fields}
	for _, name := range names {
		if err := v.show(cmd.Context(), name); err != nil {
			return err
		}
	}
	v.end()
	return v.status()
}

// typeView is one run of the subcommand.
type typeView struct {
	*teller
	names  []string
	fields []string
	text   []byte
	json   jsonRow

	missing, damaged int
}

func (v *typeView) status() error {
	switch {
	case v.damaged > 0, v.missing > 0 && v.failed > 0 && v.target.named:
		return reported(exitUnusable)
	case v.missing > 0:
		return reported(exitNotFound)
	}
	return v.console.failed
}

// show prints one type. Its error ends the command.
func (v *typeView) show(ctx context.Context, name string) error {
	t, module, err := v.find(ctx, name)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		v.missing++
		v.app.report(err)
		return nil
	}
	v.loaded()
	switch {
	case v.console.json:
		v.object(name, t)
	case len(v.names) > 1 || !strings.Contains(name, "!"):
		v.console.line("%s!%s", module, nameOf(name, t))
		fallthrough
	default:
		v.print(t)
	}
	return v.console.failed
}

// find returns the type and the module that has it. What became of modules
// without symbols is told on the way.
func (v *typeView) find(ctx context.Context, name string) (pdb.Type, string, error) {
	modules := []string{""}
	module, rest, qualified := strings.Cut(name, "!")
	if qualified {
		modules[0], name = module, rest
	} else {
		modules = v.moduleNames()
	}
	var tried []string
	for _, m := range modules {
		t, err := v.target.session.Type(ctx, m+"!"+name)
		switch {
		case err == nil:
			return t, m, nil
		case ctx.Err() != nil:
			return t, m, err
		case errors.Is(err, symres.ErrNotFound):
			v.loaded()
			tried = append(tried, m)
		case errors.Is(err, symres.ErrNoSymbols):
			v.failure(err)
		default:
			return t, m, err
		}
	}
	if len(tried) == 0 {
		return pdb.Type{}, "", fmt.Errorf("type %s: no module with symbols to look in", name)
	}
	return pdb.Type{}, "", fmt.Errorf("type %s: not found in %s", name, strings.Join(tried, ", "))
}

func (v *typeView) moduleNames() []string {
	var names []string
	for _, r := range v.target.session.Modules() {
		names = append(names, r.Module.Name)
	}
	return names
}

// field finds a field by its path, or tells that there is none.
func (v *typeView) field(t pdb.Type, path string) (pdb.Field, bool) {
	f, err := t.Field(path)
	switch {
	case errors.Is(err, pdb.ErrNotFound):
		v.missing++
		v.app.report(errors.New(strings.TrimSuffix(err.Error(), ": "+pdb.ErrNotFound.Error())))
	case err != nil:
		v.damage(err)
	}
	return f, err == nil
}

// members yields what dt lists of a type. Damage is told of.
func (v *typeView) members(t pdb.Type) func(func(pdb.Member) bool) {
	return func(yield func(pdb.Member) bool) {
		all := t.Fields()
		if t.Kind() == pdb.TypeEnum {
			all = t.Members()
		}
		for m, err := range all {
			if err != nil {
				v.damage(err)
				continue
			}
			if !yield(m) {
				return
			}
		}
		if t.Kind() == pdb.TypeEnum {
			return
		}
		for m, err := range t.Members() {
			if err == nil && m.Kind == pdb.MemberStatic && !yield(m) {
				return
			}
		}
	}
}

func (v *typeView) damage(err error) {
	v.damaged++
	v.app.report(err)
}
