package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/symres/symres/analyze"
	"github.com/symres/symres/internal/cli/analysis"
	targets "github.com/symres/symres/target"
)

func (a *app) analyzeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "analyze",
		Aliases: []string{"!analyze"},
		Short:   "say what happened and who called it, as !analyze does",
		Long: "analyze says why a dump was made: the bug check or exception and what its parameters are, which address\n" +
			"was accessed and what is there, the process, the thread and its stack, the first code on it that is of\n" +
			"neither the system nor a runtime, and a bucket, which is equal for dumps of one fault. What would say more\n" +
			"and what may make the answer wrong is listed.\n\n" +
			"Symbols are loaded for the modules on the stack alone. Code in memory is compared with copies that are\n" +
			"there without a connection.",
		Example: "  symres analyze --dump crash.dmp\n  symres analyze --dump MEMORY.DMP --sympath 'srv*DIR' --json",
		Args:    cobra.NoArgs,
	}
	o := addTargetFlags(cmd)
	depth := cmd.Flags().Int("depth", 0, "find at most `N` frames of the stack")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return a.analyze(cmd, o, *depth) }
	return cmd
}

func (a *app) analyze(cmd *cobra.Command, o *targetOptions, depth int) error {
	if depth < 0 {
		return usage(errors.New("--depth: want the number of frames"))
	}
	t, err := a.openTarget(cmd.Context(), cmd, o)
	if err != nil {
		return a.headerAlone(err)
	}
	defer t.close()
	symbols, images := t.offline()
	r, err := analyze.Run(cmd.Context(), t.Target, analyze.Options{Depth: depth, Symbols: symbols, Images: images, Path: t.hint})
	if err != nil {
		return err
	}
	w := a.newTeller(t)
	for i := range r.Frames {
		if f := &r.Frames[i]; f.Err != nil {
			a.weigh(f.Err)
		}
	}
	for i := range r.Modules {
		if a.noisy && !r.Modules[i].Unloaded {
			w.module(r.Modules[i].Name)
		}
	}
	a.printAnalysis(r)
	if r.Kind == analyze.KindNone && len(r.Frames) == 0 {
		return notFound(errors.New("the target tells of nothing that happened, and has no thread with a stack"))
	}
	return a.console.failed
}

// headerAlone tells what the header of a kernel dump says of which nothing else can
// be used.
func (a *app) headerAlone(err error) error {
	if only, ok := errors.AsType[*targets.HeaderError](err); ok {
		a.printAnalysis(analyze.Header(only.Header, only.Err))
	}
	return err
}

func (a *app) printAnalysis(r *analyze.Result) {
	if a.console.json {
		a.console.object(r)
		return
	}
	a.console.write(analysis.Append(nil, r, analysis.Options{Proof: a.noisy}))
}
