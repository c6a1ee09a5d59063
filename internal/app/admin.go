package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"weir/internal/secret"
	"weir/internal/upstream"
)

// The paths of the telemetry listener for people at a terminal; the first is where
// Prometheus has it.
const (
	reloadPath   = "/-/reload"
	backendsPath = "/backends"
)

// nowhere is telemetry.listen where there is no such listener.
const nowhere = "none"

// RefusedError is what a running gateway said of a config that it did not take:
// a line for each mistake, as [ConfigError] has them.
type RefusedError struct{ Text string }

func (e *RefusedError) Error() string { return e.Text }

// ReloadRunning has the gateway that runs by a config file read it again, and
// gives what it says. The error is a *RefusedError when it keeps the former one.
func ReloadRunning(ctx context.Context, file string) (string, error) {
	status, body, err := askRunning(ctx, file, http.MethodPost, reloadPath)
	text := strings.TrimSpace(string(body))
	switch {
	case err != nil:
		return "", err
	case status == http.StatusOK:
		return text, nil
	case status == http.StatusUnprocessableEntity:
		return "", &RefusedError{text}
	}
	return "", fmt.Errorf("the gateway answered %d: %s", status, text)
}

// Backends asks the gateway that runs by a config file how its backends stand.
func Backends(ctx context.Context, file string) ([]upstream.Status, error) {
	status, body, err := askRunning(ctx, file, http.MethodGet, backendsPath)
	if err != nil {
		return nil, err
	}
	var all []upstream.Status
	if status != http.StatusOK || json.Unmarshal(body, &all) != nil {
		return nil, fmt.Errorf("what answers at telemetry.listen of %s is not a gateway (it answered %d)", file, status)
	}
	return all, nil
}

// mostAnswered is how much of an answer is read.
const mostAnswered = 64 << 20

func askRunning(ctx context.Context, file, method, path string) (status int, body []byte, err error) {
	addr, err := opsAddress(file)
	if err != nil {
		return 0, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+addr+path, nil)
	if err != nil {
		return 0, nil, err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // which asks no proxy
	resp, err := client.Do(req)
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return 0, nil, fmt.Errorf("no gateway answers at %s, telemetry.listen of %s: start it with `weir serve`, or name its config with -config; where telemetry.listen was changed since it started, restart it, or send SIGHUP and read its log", addr, file)
	}
	if err != nil {
		return 0, nil, fmt.Errorf("ask the gateway: %w", err)
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, mostAnswered))
	return resp.StatusCode, body, err
}

// opsAddress finds where the gateway that runs by a config file answers. The file
// is not judged: its mistakes are what the gateway may be asked for, and its
// secrets may be those of another user.
func opsAddress(file string) (string, error) {
	r := newReading(file)
	text, err := r.config()
	if err != nil {
		return "", err
	}
	var cfg struct {
		Telemetry struct {
			Listen string `yaml:"listen"`
		} `yaml:"telemetry"`
	}
	d := &document{file: file}
	d.glance(text, &cfg)
	if err := d.err(); err != nil {
		return "", err
	}
	listen := cfg.Telemetry.Listen
	if strings.Contains(listen, "${") {
		if listen, err = (secret.Resolver{Dir: filepath.Dir(file)}).Expand(listen); err != nil {
			return "", fmt.Errorf("%s: telemetry.listen: %w", file, err)
		}
	}
	switch listen {
	case "":
		return defaultOps, nil
	case nowhere:
		return "", fmt.Errorf("%s: telemetry.listen is none, so that the gateway cannot be asked; it reloads on SIGHUP and when the file changes", file)
	}
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", fmt.Errorf("%s: telemetry.listen: not an address and port; 127.0.0.1:8082, or none", file)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip != nil && ip.To4() == nil {
			host = "::1"
		}
	}
	return net.JoinHostPort(host, port), nil
}
