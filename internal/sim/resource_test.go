package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// scene is a conversation with a simulator on one surface.
type scene struct {
	t       *testing.T
	sim     *Simulator
	url     string
	on      surface
	vars    map[string]string
	script  strings.Builder // what was said, for the golden file
	aliases map[string]string
	count   map[string]int
}

func newScene(t *testing.T, on surface) *scene {
	o := testOptions()
	if on == native {
		o.Kind = KindOpenAI
	}
	s, url := start(t, o)
	return &scene{t: t, sim: s, url: url, on: on, vars: map[string]string{}, aliases: map[string]string{}, count: map[string]int{}}
}

var surfaceNames = map[surface]string{classic: "classic", v1: "v1", native: "native"}

// fill puts variables in place of $name.
func (sc *scene) fill(text string) string {
	return regexp.MustCompile(`\$[a-z_0-9]+`).ReplaceAllStringFunc(text, func(name string) string {
		v, ok := sc.vars[name[1:]]
		if !ok {
			sc.t.Fatalf("nothing is saved as %s, for %s", name, text)
		}
		return v
	})
}

// do makes a call, "POST /path", and saves members of its answer: pairs of a
// variable and a path such as data.0.id. A body that starts with @ is a form:
// @field=text;file:name=content.
func (sc *scene) do(want int, what, body string, save ...string) string {
	sc.t.Helper()
	method, path, _ := strings.Cut(sc.fill(what), " ")
	prefix, version := "/openai", "2025-04-01-preview"
	if v, rest, ok := strings.Cut(path, "!"); ok {
		version, path = v, rest
	}
	switch {
	case strings.HasPrefix(path, armPrefix):
		prefix = ""
	case sc.on == v1:
		prefix = "/openai/v1"
	case sc.on == native:
		prefix = "/v1"
	}
	if sc.on == classic {
		joint := "?"
		if strings.Contains(path, "?") {
			joint = "&"
		}
		path += joint + "api-version=" + version
	}
	body = sc.fill(body)
	header := []string{"Content-Type", "application/json"}
	sent := body
	if form, ok := strings.CutPrefix(body, "@"); ok {
		var kind string
		sent, kind = formBody(sc.t, form)
		header[1] = kind
	}
	resp, err := send(sc.t, method, sc.url+prefix+path, sent, header...)
	if err != nil {
		sc.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		sc.t.Fatal(err)
	}
	fmt.Fprintf(&sc.script, "== %s %s\n", method, sc.plain(prefix+path))
	if body != "" {
		fmt.Fprintf(&sc.script, "%s\n", sc.plain(strings.ReplaceAll(body, "\n", "\\n")))
	}
	location := ""
	if l := resp.Header.Get("Location"); l != "" {
		location = " " + strings.TrimPrefix(l, sc.url)
	}
	fmt.Fprintf(&sc.script, "-- %d%s\n%s\n", resp.StatusCode, sc.plain(location), sc.plain(strings.TrimSpace(string(data))))
	if resp.StatusCode != want {
		sc.t.Fatalf("%s %s: status %d, want %d: %s", method, path, resp.StatusCode, want, data)
	}
	for i := 0; i < len(save); i += 2 {
		sc.vars[save[i]] = lookup(sc.t, data, save[i+1])
	}
	return string(data)
}

// formBody is a multipart body and its content type.
func formBody(t *testing.T, spec string) (body, kind string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for part := range strings.SplitSeq(spec, ";") {
		name, value, _ := strings.Cut(part, "=")
		var to io.Writer
		var err error
		if field, file, ok := strings.Cut(name, ":"); ok {
			to, err = w.CreateFormFile(field, file)
		} else {
			to, err = w.CreateFormField(name)
		}
		if err == nil {
			_, err = io.WriteString(to, value)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String(), w.FormDataContentType()
}

// lookup is the value at a path in JSON.
func lookup(t *testing.T, data []byte, path string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	for name := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[name]
		case []any:
			var i int
			if _, err := fmt.Sscan(name, &i); err != nil || i >= len(x) {
				t.Fatalf("no %s in %s", path, data)
			}
			v = x[i]
		default:
			t.Fatalf("no %s in %s", path, data)
		}
	}
	return fmt.Sprint(v)
}

