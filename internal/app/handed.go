package app

import (
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

// handed is what a store is started with: its part of the config that the gateway
// works by, with secrets in it. A store so started reads no config file, for that
// may be broken, or gone, at any later moment.
func handed(c *Config) ([]byte, error) {
	part := Config{Data: absolute(c.Data), API: c.API, Telemetry: c.Telemetry, Store: c.Store, Payload: c.Payload, Labels: c.Labels}
	part.Gateway.Proxy.Name = c.Gateway.Proxy.Name
	text, err := yaml.Marshal(part)
	if err != nil {
		return nil, fmt.Errorf("hand the config to the store: %w", err)
	}
	return text, nil
}

// takeHanded reads what [handed] wrote; it has been checked. Paths in it are
// relative to file.
func takeHanded(file string, from io.Reader) (*Config, error) {
	text, err := io.ReadAll(io.LimitReader(from, maxConfig))
	cfg := &Config{file: file}
	if err != nil {
		return nil, fmt.Errorf("take the config that the gateway hands to its store: %w", err)
	}
	if yaml.Unmarshal(text, cfg) != nil || cfg.Data == "" { // its words may quote a secret
		return nil, errors.New("what came on standard input is not what a gateway hands to its store: start the store with `weir serve -role store`, or let `weir serve` start it")
	}
	return cfg, nil
}
