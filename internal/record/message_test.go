package record

import (
	"bytes"
	"reflect"
	"testing"
	"time"
)

var messages = []Message{
	{Data: []byte{}},
	{At: time.Microsecond, FromClient: true, Data: []byte(`{"type":"session.update"}`)},
	{At: 36 * time.Hour, Binary: true, More: true, Data: bytes.Repeat([]byte{0xff}, 300)},
	{At: 36 * time.Hour, Binary: true, Data: []byte{0}},
	{At: time.Second, FromClient: true, Close: true, Data: []byte{3, 0xe8, 'b', 'y', 'e'}},
}

func TestMessages(t *testing.T) {
	var content []byte
	for i := range messages {
		content = messages[i].Append(content)
	}
	rest := content
	for i, want := range messages {
		var m Message
		var ok bool
		if m, rest, ok = ParseMessage(rest); !ok || !reflect.DeepEqual(m, want) {
			t.Fatalf("message %d: %v, %+v, want %+v", i, ok, m, want)
		}
	}
	if m, _, ok := ParseMessage(rest); ok || len(rest) != 0 || len(m.Data) != 0 {
		t.Errorf("%+v and %d bytes behind the last", m, len(rest))
	}
	// An exchange whose gateway was killed may end inside a message.
	for n := range content {
		rest, size := content[:n], 0
		for {
			m, r, ok := ParseMessage(rest)
			size += len(m.Data)
			if !ok {
				break
			}
			rest = r
		}
		if size > n {
			t.Fatalf("%d bytes of data in %d", size, n)
		}
	}
	m, _, ok := ParseMessage(messages[1].Append(nil)[:10])
	if ok || string(m.Data) != `{"type"` || !m.FromClient {
		t.Errorf("%v, %+v of a message that was cut", ok, m)
	}
}

// TestMessageBeforeItsExchange: a clock that went back costs the time only.
func TestMessageBeforeItsExchange(t *testing.T) {
	m, _, ok := ParseMessage((&Message{At: -time.Second, Data: []byte("x")}).Append(nil))
	if !ok || m.At != 0 || string(m.Data) != "x" {
		t.Errorf("%v, %+v", ok, m)
	}
}

// FuzzParseMessage: whatever the bytes are, they are read to their end without
// more data than they have, and what was read is read again the same.
func FuzzParseMessage(f *testing.F) {
	var all []byte
	for i := range messages {
		f.Add(messages[i].Append(nil))
		all = messages[i].Append(all)
	}
	f.Add(all)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0x0f, 0xff, 0xff, 0x03})
	f.Fuzz(func(t *testing.T, content []byte) {
		for rest := content; ; {
			m, behind, ok := ParseMessage(rest)
			if len(m.Data)+len(behind) > len(rest) {
				t.Fatalf("%d and %d bytes of %d", len(m.Data), len(behind), len(rest))
			}
			if !ok {
				return
			}
			if len(behind) >= len(rest) {
				t.Fatal("a message of no bytes")
			}
			rest = behind
			again, none, ok := ParseMessage(m.Append(nil))
			if !ok || len(none) > 0 || !reflect.DeepEqual(m, again) {
				t.Fatalf("%+v was read again as %+v", m, again)
			}
		}
	})
}
