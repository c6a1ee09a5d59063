package upstream

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// limits makes the headers of one limit; "-" leaves one out.
func limits(of, remaining, limit, reset string) http.Header {
	h := http.Header{}
	for name, v := range map[string]string{"remaining": remaining, "limit": limit, "reset": reset} {
		if v != "-" {
			h.Set("x-ratelimit-"+name+"-"+of, v)
		}
	}
	return h
}

func TestCapacityShare(t *testing.T) {
	for name, x := range map[string]struct {
		h    http.Header
		wait time.Duration
		want int
	}{
		"nothing":              {http.Header{}, 0, 1000},
		"half":                 {limits("tokens", "500", "1000", "-"), 0, 500},
		"requests":             {limits("requests", "3", "4", "-"), 0, 750},
		"nothing left":         {limits("tokens", "0", "1000", "-"), 0, 0},
		"next to nothing left": {limits("tokens", "1", "1000000", "-"), 0, 1},
		"more than all":        {limits("tokens", "1001", "1000", "-"), 0, 1000},
		"huge":                 {limits("tokens", "499999999999999999", "999999999999999999", "-"), 0, 500},
		"too large":            {limits("tokens", "1", "9999999999999999999", "-"), 0, 1000},
		"negative":             {limits("tokens", "-1", "1000", "-"), 0, 1000},
		"garbage":              {limits("tokens", "many", "1000", "-"), 0, 1000},
		"empty":                {limits("tokens", "", "", ""), 0, 1000},
		"no limit":             {limits("tokens", "500", "-", "-"), 0, 1000},
		"no limit, none left":  {limits("tokens", "0", "-", "-"), 0, 0},
		"limit of zero":        {limits("tokens", "0", "0", "-"), 0, 0},
		"fresh":                {limits("tokens", "1", "10", "-"), time.Minute - time.Millisecond, 100},
		"old":                  {limits("tokens", "1", "10", "-"), time.Minute, 1000},
		"before the reset":     {limits("tokens", "1", "10", "12"), 11 * time.Second, 100},
		"after the reset":      {limits("tokens", "1", "10", "12"), 12 * time.Second, 1000},
		"reset in ms":          {limits("requests", "1", "10", "120ms"), 120 * time.Millisecond, 1000},
		"reset in minutes":     {limits("requests", "1", "10", "6m0s"), 59 * time.Second, 100},
		"a far reset":          {limits("requests", "1", "10", "6m0s"), time.Minute, 1000},
		"a huge reset":         {limits("requests", "1", "10", strings.Repeat("9", 400)), 59 * time.Second, 100},
		"a reset of nothing":   {limits("tokens", "1", "10", "0"), 59 * time.Second, 100},
		"a negative reset":     {limits("tokens", "1", "10", "-5s"), 59 * time.Second, 100},
		"a reset of garbage":   {limits("tokens", "1", "10", "soon"), 59 * time.Second, 100},
		"the clock set back":   {limits("tokens", "1", "10", "-"), -time.Second, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
			var c Capacity
			c.Note(x.h, now)
			if got := c.Share(now.Add(x.wait)); got != x.want {
				t.Errorf("share %d, want %d", got, x.want)
			}
		})
	}
}

func TestCapacityTakesTheScarcer(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var c Capacity
	c.Note(limits("tokens", "30", "100", "-"), now)
	c.Note(limits("requests", "20", "100", "5"), now)
	c.Note(http.Header{}, now)
	if got := c.Share(now); got != 200 {
		t.Errorf("share %d, want that of requests", got)
	}
	if got := c.Share(now.Add(5 * time.Second)); got != 300 {
		t.Errorf("share %d, want that of tokens", got)
	}
}

// Without a limit, the greatest number of the last five to ten minutes is it.
func TestCapacityWithoutLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c Capacity
		for i, x := range []struct {
			wait      time.Duration
			remaining string
			want      int
		}{
			{0, "800", 1000},
			{time.Second, "200", 250},
			{time.Second, "1000", 1000},
			{4 * time.Minute, "500", 500},
			{time.Minute, "500", 500},      // another five minutes, the peak of the last ones holds
			{5 * time.Minute, "500", 1000}, // it is forgotten
			{time.Hour, "100", 1000},
		} {
			time.Sleep(x.wait)
			c.Note(limits("tokens", x.remaining, "-", "-"), time.Now())
			if got := c.Share(time.Now()); got != x.want {
				t.Errorf("step %d: share %d, want %d", i, got, x.want)
			}
		}
	})
}

func TestCapacityConcurrently(t *testing.T) {
	var c Capacity
	var all sync.WaitGroup
	now := time.Now()
	for _, h := range []http.Header{limits("tokens", "5", "10", "1m"), limits("tokens", "5", "-", "-"), limits("requests", "9", "10", "-")} {
		all.Go(func() {
			for range 1000 {
				c.Note(h, now)
				if s := c.Share(now); s < 500 || s > 1000 {
					t.Errorf("share %d", s)
					return
				}
			}
		})
	}
	all.Wait()
}

func TestCapacityAllocatesNothing(t *testing.T) {
	var c Capacity
	now := time.Now()
	for name, h := range map[string]http.Header{
		"nothing":  {},
		"no limit": limits("tokens", "500", "-", "-"),
		"all":      limits("requests", "500", "1000", "6m0s"),
	} {
		if n := testing.AllocsPerRun(100, func() { c.Note(h, now); c.Share(now) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkCapacity(b *testing.B) {
	var c Capacity
	now := time.Now()
	h := limits("requests", "500", "1000", "6m0s")
	for b.Loop() {
		c.Note(h, now)
		c.Share(now)
	}
}
