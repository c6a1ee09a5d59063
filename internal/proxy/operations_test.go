package proxy

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"weir/internal/catalog"
	"weir/internal/record"
)

// TestOperations: every operation, on each of its surfaces, passes the gateway
// and is on the record under its own ids.
func TestOperations(t *testing.T) {
	for _, op := range catalog.Operations() {
		for _, route := range op.Routes {
			bodies := []string{""}
			if op.Method != http.MethodGet {
				bodies[0] = `{"model":"gpt"}`
			}
			if op.Streams {
				bodies = append(bodies, `{"model":"gpt","stream":true}`)
			}
			for _, body := range bodies {
				checkOperation(t, op, route, body)
			}
		}
	}
}

func checkOperation(t *testing.T, op catalog.Operation, route catalog.Route, body string) {
	t.Helper()
	forwarded := 0
	g := newRig(t, backend{handler: func(w http.ResponseWriter, r *http.Request) {
		forwarded++
		if r.Method != op.Method {
			t.Errorf("%s: the backend got a %s", op.ID, r.Method)
		}
		sent, _ := io.ReadAll(r.Body)
		if strings.Contains(string(sent), `"stream":true`) {
			events(w, contentEvent, "data: "+op.Terminal+"\n\n")
			return
		}
		answerPlain(w, r)
	}})
	path := strings.NewReplacer("{deployment}", "gpt", "{model}", "gpt").Replace(route.Pattern)
	if route.Surface == catalog.Azure {
		path += "?api-version=2024-10-21"
	}
	req := g.request(path, body)
	req.Method = op.Method
	resp, err := g.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer := readAll(t, resp)
	e := g.log.wait(0, delivered)
	stream := strings.Contains(body, "stream")
	if resp.StatusCode != 200 || string(e.ResponseBody) != answer || e.End.Outcome != record.Completed || e.End.Streamed != stream {
		t.Errorf("%s %s %s: %d %s, %+v", op.Method, path, body, resp.StatusCode, answer, e.End)
	}
	if e.Begin.Operation != op.ID || e.Begin.SurfaceOperation != route.OperationID || e.Begin.Surface != route.Surface.String() || e.Begin.Subscription != "team" {
		t.Errorf("%s %s: %+v", op.Method, path, e.Begin)
	}
	if (forwarded == 0) != op.Own || forwarded > 1 {
		t.Errorf("%s %s: forwarded %d times", op.Method, path, forwarded)
	}
	g.proxy.Wait()
	if n := len(g.log.exchanges); n != 1 {
		t.Errorf("%s %s: %d records", op.Method, path, n)
	}
}
