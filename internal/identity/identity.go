// Package identity says who calls: it finds the subscription whose key a
// request presents.
//
// What always holds: keys are known by their SHA-256 only, one look-up in a map
// answers whatever was presented, so that time tells nothing about a key, and
// neither a key nor its hash stands in any error.
package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"

	"weir/internal/fault"
)

// Config lists who may call.
type Config struct {
	// Subscriptions, as API Management has them: a name, a product, two keys.
	Subscriptions []Subscription `yaml:"subscriptions"`
}

// Subscription is one caller's pair of keys.
type Subscription struct {
	// Name stands in the log as ApimSubscriptionId.
	Name string `yaml:"name"`
	// Product stands in the log as ProductId.
	Product string `yaml:"product"`
	// Keys, one or two, each "sha256:" and the hash of the key in 64 hexadecimal
	// digits, as `weir keys new` prints it. With two, one can be replaced while
	// the other is in use.
	Keys []string `yaml:"keys"`
	// State is "active" (default) or "suspended": then its keys are refused.
	State string `yaml:"state"`
}

// Caller is who presented a key.
type Caller struct {
	Subscription, Product string
	suspended             bool
}

// Directory knows every subscription by its keys' hashes.
type Directory struct {
	byHash map[[sha256.Size]byte]*Caller
}

// New makes the directory of a config. All its problems are given at once.
func New(cfg Config) (*Directory, []fault.Problem) {
	d := &Directory{byHash: map[[sha256.Size]byte]*Caller{}}
	var problems []fault.Problem
	bad := func(message, hint, path string, args ...any) {
		problems = append(problems, fault.Problem{Path: fmt.Sprintf(path, args...), Message: message, Hint: hint})
	}
	names := map[string]bool{}
	for i, s := range cfg.Subscriptions {
		if s.Name == "" {
			bad("a subscription needs a name", "name: team-a", "subscriptions[%d].name", i)
		} else if names[s.Name] {
			bad("two subscriptions have this name", "give each its own", "subscriptions[%d].name", i)
		}
		names[s.Name] = true
		if s.State != "" && s.State != "active" && s.State != "suspended" {
			bad(fmt.Sprintf("%q is no state of a subscription", s.State), "active or suspended", "subscriptions[%d].state", i)
		}
		if len(s.Keys) == 0 || len(s.Keys) > 2 {
			bad("a subscription has one key or two", "`weir keys new` makes one", "subscriptions[%d].keys", i)
		}
		caller := &Caller{Subscription: s.Name, Product: s.Product, suspended: s.State == "suspended"}
		for j, k := range s.Keys {
			hash, ok := parseHash(k)
			if !ok {
				bad("not the hash of a key", "sha256: and 64 hexadecimal digits, as `weir keys new` prints them", "subscriptions[%d].keys[%d]", i, j)
			} else if d.byHash[hash] != nil {
				bad("this key stands there already", "`weir keys new` makes another", "subscriptions[%d].keys[%d]", i, j)
			} else {
				d.byHash[hash] = caller
			}
		}
	}
	return d, problems
}

func parseHash(s string) (hash [sha256.Size]byte, ok bool) {
	digits, ok := strings.CutPrefix(s, "sha256:")
	if !ok || len(digits) != 2*sha256.Size {
		return hash, false
	}
	_, err := hex.Decode(hash[:], []byte(digits))
	return hash, err == nil
}

// NewKey makes a random key of 256 bits, and the hash by which a config knows it.
func NewKey() (key, hash string) {
	var b [32]byte
	rand.Read(b[:]) // never fails, by crypto/rand's contract
	key = hex.EncodeToString(b[:])
	return key, Hash(key)
}

// Hash gives the form in which a config knows key.
func Hash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// The messages are API Management's (error handling in policies, predefined
// errors of the authorization source).
const (
	missingKey = "Access denied due to missing subscription key. Make sure to include subscription key when making requests to this API."
	invalidKey = "Access denied due to invalid subscription key. Make sure to provide a valid key for an active subscription."
)

// Identify finds the caller of a request: by the first key that is there, in
// the order api-key, Ocp-Apim-Subscription-Key, Authorization: Bearer, the
// subprotocol of a WebSocket's handshake ([SocketKey]), then subscription-key and
// api-key of the query, which query gives by name.
// Where the key is known but suspended, the caller is given beside the error.
func (d *Directory) Identify(h http.Header, query func(name string) string) (*Caller, *fault.Error) {
	key := Presented(h, query)
	if key == "" {
		return nil, denied(missingKey, "SubscriptionKeyNotFound")
	}
	var small [256]byte
	sum := sha256.Sum256(append(small[:0], key...))
	c := d.byHash[sum]
	if c == nil || c.suspended {
		return c, denied(invalidKey, "SubscriptionKeyInvalid")
	}
	return c, nil
}

func denied(message, reason string) *fault.Error {
	return &fault.Error{
		Kind: fault.Unauthorized, Code: "401", Message: message,
		Source: "authorization", Reason: reason, Section: "inbound",
	}
}

// SocketKey begins the subprotocol in which browsers, which cannot set the
// headers of a WebSocket's handshake, send their key (OpenAI, "Realtime API with
// WebSocket").
const SocketKey = "openai-insecure-api-key."

// Presented gives the key that a request shows, as [Directory.Identify] finds it.
func Presented(h http.Header, query func(name string) string) string {
	for _, name := range [...]string{"Api-Key", "Ocp-Apim-Subscription-Key"} {
		if v := h[name]; len(v) > 0 && v[0] != "" {
			return v[0]
		}
	}
	if v := h["Authorization"]; len(v) > 0 {
		const scheme = "bearer "
		if len(v[0]) > len(scheme) && strings.EqualFold(v[0][:len(scheme)], scheme) {
			if key := strings.TrimSpace(v[0][len(scheme):]); key != "" {
				return key
			}
		}
	}
	for _, line := range h["Sec-Websocket-Protocol"] {
		for item := range strings.SplitSeq(line, ",") {
			if key, ok := strings.CutPrefix(strings.TrimSpace(item), SocketKey); ok && key != "" {
				return key
			}
		}
	}
	for _, name := range [...]string{"subscription-key", "api-key"} {
		if v := query(name); v != "" {
			return v
		}
	}
	return ""
}
