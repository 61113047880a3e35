package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/symres/symres/vadmath"
)

type vpnOptions struct {
	pageSize string
	machine  string
	image    string
}

func (a *app) vpnCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "vpn START [END]",
		Short: "turn the page numbers of !vad into base, size and .reload command",
		Long: "vpn takes the start and end VPN that !vad prints, in hex, and prints the base and size of what is\n" +
			"mapped there: base = START * page size, size = (END - START + 1) * page size. With - it reads pasted\n" +
			"!vad output from standard input and prints a .reload command for every image in it.",
		Example: "  symres vpn 37d9bd30 37d9bd3e --machine ia64 --name ExplorerFrame.dll\n  symres vpn - --page-size 8K < vad.txt",
		Args:    cobra.RangeArgs(1, 2),
	}
	o := &vpnOptions{}
	cmd.Flags().StringVar(&o.pageSize, "page-size", "", "page `SIZE`: 4K, 8K, or bytes in hex")
	cmd.Flags().StringVar(&o.machine, "machine", "", "`MACHINE` whose page size it is: x86, x64, arm, arm64, ia64, alpha")
	cmd.Flags().StringVar(&o.image, "name", "", "image `NAME` for the .reload command")
	cmd.MarkFlagsMutuallyExclusive("page-size", "machine")
	enumerate(cmd, "page-size", "4K", "8K", "16K", "64K")
	enumerate(cmd, "machine", "x86", "x64", "arm", "arm64", "ia64", "alpha")
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.vpn(cmd.Context(), o, args) }
	return cmd
}

func (a *app) vpn(ctx context.Context, o *vpnOptions, args []string) error {
	size, err := o.size()
	if err != nil {
		return err
	}
	if o.pageSize == "" && o.machine == "" {
		a.console.note("page size: 4 KB, that of x86, x64, arm and arm64; --machine ia64 or --page-size 8K for others")
	}
	if args[0] == "-" {
		if len(args) > 1 {
			return usage(errors.New("vpn -: page numbers come from standard input"))
		}
		in := interruptible(ctx, a.program.Stdin)
		defer in.Close()
		return a.vpnListing(o, size, in)
	}
	pages, err := parsePages(args)
	if err != nil {
		return err
	}
	return a.vpnOne(o, size, vadmath.Entry{Pages: pages})
}

// size returns the page size asked for.
func (o *vpnOptions) size() (vadmath.PageSize, error) {
	if o.machine != "" {
		machine, err := parseMachine(o.machine)
		if err != nil {
			return 0, err
		}
		size, err := vadmath.PageSizeOf(machine)
		if err != nil {
			return 0, usage(err)
		}
		return size, nil
	}
	if o.pageSize == "" {
		return vadmath.Page4K, nil
	}
	return parsePageSize(o.pageSize)
}

// parsePageSize reads 4K, 8KB or a number of bytes in hex.
func parsePageSize(s string) (vadmath.PageSize, error) {
	number := strings.TrimSuffix(strings.ToUpper(s), "B")
	if kilobytes, ok := strings.CutSuffix(number, "K"); ok {
		n, err := strconv.ParseUint(kilobytes, 10, 16)
		if err != nil || n == 0 || n&(n-1) != 0 {
			return 0, usage(fmt.Errorf("page size %q: want 4K or 8K", s))
		}
		return vadmath.PageSize(n << 10), nil
	}
	n, err := vadmath.ParseAddr(s)
	if err != nil || n == 0 || n&(n-1) != 0 {
		return 0, usage(fmt.Errorf("page size %q: want a power of two, such as 4K, 8K or 2000", s))
	}
	return vadmath.PageSize(n), nil
}

func parsePages(args []string) (vadmath.Pages, error) {
	start, err := vadmath.ParseAddr(args[0])
	if err != nil {
		return vadmath.Pages{}, usage(err)
	}
	end := start
	if len(args) == 2 {
		if end, err = vadmath.ParseAddr(args[1]); err != nil {
			return vadmath.Pages{}, usage(err)
		}
	}
	return vadmath.Pages{Start: vadmath.VPN(start), End: vadmath.VPN(end)}, nil
}
