package app

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"sort"

	"weir/internal/api"
	"weir/internal/fault"
	"weir/internal/front"
	"weir/internal/identity"
	"weir/internal/payload"
	"weir/internal/proxy"
	"weir/internal/record"
	"weir/internal/secret"
	"weir/internal/telemetry"
	"weir/internal/upstream"
)

// DefaultConfig is the config file's name when none is given, DefaultAPI the
// query API's address.
const (
	DefaultConfig = "weir.yaml"
	DefaultAPI    = api.DefaultListen
)

// Config is the whole of weir.yaml: the parts' own configs, and what is the
// program's. Fields that are left out have the defaults that their comments
// name; a field that is unknown is a mistake. Any text may refer to a secret as
// ${env:NAME} or ${file:PATH}.
type Config struct {
	// Data is the folder of all state, journal and store; default ./weir-data,
	// beside the config file.
	Data string `yaml:"data"`
	// Gateway is how the gateway listens and what it calls itself.
	Gateway Gateway `yaml:"gateway"`
	// API is the query API of the store.
	API api.Config `yaml:"api"`
	// Telemetry is what operators watch.
	Telemetry Telemetry `yaml:"telemetry"`
	// Store is the embedded store.
	Store Store `yaml:"store"`
	// Payload is where bodies go that are too large for the store's rows.
	Payload payload.Config `yaml:"payload"`
	// Labels are request headers that become columns of WeirExchanges, as
	// header: Column.
	Labels map[string]string `yaml:"labels"`

	upstream.Config `yaml:",inline"`
	Callers         identity.Config `yaml:",inline"`

	file string
}

// Gateway is the gateway's part of the config.
type Gateway struct {
	front.Config `yaml:",inline"`
	Proxy        proxy.Config `yaml:",inline"`
}

// Telemetry is the log's form and where the gateway's metrics are.
type Telemetry struct {
	telemetry.Config `yaml:",inline"`
	// Listen is where the gateway answers /metrics, /healthz and /readyz;
	// default 127.0.0.1:8082, "none" for nowhere.
	Listen string `yaml:"listen"`
}

// Store is the embedded store's part of the config.
type Store struct {
	// MemoryMiB is what the query engine may use, in MiB; default 1024.
	MemoryMiB int `yaml:"memory_mib"`
	// Threads of the query engine; default one less than there are processors,
	// at least one, so that queries leave the gateway room.
	Threads int `yaml:"threads"`
}

// LoadConfig reads and checks a config file. The error is a *ConfigError that
// names every mistake in it at once.
func LoadConfig(file string) (*Config, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no config file %s; `weir demo` runs without one, and README.md has one to begin with", file)
	}
	if err != nil {
		return nil, fmt.Errorf("read the config: %w", err)
	}
	cfg, err := parseConfig(file, text, secret.Resolver{}.Expand)
	if err != nil {
		return nil, err
	}
	return cfg, nil
}

func parseConfig(file string, text []byte, resolve func(string) (string, error)) (*Config, error) {
	d := &document{file: file}
	cfg := &Config{file: file}
	d.read(text, cfg, resolve)
	cfg.defaults()
	if d.root != nil || len(d.mistakes) == 0 {
		cfg.check(d)
	}
	if err := d.err(); err != nil {
		return nil, err
	}
	return cfg, nil
}

func (c *Config) defaults() {
	if c.Gateway.Proxy.Name == "" {
		c.Gateway.Proxy.Name = "weir"
	}
	if c.Data == "" {
		c.Data = "weir-data"
	}
	if !filepath.IsAbs(c.Data) {
		c.Data = filepath.Join(filepath.Dir(c.file), c.Data)
	}
	if c.API.Listen == "" {
		c.API.Listen = DefaultAPI
	}
	if c.Telemetry.Listen == "" {
		c.Telemetry.Listen = "127.0.0.1:8082"
	}
	if c.Payload.InlineLimit == 0 {
		c.Payload.InlineLimit = payload.DefaultInlineLimit
	}
	if c.Store.MemoryMiB == 0 {
		c.Store.MemoryMiB = 1024
	}
}

var columnName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// check has every part check itself.
func (c *Config) check(d *document) {
	d.problems("gateway", c.Gateway.Config.Check())
	d.problems("gateway", c.Gateway.Proxy.Check())
	d.problems("api", c.API.Check())
	d.problems("telemetry", c.Telemetry.Check())
	d.problems("payload", c.Payload.Check())
	d.problems("", c.Config.Check())
	_, ps := identity.New(c.Callers)
	d.problems("", ps)
	d.problems("", c.own())
}

// own checks what is the program's own.
func (c *Config) own() []fault.Problem {
	var ps []fault.Problem
	if l := c.Telemetry.Listen; l != "none" {
		if _, _, err := net.SplitHostPort(l); err != nil {
			ps = append(ps, fault.Problem{Path: "telemetry.listen", Message: "not an address and port", Hint: "127.0.0.1:8082, or none"})
		}
	}
	if c.Store.MemoryMiB < 128 {
		ps = append(ps, fault.Problem{Path: "store.memory_mib", Message: "too little for a query engine", Hint: "1024"})
	}
	if c.Store.Threads < 0 {
		ps = append(ps, fault.Problem{Path: "store.threads", Message: "a count cannot be negative", Hint: "leave it out, or write 1"})
	}
	taken := map[string]bool{}
	for _, col := range record.Columns() {
		taken[col.Name] = true
	}
	for _, header := range c.headers() {
		col := c.Labels[header]
		switch {
		case !columnName.MatchString(col):
			ps = append(ps, fault.Problem{Path: "labels." + header, Message: "not a column's name", Hint: "letters, digits and underscores, such as Team"})
		case taken[col]:
			ps = append(ps, fault.Problem{Path: "labels." + header, Message: "there is such a column already", Hint: "choose another name"})
		}
		taken[col] = true
	}
	return ps
}

// headers lists the labels' headers in order.
func (c *Config) headers() []string {
	var hs []string
	for h := range c.Labels {
		hs = append(hs, h)
	}
	sort.Strings(hs)
	return hs
}

// labelColumns lists the labels' columns in order.
func (c *Config) labelColumns() []string {
	var cs []string
	for _, h := range c.headers() {
		cs = append(cs, c.Labels[h])
	}
	sort.Strings(cs)
	return cs
}

func (c *Config) journalDir() string { return filepath.Join(c.Data, "journal") }

func (c *Config) spoolDir() string { return filepath.Join(c.Data, "spool") }

func (c *Config) payloadDir() string { return filepath.Join(c.Data, "payload") }

func (c *Config) storeDir() string { return filepath.Join(c.Data, "store") }

// Summary says in one line what the config describes.
func (c *Config) Summary() string {
	return fmt.Sprintf("%s is right: %s, %s, %s, data in %s", c.file, counted(len(c.Backends), "backend"),
		counted(len(c.Deployments), "deployment"), counted(len(c.Callers.Subscriptions), "subscription"), c.Data)
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
