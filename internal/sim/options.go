package sim

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// The kinds of service that a simulator stands in for.
const (
	KindAzure  = "azure"
	KindOpenAI = "openai"
)

// DefaultKeepCalls is how many calls are remembered when Options.KeepCalls is 0.
const DefaultKeepCalls = 65536

// DefaultStoreBytes is how many bytes of files are kept when Options.StoreBytes is
// 0.
const DefaultStoreBytes = 256 << 20

// Options configure a simulator. The zero value of each field but Deployments is
// usable.
type Options struct {
	// Name stands in the answers' text; default "sim".
	Name string
	// Region is told in x-ms-region; default "Sweden Central".
	Region string
	// Kind is "azure" (default) or "openai": which surfaces and error shapes.
	Kind string
	// Keys are the accepted api keys. Empty: any, or none.
	Keys []string
	// Deployments are what can be called; at least one.
	Deployments []Deployment
	// Seed decides the texts, and which calls fail.
	Seed uint64
	// FirstToken is the time before an answer's first byte, PerToken the time
	// between tokens. Jitter, 0 to 1, spreads both by up to that share.
	FirstToken, PerToken time.Duration
	Jitter               float64
	// Faults befall calls at random, by Seed and order of arrival.
	Faults []Fault
	// CallHeaders are request headers that Calls keeps beside the ids
	// (x-ms-client-request-id, x-request-id, traceparent). Values of
	// authorization, api-key and cookies are never kept.
	CallHeaders []string
	// StoreBytes is how many bytes of files are kept in memory, of one file
	// at most a quarter; of a file beyond that only length and digest. 0
	// means [DefaultStoreBytes].
	StoreBytes int64
	// KeepCalls is how many calls are remembered, the newest ones; 0 means
	// [DefaultKeepCalls].
	KeepCalls int
}

// Deployment is a model that can be called under a name.
type Deployment struct {
	Name string
	// Model is the model's base name ("gpt-4o", answered as
	// "gpt-4o-2024-08-06") or, for one not in the table, its full name. Empty
	// means Name.
	Model string
	// TokensPerMinute is the rate limit; 0 is unlimited.
	TokensPerMinute int
}

// Fault is controls that befall a share of the calls.
type Fault struct {
	// Rate is the share, 0 to 1.
	Rate float64
	// Controls are as in a body's metadata: "status=503,retry_after=1".
	Controls string
}

// withDefaults fills what was left out.
func (o Options) withDefaults() Options {
	if o.Name == "" {
		o.Name = "sim"
	}
	if o.Region == "" {
		o.Region = "Sweden Central"
	}
	if o.Kind == "" {
		o.Kind = KindAzure
	}
	if o.StoreBytes == 0 {
		o.StoreBytes = DefaultStoreBytes
	}
	if o.KeepCalls == 0 {
		o.KeepCalls = DefaultKeepCalls
	}
	o.Deployments = slices.Clone(o.Deployments)
	for i := range o.Deployments {
		if d := &o.Deployments[i]; d.Model == "" {
			d.Model = d.Name
		}
	}
	return o
}

// check names all mistakes at once.
func (o Options) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if o.Kind != KindAzure && o.Kind != KindOpenAI {
		bad("kind %q: must be %q or %q", o.Kind, KindAzure, KindOpenAI)
	}
	if len(o.Deployments) == 0 {
		bad("deployments: at least one is needed")
	}
	seen := map[string]bool{}
	for i, d := range o.Deployments {
		switch {
		case d.Name == "":
			bad("deployments[%d]: has no name", i)
		case seen[d.Name]:
			bad("deployments[%d]: %q is there twice", i, d.Name)
		}
		if d.TokensPerMinute < 0 {
			bad("deployment %q: tokens per minute must not be negative", d.Name)
		}
		seen[d.Name] = true
	}
	for i, k := range o.Keys {
		if k == "" {
			bad("keys[%d]: is empty", i)
		}
	}
	if o.FirstToken < 0 || o.PerToken < 0 {
		bad("latency: must not be negative")
	}
	if !(o.Jitter >= 0 && o.Jitter <= 1) {
		bad("jitter %v: must be between 0 and 1", o.Jitter)
	}
	if o.StoreBytes < 0 {
		bad("bytes to store: must not be negative")
	}
	if o.KeepCalls < 0 {
		bad("calls to keep: must not be negative")
	}
	for i, f := range o.Faults {
		if !(f.Rate >= 0 && f.Rate <= 1) {
			bad("faults[%d]: rate %v must be between 0 and 1", i, f.Rate)
		}
		c := noControls()
		if err := c.setAll(f.Controls); err != nil {
			bad("faults[%d]: %w", i, err)
		}
	}
	return errors.Join(errs...)
}
