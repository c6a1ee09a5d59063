package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"weir/internal/api"
	"weir/internal/identity"
	"weir/internal/sim"
)

// DemoKey is the subscription key of the demo's first caller. It is public, and
// works on this machine's loopback addresses only.
const DemoKey = "weir-demo-key"

// DemoOptions are what `weir demo` was told.
type DemoOptions struct {
	Data        string
	Traffic     int
	Listen, API string
}

// demoPeople are the demo's callers: the one whose key is told, and two teams.
func demoPeople() []person {
	green, blue := "weir-demo-green", "weir-demo-blue"
	return []person{
		{DemoKey, "ada", "platform", net.IPv4(127, 0, 0, 1)},
		{green, "grace", "green", net.IPv4(127, 0, 0, 2)},
		{green, "linus", "green", net.IPv4(127, 0, 0, 3)},
		{blue, "edsger", "blue", net.IPv4(127, 0, 0, 4)},
	}
}

var demoConfig = template.Must(template.New("").Parse(`# Written by weir demo, anew each time.
data: {{.Data}}
gateway:
  name: weir-demo
  region: local
  listen: {{.Listen}}
  drain_timeout: 2s
api:
  listen: {{.API}}
telemetry:
  listen: none
  log_level: warn
labels:
  x-team: Team
backends:
  - name: east
    kind: azure
    url: http://{{.East}}
    api_version: "2025-04-01-preview"
    key: demo-backend-key
  - name: west
    kind: azure
    url: http://{{.West}}
    api_version: "2025-04-01-preview"
    key: demo-backend-key
deployments:
{{- range .Deployments}}
  - name: {{.}}
    backends:
      - {backend: east, weight: 2}
      - {backend: west, weight: 1}
{{- end}}
subscriptions:
{{- range .Subscriptions}}
  - name: {{.Name}}
    product: {{.Product}}
    keys: ["{{.Hash}}"]
{{- end}}
`))

var demoDeployments = []string{"gpt-4o", "gpt-4o-mini", "gpt-35-turbo", "text-embedding-3-small", "dall-e-3", "whisper", "tts", "gpt-realtime"}

type demoSubscription struct{ Name, Product, Hash string }

// Demo runs two simulators, the gateway and its store on this machine until ctx
// ends.
func Demo(ctx context.Context, o DemoOptions, out, stderr io.Writer) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	data, err := filepath.Abs(o.Data)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return fmt.Errorf("make the demo's folder: %w", err)
	}
	for _, addr := range []string{o.Listen, o.API} {
		if err := free(addr); err != nil {
			return err
		}
	}
	ended := make(chan error, 3)
	east, err := demoSimulator(ctx, "east", "Sweden Central", ended)
	if err != nil {
		return err
	}
	west, err := demoSimulator(ctx, "west", "West Europe", ended)
	if err != nil {
		return err
	}
	config := filepath.Join(data, DefaultConfig)
	if err := writeDemoConfig(config, map[string]any{"Data": data, "Listen": o.Listen, "API": o.API, "East": east, "West": west,
		"Deployments": demoDeployments, "Subscriptions": []demoSubscription{
			{"demo", "standard", identity.Hash(DemoKey)},
			{"team-green", "standard", identity.Hash("weir-demo-green")},
			{"team-blue", "premium", identity.Hash("weir-demo-blue")},
		}}); err != nil {
		return err
	}
	serving := make(chan error, 1)
	go func() { serving <- Serve(ctx, ServeOptions{Config: config, Role: RoleAll, Stderr: stderr}) }()
	err = demoRuns(ctx, o, out, serving)
	if err == nil {
		select {
		case <-ctx.Done():
		case err = <-ended:
		case err = <-serving:
			serving <- err
		}
	}
	stop()
	if last := <-serving; err == nil {
		err = last
	}
	return err
}

// free reports whether addr can be listened on, before anything is started.
func free(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("the demo needs %s: %w; end what listens there, or choose others with -listen and -api", addr, err)
	}
	return l.Close()
}

// demoRuns waits for the demo's servers, sends the traffic and says what to try.
func demoRuns(ctx context.Context, o DemoOptions, out io.Writer, serving chan error) error {
	gateway, queries := "http://"+o.Listen, "http://"+o.API
	for _, addr := range []string{o.Listen, o.API} {
		if err := waitFor(ctx, addr, serving); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "Weir runs: two simulators (not models), the gateway and its store; data in %s\n\n", o.Data)
	if o.Traffic > 0 {
		if err := sendTraffic(ctx, gateway, demoPeople(), o.Traffic, out); err != nil {
			return err
		}
		fmt.Fprintln(out)
		if err := waitStored(ctx, queries); err != nil {
			return err
		}
	}
	fmt.Fprint(out, demoHints(gateway, queries))
	return nil
}

// waitStored waits until queries see all that has ended, so that the first
// thing that is tried finds the traffic.
func waitStored(ctx context.Context, base string) error {
	for range 100 {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/v1/status", nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			var s api.State
			err = json.NewDecoder(resp.Body).Decode(&s)
			resp.Body.Close()
			if err == nil && s.CaughtUp {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil // the record is safe; the store is only slow
}

func demoHints(gateway, api string) string {
	server := ""
	if api != "http://"+DefaultAPI {
		server = " -server " + api
	}
	self := os.Args[0]
	return fmt.Sprintf(`  gateway    %s   api-key: %s   deployments: %s
  query API  %s

Try, in another terminal:

  curl -s '%s/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21' \
    -H 'api-key: %s' -H 'content-type: application/json' \
    -d '{"messages":[{"role":"user","content":"What does a weir do?"}]}'

  %s query%s 'WeirExchanges | summarize calls = count(), tokens = sum(TotalTokens) by ApimSubscriptionId, ModelName | sort by tokens'

  %s tail%s

Ctrl-C ends it; the record stays.
`, gateway, DemoKey, strings.Join(demoDeployments, ", "), api, gateway, DemoKey, self, server, self, server)
}

func demoSimulator(ctx context.Context, name, region string, ended chan<- error) (string, error) {
	so := sim.Options{Name: name, Region: region, Kind: sim.KindAzure, Seed: 1}
	for _, d := range demoDeployments {
		so.Deployments = append(so.Deployments, sim.Deployment{Name: d})
	}
	s, err := sim.New(so)
	if err != nil {
		return "", err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("open the listener of simulator %s: %w", name, err)
	}
	go func() {
		ended <- serveUntil(ctx, &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second}, l)
	}()
	return l.Addr().String(), nil
}

func writeDemoConfig(file string, values map[string]any) error {
	var b strings.Builder
	if err := demoConfig.Execute(&b, values); err != nil {
		return fmt.Errorf("write the demo's config: %w", err)
	}
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("write the demo's config: %w", err)
	}
	return nil
}

// waitFor connects to addr until something listens there, the servers fail, or
// ctx ends. It asks nothing, since every question would be on the record.
func waitFor(ctx context.Context, addr string, serving chan error) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var d net.Dialer
	for {
		if c, err := d.DialContext(ctx, "tcp", addr); err == nil {
			return c.Close()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-serving:
			serving <- err
			if err == nil {
				err = errors.New("the servers ended")
			}
			return err
		case <-tick.C:
		}
	}
}
