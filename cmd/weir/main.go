// Command weir is the GenAI gateway that keeps the record: the gateway, its
// store, the query tools and the simulator in one program.
//
// What always holds: this package only reads the command line and calls what
// does the work; every command has help with an example; an error goes to
// standard error, says the mend where there is one, and exits with 1, a wrong
// command line with 2.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"weir/internal/app"
)

// commands is the command line: one field a command.
type commands struct {
	Serve    serveCmd    `cmd:"" help:"Run the gateway and its store."`
	Demo     demoCmd     `cmd:"" help:"Run two simulators, the gateway and the query API on this machine."`
	Query    queryCmd    `cmd:"" help:"Ask the log a question in KQL."`
	Tail     tailCmd     `cmd:"" help:"Follow exchanges as they end, one line each."`
	Show     showCmd     `cmd:"" help:"Print one exchange whole, as a conversation."`
	Payload  payloadCmd  `cmd:"" help:"Fetch a body of an exchange whole: a request, an answer, or an uploaded file."`
	Keys     keysCmd     `cmd:"" help:"Make subscription keys."`
	Check    checkCmd    `cmd:"" help:"Read a config file and name every mistake in it."`
	Reload   reloadCmd   `cmd:"" help:"Have a running gateway read its config file again."`
	Backends backendsCmd `cmd:"" help:"Show how the backends of a running gateway stand."`
	Sim      simCmd      `cmd:"" help:"Run the Azure OpenAI simulator."`
	Version  versionCmd  `cmd:"" help:"Print the version."`
}

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	parser, err := newParser()
	if err != nil {
		fmt.Fprintln(os.Stderr, "weir:", err)
		return 2
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	kctx, err := parser.Parse(doubleDashes(args))
	if err != nil {
		fmt.Fprintf(os.Stderr, "weir: %v; `weir --help` lists the commands, `weir COMMAND --help` shows an example\n", err)
		return 2
	}
	kctx.BindTo(ctx, (*context.Context)(nil))
	if err := kctx.Run(); err != nil && !(errors.Is(err, context.Canceled) && ctx.Err() != nil) {
		var mistakes *app.ConfigError
		var refused *app.RefusedError
		if errors.As(err, &mistakes) || errors.As(err, &refused) {
			fmt.Fprintln(os.Stderr, err) // a line each, as editors read them
			return 1
		}
		fmt.Fprintln(os.Stderr, "weir:", err)
		return 1
	}
	return 0
}

func newParser() (*kong.Kong, error) {
	return kong.New(&commands{}, kong.Name("weir"),
		kong.Description("Weir: the GenAI gateway that keeps the record. Start with `weir demo`."),
		kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.Vars{"api": "http://" + app.DefaultAPI, "config": app.DefaultConfig})
}

// doubleDashes lets a long flag have one dash, as Go's own tools do: -server is
// --server. There are no one-letter flags but -h, -n and -o.
func doubleDashes(args []string) []string {
	out := make([]string, len(args))
	for i, a := range args {
		if a == "--" {
			copy(out[i:], args[i:])
			break
		}
		if len(a) > 2 && a[0] == '-' && a[1] != '-' && strings.ContainsRune("abcdefghijklmnopqrstuvwxyz", rune(a[1])) {
			a = "-" + a
		}
		out[i] = a
	}
	return out
}
