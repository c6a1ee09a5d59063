package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"weir/internal/app"
	weirterm "weir/internal/term"
)

type reloadCmd struct {
	Config string `help:"The config file of the running gateway; default ${default}." default:"${config}" placeholder:"FILE" type:"path"`
}

// Help gives the example.
func (reloadCmd) Help() string {
	return `Has the gateway that runs on this machine read its config file again, and says
what it changed. A config with mistakes is not taken: they are named, and the
former one stays in use. The gateway is found by telemetry.listen in the file.

Example:
  weir reload -config weir.yaml`
}

// Run asks the gateway and prints its answer.
func (c *reloadCmd) Run(ctx context.Context) error {
	text, err := app.ReloadRunning(ctx, c.Config)
	if err != nil {
		return err
	}
	fmt.Println(text)
	return nil
}

type backendsCmd struct {
	Config string `help:"The config file of the running gateway; default ${default}." default:"${config}" placeholder:"FILE" type:"path"`
	JSON   bool   `name:"json" help:"Print JSON, one object for each deployment on each backend."`
}

// Help gives the example.
func (backendsCmd) Help() string {
	return `Shows how each deployment on each backend of a running gateway stands: its
circuit breaker, until when it is open and by which rule, what the probe found,
calls in flight, what is left of the rate limit, and attempts by class of status.

Example:
  weir backends -config weir.yaml`
}

// Run asks the gateway and prints the table.
func (c *backendsCmd) Run(ctx context.Context) error {
	all, err := app.Backends(ctx, c.Config)
	if err != nil {
		return err
	}
	if c.JSON {
		out := json.NewEncoder(os.Stdout)
		out.SetIndent("", "  ")
		return out.Encode(all)
	}
	return weirterm.Write(os.Stdout, weirterm.Backends(all, time.Now()), "table", style(false))
}
