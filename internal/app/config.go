package app

import (
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"sort"
	"time"

	"go.yaml.in/yaml/v3"

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

// defaultOps is where the gateway answers operators.
const defaultOps = "127.0.0.1:8082"

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
	// Reload is when a running gateway reads this file again.
	Reload Reload `yaml:"reload"`

	upstream.Config `yaml:",inline"`
	Callers         identity.Config `yaml:",inline"`

	file string
	read *reading // what it was read from
}

// Gateway is the gateway's part of the config.
type Gateway struct {
	front.Config `yaml:",inline"`
	Proxy        proxy.Config `yaml:",inline"`
}

// Telemetry is the log's form and where the gateway's metrics are.
type Telemetry struct {
	telemetry.Config `yaml:",inline"`
	// Listen is where the gateway answers /metrics, /backends, /healthz, /readyz
	// and, to callers of this machine, /-/reload; default 127.0.0.1:8082, "none"
	// for nowhere.
	Listen string `yaml:"listen"`
}

// Reload is how the gateway notices a changed config by itself.
type Reload struct {
	// Watch is how often the gateway looks whether this file, or any that it names,
	// holds something else, and reloads then; default 2s, 0s for never.
	Watch *time.Duration `yaml:"watch"`
}

// The times of Reload.Watch.
const (
	defaultWatch  = 2 * time.Second
	shortestWatch = 100 * time.Millisecond
)

// every is how often to look; 0 is never.
func (r Reload) every() time.Duration {
	if r.Watch == nil {
		return defaultWatch
	}
	return *r.Watch
}

// Store is the embedded store's part of the config.
type Store struct {
	// MemoryMiB is what the query engine may use, in MiB; default 1024.
	MemoryMiB int `yaml:"memory_mib"`
	// Threads of the query engine; default one less than there are processors,
	// at least one, so that queries leave the gateway room.
	Threads int `yaml:"threads"`
	// Gateways are further gateways that this store reads, besides the one of
	// data: each a `weir serve --role gateway` with a config and a data folder of
	// its own, which this process must be able to write. Queries see the records
	// of all as one. A gateway that is taken out of the list keeps the records that
	// are sealed.
	Gateways []Replica `yaml:"gateways"`
}

// Replica is a further gateway that a store reads.
type Replica struct {
	// Data is that gateway's data folder; a relative path starts beside this
	// config file. Its gateway.name must be another than those of all others.
	Data string `yaml:"data"`
}

// LoadConfig reads and checks a config file. The error is a *ConfigError that
// names every mistake in it at once, or says that the file cannot be read.
func LoadConfig(file string) (*Config, error) {
	cfg, _, err := loadConfig(file)
	return cfg, err
}

// loadConfig also tells what was read, even when it fails. Further checks see a
// config that has its defaults and is not checked otherwise.
func loadConfig(file string, further ...func(*Config) []fault.Problem) (*Config, *reading, error) {
	r := newReading(file)
	text, err := r.config()
	if err != nil {
		return nil, r, err
	}
	resolver := secret.Resolver{Dir: filepath.Dir(file), File: r.secret}
	cfg, err := parseConfig(file, text, resolver.Expand, append([]func(*Config) []fault.Problem{r.named}, further...)...)
	if err != nil {
		return nil, r, err
	}
	cfg.read = r
	return cfg, r, nil
}

func parseConfig(file string, text []byte, resolve func(string) (string, error), further ...func(*Config) []fault.Problem) (*Config, error) {
	d := &document{file: file}
	cfg := &Config{file: file}
	d.read(text, cfg, resolve)
	cfg.defaults()
	if d.root != nil || len(d.mistakes) == 0 {
		for _, more := range further {
			d.problems("", more(cfg))
		}
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
		c.Telemetry.Listen = defaultOps
	}
	if c.Payload.InlineLimit == 0 {
		c.Payload.InlineLimit = payload.DefaultInlineLimit
	}
	if c.Store.MemoryMiB == 0 {
		c.Store.MemoryMiB = 1024
	}
	dir := filepath.Dir(absolute(c.file))
	c.Gateway.Config.Locate(dir)
	c.Config.Locate(dir)
}

var columnName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// check has every part check itself.
func (c *Config) check(d *document) {
	d.problems("gateway", c.Gateway.Config.Check())
	d.problems("gateway", writtenZeros(d.root))
	d.problems("gateway", c.Gateway.Proxy.Check())
	d.problems("api", c.API.Check())
	d.problems("telemetry", c.Telemetry.Check())
	d.problems("payload", c.Payload.Check())
	d.problems("", c.Config.Check())
	_, ps := identity.New(c.Callers)
	d.problems("", ps)
	d.problems("", c.own())
}

// writtenZeros gives the gateway's times that are written as 0: their part cannot
// tell them from those that are left out, which have defaults.
func writtenZeros(root *yaml.Node) (ps []fault.Problem) {
	var file struct{ Gateway map[string]yaml.Node }
	if root == nil || root.Decode(&file) != nil { // which has been told
		return nil
	}
	for _, field := range []string{"header_timeout", "body_timeout", "idle_timeout", "drain_timeout"} {
		n, written := file.Gateway[field]
		d := time.Duration(-1)
		if written && n.ShortTag() != "!!null" && n.Decode(&d) == nil && d == 0 {
			ps = append(ps, fault.Problem{Path: field, Message: "0 is not a time for it", Hint: "leave it out for the default; 1ms is next to none"})
		}
	}
	return ps
}

// own checks what is the program's own.
func (c *Config) own() []fault.Problem {
	var ps []fault.Problem
	if l := c.Telemetry.Listen; l != nowhere {
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
	if d := c.Reload.every(); d < 0 || d > 0 && d < shortestWatch {
		ps = append(ps, fault.Problem{Path: "reload.watch", Message: "less than 100ms", Hint: "2s, or 0s for never"})
	}
	ps = append(ps, c.checkReplicas()...)
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
	return fmt.Sprintf("%s is right: %s, data in %s", c.file, c.counts(), c.Data)
}

func (c *Config) counts() string {
	return counted(len(c.Backends), "backend") + ", " + counted(len(c.Deployments), "deployment") + ", " +
		counted(len(c.Callers.Subscriptions), "subscription")
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
