package record

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func sampleBegin() Begin {
	return Begin{
		Time: time.Date(2026, 11, 23, 8, 30, 0, 123456789, time.UTC), Gateway: "weir", Region: "local",
		CallerIP: "10.0.0.4", ClientProtocol: "HTTP/1.1", TLSVersion: "1.3", ClientCertificate: "CN=billing; sha256=00", Method: "POST",
		URL:     "http://gateway/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21",
		Headers: []Header{{"Api-Key", "***"}, {"X-Empty", ""}, {"X-Team", "blau"}}, RequestSize: 812,
		Surface: "azure", Operation: "chatcompletions_create", SurfaceOperation: "ChatCompletions_Create",
		APIVersion: "2024-10-21", Deployment: "gpt-4o", Subscription: "team-a", Product: "standard", Stream: true,
		TraceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", ClientRequestID: "c1",
		Spooled: true, Resource: "file-1",
	}
}

func sampleEnd() *End {
	return &End{
		Time: time.Date(2026, 11, 23, 8, 30, 1, 0, time.UTC), Outcome: Interrupted, Status: 200, Streamed: true,
		ResponseHeaders: []Header{{"Content-Type", "text/event-stream"}}, Backend: "east",
		BackendURL:    "https://east.example/openai/deployments/g/chat/completions?api-version=2024-10-21",
		BackendMethod: "POST", BackendProtocol: "HTTP/2.0", BackendStatus: 200,
		BackendRequestHeaders: []Header{{"Content-Type", "application/json"}}, BackendResponseHeaders: []Header{{"X-Ms-Region", "East US"}},
		Edits:       []Edit{{Offset: 9, Old: 8, New: `"g"`}, {Offset: 40, New: `,"stream_options":{"include_usage":true}`}},
		Attempts:    []Attempt{{Backend: "west", Status: 429, Start: time.Millisecond, Time: time.Second, Reason: "429", RetryAfter: "7"}, {Backend: "east", Status: 200, Start: time.Second}},
		BackendTime: time.Second, FirstByte: 300 * time.Millisecond, FirstToken: 310 * time.Millisecond,
		Events: 12, ResponseBytes: 4096, OwnAnswer: true, UsageAdded: true,
		LastError: &LastError{Elapsed: time.Second, Message: "gone", Reason: "BackendConnectionFailure", Scope: "api", Section: "backend", Source: "forward-request"},
		Socket:    true, Received: 77, Request: &Payload{Length: 1 << 30, SHA256: "ab"}, Answer: &Payload{Length: 2 << 20},
		RequestTrailers: []Header{{"X-Checksum", "1"}}, ResponseTrailers: []Header{{"X-Cost", "2"}},
	}
}

func TestFramesRoundTrip(t *testing.T) {
	b := sampleBegin()
	gotB, err := ParseBegin(b.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(b, gotB); d != "" {
		t.Errorf("begin:\n%s", d)
	}
	e := sampleEnd()
	gotE, err := ParseEnd(e.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(e, gotE); d != "" {
		t.Errorf("end:\n%s", d)
	}
	d := &Delivered{Time: e.Time, ResponseSize: 9000, ClientTime: time.Millisecond, HungUp: true}
	gotD, err := ParseDelivered(d.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d, gotD); diff != "" {
		t.Errorf("delivered:\n%s", diff)
	}
}

// TestNewerFields: a reader passes over tags that a later version added.
func TestNewerFields(t *testing.T) {
	b := sampleBegin()
	e := encoder{b.Append(nil)}
	e.text(999, "from the future")
	got, err := ParseBegin(e.b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(b, got); d != "" {
		t.Error(d)
	}
}

func TestTornMetadata(t *testing.T) {
	b := sampleBegin()
	whole := b.Append(nil)
	failed := 0
	for i := range whole {
		if _, err := ParseBegin(whole[:i]); err != nil {
			failed++
		}
	}
	if failed < len(whole)/2 {
		t.Errorf("only %d of %d truncations were noticed", failed, len(whole))
	}
}

func FuzzParse(f *testing.F) {
	b := sampleBegin()
	f.Add(b.Append(nil))
	f.Add(sampleEnd().Append(nil))
	f.Fuzz(func(t *testing.T, meta []byte) {
		if b, err := ParseBegin(meta); err == nil {
			again, err := ParseBegin(b.Append(nil))
			if err != nil || !cmp.Equal(b, again) {
				t.Fatalf("a begin that was read does not survive writing: %v", err)
			}
		}
		if e, err := ParseEnd(meta); err == nil {
			again, err := ParseEnd(e.Append(nil))
			if err != nil || !cmp.Equal(e, again) {
				t.Fatalf("an end that was read does not survive writing: %v", err)
			}
		}
		ParseDelivered(meta)
	})
}

func TestID(t *testing.T) {
	now := time.Date(2026, 11, 23, 8, 30, 0, 0, time.UTC)
	id := NewID(now)
	back, err := ParseID(id.String())
	if err != nil || back != id {
		t.Fatalf("%s read back as %s: %v", id, back, err)
	}
	if s := id.String(); s[14] != '7' {
		t.Errorf("%s is not a version 7 UUID", s)
	}
	if later := NewID(now.Add(time.Millisecond)); later.String() <= id.String() {
		t.Errorf("ids do not sort by time: %s then %s", id, later)
	}
	for _, bad := range []string{"", "x", "0193-", id.String() + "0", "zzzzzzzz-zzzz-7zzz-zzzz-zzzzzzzzzzzz"} {
		if _, err := ParseID(bad); err == nil {
			t.Errorf("ParseID(%q) gave no error", bad)
		}
	}
}

// TestTables: every table column that names a stored one names one that exists.
func TestTables(t *testing.T) {
	stored := map[string]Column{}
	for _, c := range Columns() {
		if _, dup := stored[c.Name]; dup {
			t.Errorf("column %s twice", c.Name)
		}
		stored[c.Name] = c
	}
	for _, c := range stored {
		if _, ok := stored[c.Else]; c.Else != "" && !ok {
			t.Errorf("column %s falls back to %s, which is not stored", c.Name, c.Else)
		}
	}
	for _, p := range Paths() {
		if _, ok := stored[p.Column]; !ok {
			t.Errorf("path %v stands in %s, which is not stored", p.Keys, p.Column)
		}
	}
	want := map[string]int{"ApiManagementGatewayLogs": 59, "ApiManagementGatewayLlmLog": 22, "ApiManagementWebSocketConnectionLogs": 14}
	for _, tab := range Tables() {
		if n, ok := want[tab.Name]; ok && n != len(tab.Columns) {
			t.Errorf("%s has %d columns, Azure's has %d", tab.Name, len(tab.Columns), n)
		}
		for _, c := range tab.Columns {
			if _, ok := stored[c.From]; c.From != "" && !ok {
				t.Errorf("%s.%s shows %s, which is not stored", tab.Name, c.Name, c.From)
			}
		}
	}
}

// TestColumnTypes: Get gives what Type says, for an empty row too.
func TestColumnTypes(t *testing.T) {
	for _, c := range Columns() {
		v := c.Get(&Row{})
		ok := false
		switch c.Type {
		case Bool:
			_, ok = v.(bool)
		case Int:
			_, ok = v.(int32)
		case Long:
			_, ok = v.(int64)
		case Real:
			_, ok = v.(float64)
		case String, Dynamic:
			_, ok = v.(string)
		case Datetime:
			_, ok = v.(time.Time)
		}
		if !ok {
			t.Errorf("%s is a %s but Get gives %T", c.Name, c.Type, v)
		}
	}
}
