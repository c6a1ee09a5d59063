package identity

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/internal/fault"
)

func TestIdentify(t *testing.T) {
	d, problems := New(Config{Subscriptions: []Subscription{
		{Name: "team", Product: "gold", Keys: []string{Hash("one"), Hash("two")}},
		{Name: "other", Keys: []string{Hash("three")}, State: "active"},
		{Name: "gone", Keys: []string{Hash("four")}, State: "suspended"},
		{Name: "long", Keys: []string{Hash(strings.Repeat("k", 1000))}},
	}})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for _, tt := range []struct {
		name, headers, query, want, reason string
	}{
		{"api-key", "Api-Key: one", "", "team", ""},
		{"the second key", "Api-Key: two", "", "team", ""},
		{"APIM's header", "Ocp-Apim-Subscription-Key: three", "", "other", ""},
		{"bearer", "Authorization: Bearer one", "", "team", ""},
		{"bearer in another case", "Authorization: bearer  one ", "", "team", ""},
		{"query", "", "subscription-key=one", "team", ""},
		{"query api-key", "", "api-key=one", "team", ""},
		{"api-key comes first", "Api-Key: one|Authorization: Bearer three", "", "team", ""},
		{"header before query", "Api-Key: one", "subscription-key=three", "team", ""},
		{"a wrong one is not passed over", "Api-Key: wrong|Authorization: Bearer one", "", "", "SubscriptionKeyInvalid"},
		{"an empty one is", "Api-Key: |Authorization: Bearer one", "", "team", ""},
		{"long key", "Api-Key: " + strings.Repeat("k", 1000), "", "long", ""},
		{"none", "", "", "", "SubscriptionKeyNotFound"},
		{"basic", "Authorization: Basic b25l", "", "", "SubscriptionKeyNotFound"},
		{"bearer without key", "Authorization: Bearer ", "", "", "SubscriptionKeyNotFound"},
		{"a prefix", "Api-Key: on", "", "", "SubscriptionKeyInvalid"},
		{"the hash itself", "Api-Key: " + Hash("one"), "", "", "SubscriptionKeyInvalid"},
		{"suspended", "Api-Key: four", "", "gone", "SubscriptionKeyInvalid"},
	} {
		h := http.Header{}
		for _, f := range strings.Split(tt.headers, "|") {
			if k, v, ok := strings.Cut(f, ": "); ok {
				h.Set(k, v)
			}
		}
		name, value, _ := strings.Cut(tt.query, "=")
		c, f := d.Identify(h, func(n string) string {
			if n == name {
				return value
			}
			return ""
		})
		got, reason := "", ""
		if c != nil {
			got = c.Subscription
		}
		if f != nil {
			reason = f.Reason
			if f.Kind != fault.Unauthorized || f.Source != "authorization" || f.Section != "inbound" {
				t.Errorf("%s: %+v", tt.name, f)
			}
		}
		if got != tt.want || reason != tt.reason {
			t.Errorf("%s: %q %q, want %q %q", tt.name, got, reason, tt.want, tt.reason)
		}
	}
}

func TestProblems(t *testing.T) {
	good := Hash("x")
	_, problems := New(Config{Subscriptions: []Subscription{
		{Name: "a", Keys: []string{good}},
		{Name: "a", Keys: []string{Hash("y")}},
		{Keys: []string{"plain-key"}},
		{Name: "b", Keys: []string{good, Hash("1"), Hash("2")}, State: "frozen"},
		{Name: "c"},
	}})
	var paths []string
	for _, p := range problems {
		paths = append(paths, p.Path)
		if strings.Contains(p.Message+p.Hint, "plain-key") || p.Hint == "" {
			t.Errorf("problem %+v", p)
		}
	}
	want := []string{
		"subscriptions[1].name", "subscriptions[2].name", "subscriptions[2].keys[0]",
		"subscriptions[3].state", "subscriptions[3].keys", "subscriptions[3].keys[0]", "subscriptions[4].keys",
	}
	if d := cmp.Diff(want, paths); d != "" {
		t.Error(d)
	}
}

func TestNewKey(t *testing.T) {
	k1, h1 := NewKey()
	k2, _ := NewKey()
	if k1 == k2 || len(k1) != 64 || h1 != Hash(k1) {
		t.Errorf("%d characters, hash %s", len(k1), h1)
	}
}

func TestIdentifyAllocatesNothing(t *testing.T) {
	key, hash := NewKey()
	d, _ := New(Config{Subscriptions: []Subscription{{Name: "a", Keys: []string{hash}}}})
	h := http.Header{"Api-Key": {key}}
	query := func(string) string { return "" }
	if n := testing.AllocsPerRun(100, func() { d.Identify(h, query) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
