package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
)

// What asks for a reload.
const (
	bySignal = "signal"
	byFile   = "file"
	byAdmin  = "admin"
)

var errStopping = errors.New("the gateway is stopping")

// mostMistakes is how many mistakes of one config are logged.
const mostMistakes = 20

// reload reads the config again and takes it over whole, or not at all. What it
// gives is one line on what is in use now. Its error is a *ConfigError where the
// config itself is wrong. One reload waits for another.
func (g *gateway) reload(trigger string) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.draining.Load() {
		return "", errStopping
	}
	was := g.config.Load()
	next, read, err := g.readAgain(was)
	g.tried = read
	if err == nil {
		err = g.take(next)
	}
	g.reloads.count(err)
	if err != nil {
		g.tellRefused(trigger, err)
		return "", err
	}
	select {
	case g.taken <- struct{}{}:
	default:
	}
	changed := append(was.changes(next), was.read.changed(read)...)
	g.log.Info("the config was read again and is in use", "trigger", trigger, "changed", changed,
		"backends", len(next.Backends), "deployments", len(next.Deployments), "subscriptions", len(next.Callers.Subscriptions))
	if len(changed) == 0 {
		changed = []string{"nothing"}
	}
	return fmt.Sprintf("%s is in use: %s; changed: %s", g.Config, next.counts(), strings.Join(changed, ", ")), nil
}

func (g *gateway) readAgain(was *Config) (*Config, *reading, error) {
	if info, err := os.Stat(g.Config); err == nil && !info.Mode().IsRegular() {
		return nil, newReading(g.Config), fmt.Errorf("the config %s is not a regular file: it can be read at a start only", g.Config)
	}
	return loadConfig(g.Config, was.fixedIn)
}

// take builds everything that next changes, and only then puts it in the place of
// what was.
func (g *gateway) take(next *Config) error {
	prev := g.proxy.Upstream()
	setup, err := g.setup(next, prev)
	if err != nil {
		return err
	}
	if err := g.front.Apply(next.Gateway.Config); err != nil { // the last that can fail
		setup.Upstream.Replace(prev)
		return err
	}
	g.proxy.Use(setup)
	g.probes.replace(setup.Upstream)
	prev.Replace(setup.Upstream)
	g.level.Set(next.Telemetry.Level())
	g.config.Store(next)
	return nil
}

// tellRefused logs why a config is not taken, each mistake by itself.
func (g *gateway) tellRefused(trigger string, err error) {
	var mistakes *ConfigError
	if !errors.As(err, &mistakes) {
		g.log.Warn("the config is not taken; the former one stays in use", "trigger", trigger, "error", err)
		return
	}
	for i, m := range mistakes.Mistakes {
		if i == mostMistakes {
			g.log.Warn("the config that is not taken has further mistakes; weir check names all", "further", len(mistakes.Mistakes)-i)
			return
		}
		g.log.Warn("a mistake in the config, which is not taken; the former one stays in use",
			"trigger", trigger, "file", m.File, "line", m.Line, "field", m.Field, "mistake", m.What, "mend", m.Mend)
	}
}

// follow reloads when it is signalled and when files change, until ctx ends.
func (g *gateway) follow(ctx context.Context, stop *stops) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-g.Hangups:
				_, _ = g.reload(bySignal) // it has been logged
			}
		}
	})
	wg.Go(func() { g.watch(ctx) })
	stop.add(func() { cancel(); wg.Wait() })
}

// stopReloads ends what reloads have started; there are none any more.
func (g *gateway) stopReloads() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.probes.stop()
}
