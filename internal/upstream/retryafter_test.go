package upstream

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	at := func(layout string, d time.Duration) string {
		return now.Add(d).Format(layout)
	}
	const (
		seconds = "Retry-After"
		ms      = "Retry-After-Ms"
		xms     = "X-Ms-Retry-After-Ms"
	)
	for name, x := range map[string]struct {
		header map[string]string
		want   time.Duration
	}{
		"nothing":             {nil, -1},
		"seconds":             {map[string]string{seconds: "7"}, 7 * time.Second},
		"space":               {map[string]string{seconds: " 7\t"}, 7 * time.Second},
		"zero":                {map[string]string{seconds: "0"}, 0},
		"fraction":            {map[string]string{seconds: "0.25"}, 250 * time.Millisecond},
		"half a fraction":     {map[string]string{seconds: ".5"}, 500 * time.Millisecond},
		"ms":                  {map[string]string{ms: "1500"}, 1500 * time.Millisecond},
		"ms with a fraction":  {map[string]string{ms: "1.5"}, 1500 * time.Microsecond},
		"x-ms":                {map[string]string{xms: "20"}, 20 * time.Millisecond},
		"ms before all":       {map[string]string{ms: "1", xms: "2", seconds: "3"}, time.Millisecond},
		"x-ms before seconds": {map[string]string{xms: "2", seconds: "3"}, 2 * time.Millisecond},
		"bad ms":              {map[string]string{ms: "soon", xms: "-1", seconds: "3"}, 3 * time.Second},
		"date":                {map[string]string{seconds: at(http.TimeFormat, 42*time.Second)}, 42 * time.Second},
		"date of RFC 850":     {map[string]string{seconds: at("Monday, 02-Jan-06 15:04:05 GMT", 42*time.Second)}, 42 * time.Second},
		"date of asctime":     {map[string]string{seconds: at(time.ANSIC, 42*time.Second)}, 42 * time.Second},
		"date in the past":    {map[string]string{seconds: at(http.TimeFormat, -time.Hour)}, 0},
		"date long ago":       {map[string]string{seconds: "Mon, 01 Jan 0001 00:00:00 GMT"}, 0},
		"date far ahead":      {map[string]string{seconds: "Fri, 31 Dec 9999 23:59:59 GMT"}, time.Hour},
		"date as ms":          {map[string]string{ms: at(http.TimeFormat, time.Minute)}, -1},
		"a day":               {map[string]string{seconds: "86400"}, time.Hour},
		"overflow":            {map[string]string{seconds: "9223372036854775808000"}, time.Hour},
		"very long":           {map[string]string{ms: strings.Repeat("9", 5000)}, time.Hour},
		"very small":          {map[string]string{ms: "0." + strings.Repeat("0", 5000) + "1"}, 0},
		"negative":            {map[string]string{seconds: "-1"}, -1},
		"plus":                {map[string]string{seconds: "+1"}, -1},
		"NaN":                 {map[string]string{seconds: "NaN"}, -1},
		"Inf":                 {map[string]string{seconds: "Inf"}, -1},
		"exponent":            {map[string]string{seconds: "1e3"}, -1},
		"hex":                 {map[string]string{seconds: "0x10"}, -1},
		"two points":          {map[string]string{seconds: "1.2.3"}, -1},
		"a point":             {map[string]string{seconds: "."}, -1},
		"empty":               {map[string]string{seconds: ""}, -1},
		"a unit":              {map[string]string{seconds: "5s"}, -1},
		"digits of elsewhere": {map[string]string{seconds: "٣"}, -1},
	} {
		t.Run(name, func(t *testing.T) {
			h := http.Header{}
			for k, v := range x.header {
				h.Set(k, v)
			}
			if got := RetryAfter(h, now); got != x.want {
				t.Errorf("%v, want %v", got, x.want)
			}
		})
	}
}

// FuzzRetryAfter: whatever a backend says, the wait is -1 or from 0 to an hour.
func FuzzRetryAfter(f *testing.F) {
	f.Add("1500", "", "2")
	f.Add("", "20", "Wed, 06 May 2026 07:08:09 GMT")
	f.Add("", "", "Wednesday, 06-May-26 07:08:09 GMT")
	f.Fuzz(func(t *testing.T, ms, xms, seconds string) {
		h := http.Header{"Retry-After-Ms": {ms}, "X-Ms-Retry-After-Ms": {xms}, "Retry-After": {seconds}}
		for _, now := range []time.Time{{}, time.Date(2026, 5, 6, 7, 0, 0, 0, time.UTC), time.Unix(1<<40, 0)} {
			if d := RetryAfter(h, now); d != -1 && (d < 0 || d > time.Hour) {
				t.Fatalf("%v", d)
			}
		}
	})
}
