package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"weir/internal/app"
)

type serveCmd struct {
	Config string `help:"The config file; default ${default}." default:"${config}" placeholder:"FILE" type:"path"`
	Role   string `help:"What to run: all (the gateway, with the store as its child), gateway, or store." enum:"all,gateway,store" default:"all"`
	Leash  bool   `hidden:"" help:"End when the process that started this one does."`
}

// Help gives the example.
func (serveCmd) Help() string {
	return `Example:
  weir serve -config weir.yaml

A changed config is taken by itself, on SIGHUP, and by ` + "`weir reload`" + `. SIGTERM and
Ctrl-C let calls under way end within gateway.drain_timeout; a second one cuts them.`
}

// Run serves until the program is told to stop.
func (c *serveCmd) Run(ctx context.Context) error {
	o := app.ServeOptions{Config: c.Config, Role: app.Role(c.Role), Leash: c.Leash, Stdin: os.Stdin, Stderr: os.Stderr}
	if o.Role == app.RoleStore {
		ignoreHangups()
	} else {
		again, stop := hangups()
		defer stop()
		o.Hangups = again
	}
	if c.Leash {
		// Ctrl-C reaches every process of the terminal, and a service manager
		// signals them all: the gateway alone decides when its store ends.
		signal.Ignore(os.Interrupt, syscall.SIGTERM)
		return app.Serve(ctx, o)
	}
	hurry, stop := toldTwice()
	defer stop()
	o.Hurry = hurry
	return app.Serve(ctx, o)
}

// toldTwice gives a channel that is closed when the program is told to stop for
// the second time.
func toldTwice() (<-chan struct{}, func()) {
	told, twice, done := make(chan os.Signal, 2), make(chan struct{}), make(chan struct{})
	signal.Notify(told, os.Interrupt, syscall.SIGTERM)
	go func() {
		for range 2 {
			select {
			case <-told:
			case <-done:
				return
			}
		}
		close(twice)
	}()
	return twice, func() { signal.Stop(told); close(done) }
}

type demoCmd struct {
	Data    string `help:"Where the demo keeps its data; default ${default}." default:"./weir-demo" placeholder:"DIR"`
	Traffic int    `help:"Send this many varied calls of several callers first." default:"0" placeholder:"N"`
	Listen  string `help:"The gateway's address; default ${default}." default:"127.0.0.1:8080" placeholder:"ADDR"`
	API     string `help:"The query API's address; default ${default}." name:"api" default:"127.0.0.1:8081" placeholder:"ADDR"`
}

// Help gives the example.
func (demoCmd) Help() string {
	return `Example:
  weir demo -traffic 200

The subscription key is weir-demo-key; the deployments are gpt-4o, gpt-4o-mini,
gpt-35-turbo and text-embedding-3-small. What answers is a simulator, not a model.`
}

// Run runs the demo until the program is told to stop.
func (c *demoCmd) Run(ctx context.Context) error {
	return app.Demo(ctx, app.DemoOptions{Data: c.Data, Traffic: c.Traffic, Listen: c.Listen, API: c.API}, os.Stdout, os.Stderr)
}

type checkCmd struct {
	Config string `help:"The config file; default ${default}." default:"${config}" placeholder:"FILE" type:"path"`
}

// Help gives the example.
func (checkCmd) Help() string {
	return `Example:
  weir check -config weir.yaml`
}

// Run names every mistake of the file.
func (c *checkCmd) Run(context.Context) error {
	cfg, err := app.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	fmt.Println(cfg.Summary())
	return nil
}

type keysCmd struct {
	New keysNewCmd `cmd:"" help:"Make a random subscription key."`
}

type keysNewCmd struct{}

// Help gives the example.
func (keysNewCmd) Help() string {
	return `Prints a new key for the caller, and its hash for the config's subscriptions.
The key itself is kept nowhere.

Example:
  weir keys new`
}

// Run prints the key and its hash.
func (keysNewCmd) Run() error {
	key, hash := app.NewKey()
	fmt.Printf("key   %s\nhash  %s\n\nGive the key to the caller; put the hash under the subscription's keys:\n\n  subscriptions:\n    - name: team-a\n      keys: [\"%s\"]\n", key, hash, hash)
	return nil
}

type simCmd struct {
	Listen     string        `help:"Where to listen; default ${default}." default:"127.0.0.1:8099" placeholder:"ADDR"`
	Kind       string        `help:"Which service to stand in for: azure or openai." enum:"azure,openai" default:"azure"`
	Name       string        `help:"The name that its answers give." default:"sim"`
	Region     string        `help:"The region that it tells." default:"Sweden Central"`
	Key        []string      `help:"An API key that it takes; without one it takes any." placeholder:"KEY"`
	Deployment []string      `help:"A deployment, as NAME, NAME=MODEL or NAME=MODEL:TOKENS-PER-MINUTE." default:"gpt-4o,gpt-4o-mini,gpt-35-turbo,text-embedding-3-small" placeholder:"NAME=MODEL:TPM"`
	Seed       uint64        `help:"What its texts and its faults are drawn from." default:"1"`
	FirstToken time.Duration `help:"Time before an answer's first byte." default:"0s"`
	PerToken   time.Duration `help:"Time between tokens." default:"0s"`
	Jitter     float64       `help:"Spread of both times, 0 to 1." default:"0"`
	Fault      []string      `help:"A fault that befalls a share of the calls, as RATE:CONTROLS." placeholder:"0.1:status=503" sep:"none"`
}

// Help gives the example.
func (simCmd) Help() string {
	return `A stand-in for Azure OpenAI and OpenAI-compatible servers, for demos and tests.
It is not a model.

Example:
  weir sim -listen 127.0.0.1:8099 -fault 0.05:status=429,retry_after=1`
}

// Run serves the simulator until the program is told to stop.
func (c *simCmd) Run(ctx context.Context) error {
	return app.Simulate(ctx, app.SimOptions{Listen: c.Listen, Kind: c.Kind, Name: c.Name, Region: c.Region, Keys: c.Key,
		Deployments: c.Deployment, Seed: c.Seed, FirstToken: c.FirstToken, PerToken: c.PerToken, Jitter: c.Jitter, Faults: c.Fault}, os.Stdout)
}

type versionCmd struct{}

// Run prints the version that the build recorded.
func (versionCmd) Run() error {
	fmt.Println("weir", app.Version())
	return nil
}
