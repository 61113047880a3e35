package cli

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/symres/symres/sympath"
)

type cacheOptions struct {
	*pathOptions
	dryRun  bool
	maxSize string
	maxAge  string
}

func (a *app) cacheCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cache",
		Short: "check and trim the caches of the symbol path",
		Long: "cache looks after the directories that downloads are kept in: DIR, or --cache, or the caches of the\n" +
			"symbol path, or the default one.",
	}
	cmd.AddCommand(a.cacheVerifyCommand(), a.cacheTrimCommand())
	return cmd
}

func (a *app) cacheVerifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify [DIR...]",
		Short: "read every entry again, and put away what is not what it should be",
		Long: "verify holds every file against the name and key it lies under, and against the hash it was filed with, and\n" +
			"each block of files that were read in parts against its checksum. Empty, truncated and changed files, web\n" +
			"pages and files of another identity are moved to .symres/quarantine, damaged blocks forgotten, unless\n" +
			"--dry-run only tells of them. The exit status is 1 when there was one.",
		Example: "  symres cache verify\n  symres cache verify --dry-run /var/cache/sym",
	}
	o := &cacheOptions{pathOptions: addPathFlags(cmd)}
	cmd.Flags().BoolVarP(&o.dryRun, "dry-run", "n", false, "change nothing")
	cmd.RunE = func(cmd *cobra.Command, dirs []string) error { return a.cacheVerify(cmd.Context(), o, dirs) }
	return cmd
}

func (a *app) cacheTrimCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "trim [DIR...] --max-size SIZE --max-age AGE",
		Short: "remove what has not been used for longest",
		Long: "trim removes files until no more than --max-size is left, and those not used for --max-age: refused ones\n" +
			"first, then those of which only parts are here, then those not used for longest. What is no entry of the\n" +
			"cache stays.",
		Example: "  symres cache trim --max-size 10G --max-age 30d",
	}
	o := &cacheOptions{pathOptions: addPathFlags(cmd)}
	cmd.Flags().StringVar(&o.maxSize, "max-size", "", "leave at most `SIZE`, such as 10G")
	cmd.Flags().StringVar(&o.maxAge, "max-age", "", "remove what was not used for `AGE`, such as 30d")
	cmd.RunE = func(cmd *cobra.Command, dirs []string) error { return a.cacheTrim(cmd.Context(), o, dirs) }
	return cmd
}

// caches are those the command line or else the symbol path names. Only those
// that exist count, unless the user named them.
func (a *app) caches(o *cacheOptions, dirs []string) ([]*sympath.Cache, error) {
	all, err := a.openStores(o.pathOptions)
	if err != nil {
		return nil, err
	}
	options := all.Options()
	options.ReadOnly = o.dryRun
	if len(dirs) == 0 && o.cache != "" {
		dirs = []string{o.cache}
	}
	var caches []*sympath.Cache
	for _, dir := range dirs {
		caches = append(caches, sympath.NewCache(dir, options))
	}
	if len(caches) > 0 {
		return caches, nil
	}
	if caches = a.parsePath(o.symbols(a.program.Getenv)).Caches(options); len(caches) == 0 {
		dir, err := sympath.DefaultCache(a.program.Getenv)
		if err != nil {
			return nil, unusable(err)
		}
		caches = []*sympath.Cache{sympath.NewCache(dir, options)}
	}
	var there []*sympath.Cache
	for _, c := range caches {
		if _, err := os.Stat(c.Dir()); err == nil {
			there = append(there, c)
		}
	}
	if len(there) == 0 {
		return nil, notFound(errors.New("no cache: " + caches[0].Dir() + " does not exist"))
	}
	return there, nil
}

// findingObject is a line of cache verify.
type findingObject struct {
	File  string `json:"file"`
	Bytes int64  `json:"bytes,omitempty"`
	Total int64  `json:"total_bytes,omitempty"` // of a file of which Bytes are here
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
	Moved string `json:"moved,omitempty"` // where it was put
}

func (a *app) cacheVerify(ctx context.Context, o *cacheOptions, dirs []string) error {
	caches, err := a.caches(o, dirs)
	if err != nil {
		return err
	}
	entries, partial, bad := 0, 0, 0
	for _, c := range caches {
		for found, err := range c.Verify(ctx) {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				return unusable(err)
			}
			if found.Total > 0 {
				partial++
			} else {
				entries++
			}
			if found.Err != nil {
				bad++
			}
			a.printFinding(found)
			if a.console.failed != nil {
				return a.console.failed
			}
		}
	}
	if !a.console.json {
		a.console.note("%s, %d bad", countEntries(entries, partial), bad)
	}
	if bad > 0 {
		return reported(exitNotFound)
	}
	return nil
}

func countEntries(entries, partial int) string {
	text := count(entries, "entry", "entries")
	if partial > 0 {
		text += ", " + count(partial, "file in parts", "files in parts")
	}
	return text
}

func (a *app) printFinding(f sympath.Finding) {
	o := findingObject{File: f.Location, Bytes: f.Size, Total: f.Total, OK: f.Err == nil, Moved: f.Moved}
	if f.Err != nil {
		o.Error = f.Err.Error()
	}
	switch {
	case a.console.json:
		a.console.object(o)
	case o.OK && a.noisy && o.Total > 0:
		a.console.line("%s: %s are here: ok", o.File, megabytes(o.Bytes, o.Total))
	case o.OK && a.noisy:
		a.console.line("%s: ok", o.File)
	case o.OK:
	case o.Moved == "":
		a.console.line("%s: %s", o.File, o.Error)
	default:
		a.console.line("%s: %s; put away as %s", o.File, o.Error, o.Moved)
	}
}

// trimObject is a line of cache trim.
type trimObject struct {
	Cache        string `json:"cache"`
	Kept         int    `json:"kept"`
	KeptBytes    int64  `json:"kept_bytes"`
	Removed      int    `json:"removed"`
	RemovedBytes int64  `json:"removed_bytes"`
}

func (a *app) cacheTrim(ctx context.Context, o *cacheOptions, dirs []string) error {
	limits, err := o.limits()
	if err != nil {
		return usage(err)
	}
	caches, err := a.caches(o, dirs)
	if err != nil {
		return err
	}
	for _, c := range caches {
		r, err := c.Trim(ctx, limits)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return unusable(err)
		}
		if a.console.json {
			a.console.object(trimObject{c.Dir(), r.Kept, r.KeptBytes, r.Removed, r.RemovedBytes})
			continue
		}
		a.console.line("%s: removed %s (%s), left %s (%s)", c.Dir(), count(r.Removed, "file", "files"), byteCount(r.RemovedBytes),
			count(r.Kept, "file", "files"), byteCount(r.KeptBytes))
	}
	return nil
}

func (o *cacheOptions) limits() (limits sympath.TrimOptions, err error) {
	if o.maxSize == "" && o.maxAge == "" {
		return limits, errors.New("cache trim: say how much may stay: --max-size SIZE, --max-age AGE")
	}
	if o.maxSize != "" {
		if limits.MaxBytes, err = parseSize(o.maxSize); err != nil {
			return limits, err
		}
		if limits.MaxBytes == 0 {
			limits.MaxBytes = 1 // 0 is no limit, and no file has less than a byte
		}
	}
	if o.maxAge != "" {
		limits.MaxAge, err = parseAge(o.maxAge)
	}
	return limits, err
}
