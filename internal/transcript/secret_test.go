package transcript

import (
	"fmt"
	"strings"
	"testing"

	"weir/internal/record"
)

// TestSecrets: a key that an answer makes is nowhere in a row, however the answer
// comes, and whatever is cut from it.
func TestSecrets(t *testing.T) {
	const key = "ek_68af296e8e408191a1120ab6383263c2"
	whole := `{"id":"sess_1","instructions":"this week_1","client_secret":{"value" : "` + key + `","expires_at":1},"tools":[]}`
	for name, body := range map[string][]byte{
		"plain": []byte(whole), "gzip": packed(t, gzipped, whole), "not UTF-8": []byte("\xff" + whole),
		"newer": []byte(`{"value":"` + key + `"}`), "another kind": []byte(`{"client_secret":{"value":"abc\"` + key + `"}}`),
	} {
		for cut := 1; cut <= len(body); cut++ {
			x := &record.Exchange{End: &record.End{Outcome: record.Interrupted, BackendStatus: 200}, ResponseBody: body[:cut]}
			if name == "gzip" {
				x.End.BackendResponseHeaders = []record.Header{{Name: "Content-Encoding", Value: "gzip"}}
			}
			r := Read(x, RealtimeSessions, words, nil)
			if all := fmt.Sprintf("%+v", *r); strings.Contains(all, key[:8]) || strings.Contains(all, "ZWtf") {
				t.Fatalf("%s cut at %d keeps the key: %s", name, cut, r.BackendResponseBody)
			}
			sound(t, r)
		}
	}
	r := Read(&record.Exchange{End: &record.End{Outcome: record.Completed, BackendStatus: 200}, ResponseBody: []byte(whole)}, RealtimeSessions, words, nil)
	if want := strings.Replace(whole, key, masked, 1); r.BackendResponseBody != want {
		t.Errorf("the body is %s, want %s", r.BackendResponseBody, want)
	}
}
