package proxy

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"weir/internal/catalog"
	"weir/internal/record"
	"weir/internal/upstream"
)

const formBody = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nabc\r\n--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\ngpt\r\n--b--\r\n"

// TestOperations: every operation, on each of its surfaces, passes the gateway
// and is on the record under its own ids. What the simulator makes of each, and
// the record of it, is TestCatalog of package e2e.
func TestOperations(t *testing.T) {
	for _, op := range catalog.Operations() {
		if op.Socket {
			continue // TestSocket…
		}
		for _, route := range op.Routes {
			body, kind := "", ""
			switch op.Body {
			case catalog.JSON, catalog.FormOrJSON:
				body, kind = `{"model":"gpt"}`, "application/json"
			case catalog.Multipart:
				body, kind = formBody, "multipart/form-data; boundary=b"
			}
			checkOperation(t, op, route, body, kind)
			if op.Streams && kind == "application/json" {
				checkOperation(t, op, route, `{"model":"gpt","stream":true}`, kind)
			}
		}
	}
}

// ending is an event that ends a stream of op's.
func ending(op catalog.Operation) string {
	if len(op.Terminal) == 0 {
		return ""
	}
	if t := op.Terminal[0]; t[0] != '[' {
		return "event: " + t + "\ndata: {\"type\":\"" + t + "\"}\n\n"
	}
	return "data: [DONE]\n\n"
}

var param = regexp.MustCompile(`\{[a-z_]+\}`)

func checkOperation(t *testing.T, op catalog.Operation, route catalog.Route, body, contentType string) {
	t.Helper()
	forwarded := 0
	kind := ""
	if route.Surface == catalog.ARM {
		kind = upstream.KindManagement
	}
	g := newRig(t, backend{kind: kind, handler: func(w http.ResponseWriter, r *http.Request) {
		forwarded++
		if r.Method != op.Method {
			t.Errorf("%s: the backend got a %s", op.ID, r.Method)
		}
		sent, _ := io.ReadAll(r.Body)
		if strings.Contains(string(sent), `"stream":true`) {
			events(w, contentEvent, ending(op))
			return
		}
		if string(sent) != body && route.Surface != catalog.AzureV1 && route.Surface != catalog.OpenAI {
			t.Errorf("%s: the backend got %q", op.ID, sent)
		}
		answerPlain(w, r)
	}})
	path := param.ReplaceAllString(strings.NewReplacer("{deployment}", "gpt", "{model}", "gpt").Replace(route.Pattern), "x1")
	switch {
	case route.Surface.Dated():
		path += "?api-version=2024-10-21"
	}
	req := g.request(path, body)
	req.Method = op.Method
	req.Header.Set("Content-Type", contentType)
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
	if string(e.RequestBody) != body {
		t.Errorf("%s %s: body %q on the record", op.Method, path, e.RequestBody)
	}
	if (forwarded == 0) != op.Own || forwarded > 1 {
		t.Errorf("%s %s: forwarded %d times", op.Method, path, forwarded)
	}
	g.proxy.Wait()
	if n := len(g.log.exchanges); n != 1 {
		t.Errorf("%s %s: %d records", op.Method, path, n)
	}
}
