package transcript

import (
	"fmt"
	"strings"
	"testing"

	"weir/internal/record"
)

func TestLastValue(t *testing.T) {
	isAny := func(string) bool { return true }
	for _, tt := range []struct{ tail, want string }{
		{``, ``}, {`"usage"`, ``}, {`"usage":`, ``}, {`"usage" : {"a":1}}`, `{"a":1}`}, {`x"usage":1,"usage":2}`, `2`},
		{`"usage":{"a":1}},{"usage":{"a":`, `{"a":1}`}, {`"usage":3,"text":"\"usage\":4"`, `3`}, {`"usage":` + strings.Repeat("[", 20_000), ``},
		{strings.Repeat(`"usage":{`, 100_000), ``},
	} {
		if got := lastValue(tt.tail, "usage", isAny); got != tt.want {
			t.Errorf("the last usage of %.60s is %q, want %q", tt.tail, got, tt.want)
		}
	}
}

// TestBlobs: what makes a body large does not make its row large again.
func TestBlobs(t *testing.T) {
	image := "data:image/png;base64," + strings.Repeat("iVBOR", 1<<18)
	text := strings.Repeat("a long story ", 1<<12)
	request := `{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"` + text + `"},{"type":"image_url","image_url":{"url":"` + image + `"}}]}],"x":"` + image + `"}`
	x := &record.Exchange{
		End:         &record.End{Outcome: record.Completed, BackendStatus: 200, Request: &record.Payload{Length: int64(len(request))}},
		RequestBody: []byte(request),
	}
	r := Read(x, Chat, words, nil)
	sound(t, r)
	short := fmt.Sprintf(`"[%d bytes]"`, len(image))
	if want := `{"model":"m","x":` + short + `}`; r.Parameters != want {
		t.Errorf("the parameters are %.200s", r.Parameters)
	}
	if !strings.Contains(r.RequestMessages, `{"url":`+short+`}`) || !strings.Contains(r.RequestMessages, text) || len(r.RequestMessages) > 2*len(text) {
		t.Errorf("the messages have %d bytes: %.200s", len(r.RequestMessages), r.RequestMessages)
	}
	x.End.Request = nil
	if r := Read(x, Chat, words, nil); !strings.Contains(r.RequestMessages, image) {
		t.Error("a body that is here has lost its image")
	}
}

// TestSizes: sizes are right of bodies that are elsewhere, and the loader's word
// counts.
func TestSizes(t *testing.T) {
	p := &record.Payload{Length: 5, SHA256: "aa"}
	for _, tt := range []struct {
		name string
		x    record.Exchange
		size int64
		want string
	}{
		{"here", record.Exchange{Begin: record.Begin{RequestSize: 3}}, 3, ""},
		{"spooled", record.Exchange{End: &record.End{Request: p}}, 5, `{"id":"00000000-0000-0000-0000-000000000000","side":"request","length":5,"sha256":"aa"}`},
		{"killed", record.Exchange{Begin: record.Begin{Spooled: true}, Request: p}, 5, `{"id":"00000000-0000-0000-0000-000000000000","side":"request","length":5,"sha256":"aa"}`},
		{"killed and lost", record.Exchange{Begin: record.Begin{Spooled: true}}, 0, `{"id":"00000000-0000-0000-0000-000000000000","side":"request","length":0,"sha256":""}`},
	} {
		r := Read(&tt.x, Chat, words, nil)
		if r.Begin.RequestSize != tt.size || r.RequestPayload != tt.want {
			t.Errorf("%s: %d bytes, %s", tt.name, r.Begin.RequestSize, r.RequestPayload)
		}
	}
}