// expect says that a call's answer has a value at a path.
func (sc *scene) expect(want, path, answer string) {
	sc.t.Helper()
	if got := lookup(sc.t, []byte(answer), path); got != want {
		sc.t.Fatalf("%s is %q, want %q, in %s", path, got, want, answer)
	}
}

var (
	chanceID   = regexp.MustCompile(`\b(file-|assistant-|asst_|thread_|msg_|run_|step_|vs_|vsfb_|resp_|conv_|cntr_|cfile_|upload_|part_|ftjob-|ftevent-|ftckpt_|cp_|batch_req_|batch_|evalrun_|eval_|outputitem_|rs_|fc_|fco_|fs_|cmp_|call_|chatcmpl-|deployment-|req_)([A-Za-z0-9]{20,})`)
	chanceTime = regexp.MustCompile(`\b[12][0-9]{9}\b`)
	chanceTail = regexp.MustCompile(`(:simulator:[a-z]*:|\.ft-)[a-z0-9]{8}`)
	chanceUUID = regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`)
)

// plain puts names in the place of what chance decides.
func (sc *scene) plain(text string) string {
	text = chanceID.ReplaceAllStringFunc(text, func(id string) string {
		prefix := chanceID.FindStringSubmatch(id)[1]
		if sc.aliases[id] == "" {
			sc.count[prefix]++
			sc.aliases[id] = fmt.Sprintf("%s%d", prefix, sc.count[prefix])
		}
		return sc.aliases[id]
	})
	text = chanceTail.ReplaceAllString(text, "${1}TAIL")
	text = chanceUUID.ReplaceAllString(text, "UUID")
	return chanceTime.ReplaceAllString(text, "TIME")
}

// golden compares what was said with testdata.
func (sc *scene) golden(name string) {
	sc.t.Helper()
	file := filepath.Join("testdata", "resources", name+"_"+surfaceNames[sc.on]+".golden")
	got := sc.script.String()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			sc.t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			sc.t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		sc.t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		sc.t.Errorf("%s: %s", file, diff)
	}
}

// TestEveryRoute goes through a scene of each family on each surface. A row of
// the table that no scene calls with success is an error, and so is an operation
// that is counted under another name than the row's.
func TestEveryRoute(t *testing.T) {
	for on, name := range surfaceNames {
		t.Run(name, func(t *testing.T) {
			called := map[string]bool{}
			table := http.NewServeMux()
			ids := map[string]string{}
			for _, r := range routes() {
				op := r.operation()
				path := map[surface]string{classic: op.classic, v1: op.v1, native: op.native}[on]
				if path != "" {
					ids[r.method+" "+path] = op.id()
					table.HandleFunc(r.method+" "+path, func(http.ResponseWriter, *http.Request) {})
				}
			}
			for family, play := range scenes {
				sc := newScene(t, on)
				play(sc)
				if sc.script.Len() > 0 {
					sc.golden(family)
				}
				for _, c := range sc.sim.Calls(0) {
					if c.Status >= 300 {
						continue
					}
					r, err := http.NewRequest(c.Method, c.Path, nil)
					if err != nil {
						t.Fatal(err)
					}
					_, pattern := table.Handler(r)
					called[pattern] = true
					if id, ok := ids[pattern]; ok && id != c.Operation {
						t.Errorf("%s is counted as %s, want %s", pattern, c.Operation, id)
					}
				}
			}
			for pattern := range ids {
				if !called[pattern] {
					t.Errorf("no scene calls %s", pattern)
				}
			}
		})
	}
}
