package e2e

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"maps"
	"mime/multipart"
	"regexp"
	"slices"
	"strings"

	"weir/internal/catalog"
)

// opCall is a request of an operation. In its texts, $name is a fixture.
type opCall struct {
	op string
	// params are the path's parameters that are no fixtures of their own name, as
	// name=value.
	params string
	// version is the api-version on surfaces with a dated one; default the newest.
	version, query string
	// model is the deployment: in the path, the query, or the body, as the route
	// has it.
	model string
	// body is JSON; form is one of multipart/form-data.
	body string
	form []formPart
}

// formPart is a part of a form; a file when it has a file name.
type formPart struct{ name, value, file string }

// versionOn gives the api-version on a surface.
func (c *opCall) versionOn(s catalog.Surface) string {
	switch {
	case s == catalog.Azure && c.version == "":
		return "2025-04-01-preview"
	case s == catalog.Inference:
		return "2024-05-01-preview"
	case s == catalog.ARM:
		return "2024-10-01"
	case s == catalog.Azure:
		return c.version
	}
	return ""
}

// bag is the objects that the calls on one surface work with, made by one caller.
// Each is made when it is first named.
type bag struct {
	run     *catalogRun
	surface catalog.Surface
	home    string
	values  map[string]string
}

// without gives a bag in which the named objects are not made yet.
func (b *bag) without(names []string) *bag {
	fresh := *b
	fresh.values = maps.Clone(b.values)
	for _, name := range names {
		delete(fresh.values, name)
	}
	return &fresh
}

var placeholder = regexp.MustCompile(`\$[a-z_]+`)

// fill replaces the fixtures in a text.
func (b *bag) fill(text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(name string) string { return b.get(name[1:]) })
}

// param gives a parameter of a call's path.
func (b *bag) param(c *opCall, name string) string {
	for p := range strings.FieldsSeq(c.params) {
		if n, value, _ := strings.Cut(p, "="); n == name {
			return b.fill(value)
		}
	}
	return b.get(name)
}

// get gives a fixture, making it if need be.
func (b *bag) get(name string) string {
	b.run.t.Helper()
	if v, ok := b.values[name]; ok {
		return v
	}
	for i, f := range fixtures {
		for give := range strings.FieldsSeq(f.gives) {
			if n, _, _ := strings.Cut(give, "="); n == name {
				b.prepare(&fixtures[i])
				return b.values[name]
			}
		}
	}
	b.run.t.Fatalf("there is no fixture called %q", name)
	return ""
}

// prepare makes what a fixture gives.
func (b *bag) prepare(f *fixture) {
	b.run.t.Helper()
	var e *exchange
	for range 10 {
		e = b.call(&f.opCall, nil, catalog.Route{})
		if f.until == "" || digText(e.doc, "status") == f.until {
			break
		}
	}
	for give := range strings.FieldsSeq(f.gives) {
		name, path, _ := strings.Cut(give, "=")
		b.values[name] = digText(e.doc, path)
		if b.values[name] == "" {
			b.run.t.Errorf("the fixture %s on %s: no %s in the answer of %s %s: status %d, %v, %.600s", name, b.surface, path, e.method, e.url, e.status, e.err, e.body)
			b.values[name] = "none"
		}
	}
}

// call makes a call; without a route on that of its operation that the bag's
// surface has.
func (b *bag) call(c *opCall, op *catalog.Operation, route catalog.Route) *exchange {
	b.run.t.Helper()
	for i := range b.run.operations {
		if op == nil && b.run.operations[i].ID == c.op {
			op = &b.run.operations[i]
		}
	}
	if op == nil {
		b.run.t.Fatalf("a fixture names %q, which is no row of the catalog", c.op)
	}
	if route.Pattern == "" {
		i := slices.IndexFunc(op.Routes, func(r catalog.Route) bool { return r.Surface == b.surface })
		if i < 0 {
			b.run.t.Fatalf("a fixture names %q, which the surface %s does not have", c.op, b.surface)
		}
		route = op.Routes[i]
	}
	e := &exchange{name: c.op, method: op.Method, url: b.address(c, op, route), key: b.run.keys[b.home]}
	contentType := ""
	named := c.model != "" && !route.DeploymentInPath()
	switch {
	case len(c.form) > 0:
		e.sent, contentType = b.form(c, named)
	case c.body != "":
		body := b.fill(c.body)
		if named {
			body = `{"model":"` + c.model + `",` + body[1:]
		}
		e.sent, contentType = []byte(body), "application/json"
	}
	b.run.do(e, contentType)
	return e
}

func (b *bag) form(c *opCall, named bool) ([]byte, string) {
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	parts := c.form
	if named {
		parts = append([]formPart{{"model", c.model, ""}}, parts...)
	}
	for _, p := range parts {
		var to io.Writer
		var err error
		if p.file != "" {
			to, err = w.CreateFormFile(p.name, p.file)
		} else {
			to, err = w.CreateFormField(p.name)
		}
		if err != nil {
			b.run.t.Fatal(err)
		}
		io.WriteString(to, b.fill(p.value))
	}
	w.Close()
	return buf.Bytes(), w.FormDataContentType()
}

// fixture is an object that calls need, and the call that makes it.
type fixture struct {
	// gives names what is taken of the answer, as name=path.
	gives string
	opCall
	// until is the status for which the call is made again.
	until string
}

const (
	assistantBody = `{"model":"gpt-4o","name":"Ann","instructions":"Be brief about rivers."}`
	weatherTool   = `"tools":[{"type":"function","function":{"name":"get_weather","description":"The weather.","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}]`
	evalBody      = `{"name":"rain","data_source_config":{"type":"custom","item_schema":{"type":"object"}},"testing_criteria":[{"type":"string_check","name":"same"}],"metadata":{"k":"v"}}`
	evalRunBody   = `{"name":"one","data_source":{"type":"completions","model":"gpt-4o","source":{"type":"file_content","content":[{"item":{"q":"a"}},{"item":{"q":"b"}}]}}}`
	jobBody       = `{"model":"gpt-4o","training_file":"$training_file","suffix":"rivers","seed":7}`
	batchBody     = `{"input_file_id":"$batch_file","endpoint":"/v1/chat/completions","completion_window":"24h","metadata":{"k":"v"}}`
	scaleBody     = `{"model":"gpt-4o","scale_settings":{"scale_type":"standard"}}`
	armBody       = `{"sku":{"name":"Standard","capacity":10},"properties":{"model":{"format":"OpenAI","name":"gpt-4o","version":"2024-08-06"}}}`
	armParams     = "subscription=s-1 group=g account=east name=made-by-arm"
	uploadBody    = `{"purpose":"assistants","filename":"joined.txt","bytes":8,"mime_type":"text/plain"}`

	// early is the newest api-version with deployments on the classic surface,
	// asyncImages the one with asynchronous pictures.
	early       = "2023-03-15-preview"
	asyncImages = "2023-06-01-preview"
	// dataSources is the newest api-version of the extension's chat.
	dataSources = "2023-12-01-preview"
)

func fileForm(purpose, name, content string) []formPart {
	return []formPart{{"purpose", purpose, ""}, {"file", content, name}}
}

var fixtures = []fixture{
	{gives: "file=id", opCall: opCall{op: "files_upload", form: fileForm("assistants", "lighthouse.txt", "The lighthouse keeper counts lanterns by the sea.")}},
	{gives: "other_file=id", opCall: opCall{op: "files_upload", form: fileForm("assistants", "orchard.txt", "In the orchard the bees count apples.")}},
	{gives: "deleted_file=id", opCall: opCall{op: "files_upload", form: fileForm("assistants", "soon.txt", "Soon gone.")}},
	{gives: "training_file=id", opCall: opCall{op: "files_upload", form: fileForm("fine-tune", "train.jsonl", `{"messages":[{"role":"user","content":"Hello"},{"role":"assistant","content":"Hi"}]}`)}},
	{gives: "batch_file=id", opCall: opCall{op: "files_upload", form: fileForm("batch", "lines.jsonl",
		`{"custom_id":"one","method":"POST","url":"/v1/chat/completions","body":{"model":"gpt-4o","messages":[{"role":"user","content":"Tell me of rivers."}]}}`)}},
	{gives: "upload=id", opCall: opCall{op: "uploadfile_start", body: uploadBody}},
	{gives: "part=id", opCall: opCall{op: "uploadfile_part", form: []formPart{{"data", "8 bytes.", "part"}}}},

	{gives: "fine_tuning_job=id", opCall: opCall{op: "finetuning_create", body: jobBody}},
	{gives: "paused_job=id", opCall: opCall{op: "pause_fine_tuning_job"}},
	{gives: "succeeded_job=id tuned=fine_tuned_model", opCall: opCall{op: "finetuning_get"}, until: "succeeded"},
	{gives: "checkpoint=data.0.id", opCall: opCall{op: "finetuning_getcheckpoints", params: "fine_tuning_job=$succeeded_job"}},
	{gives: "copied=status", opCall: opCall{op: "finetuning_copycheckpoint", params: "fine_tuning_job=$succeeded_job", body: `{"destinationResourceId":"there","region":"westus"}`}},
	{gives: "permission=data.0.id", opCall: opCall{op: "create_fine_tuning_checkpoint_permission", params: "model=$tuned", body: `{"project_ids":["proj_1"]}`}},
	{gives: "batch=id", opCall: opCall{op: "batch_create", body: batchBody}},

	{gives: "assistant=id", opCall: opCall{op: "create_assistant", body: assistantBody}},
	{gives: "tooled_assistant=id", opCall: opCall{op: "create_assistant", body: `{"model":"gpt-4o",` + weatherTool + `}`}},
	{gives: "thread=id", opCall: opCall{op: "create_thread", body: `{"messages":[{"role":"user","content":"Tell me of rivers."}]}`}},
	{gives: "idle_thread=id", opCall: opCall{op: "create_thread", body: `{"messages":[{"role":"user","content":"Tell me of hills."}]}`}},
	{gives: "message=id", opCall: opCall{op: "create_message", body: `{"role":"user","content":"And of mills."}`}},
	{gives: "run=id", opCall: opCall{op: "create_run", body: `{"assistant_id":"$assistant","stream":true}`}},
	{gives: "queued_run=id", opCall: opCall{op: "create_run", params: "thread=$idle_thread", body: `{"assistant_id":"$assistant"}`}},
	{gives: "waiting_run=id tool_call=required_action.submit_tool_outputs.tool_calls.0.id", opCall: opCall{op: "create_run", params: "thread=$idle_thread", body: `{"assistant_id":"$tooled_assistant","stream":true}`}},
	{gives: "step=data.0.id", opCall: opCall{op: "list_run_steps", params: "run=$run"}},

	{gives: "vector_store=id", opCall: opCall{op: "create_vector_store", body: `{"name":"shelf"}`}},
	{gives: "member=id", opCall: opCall{op: "create_vector_store_file", body: `{"file_id":"$file","attributes":{"year":2026}}`}},
	{gives: "file_batch=id", opCall: opCall{op: "create_vector_store_file_batch", body: `{"file_ids":["$other_file"]}`}},

	{gives: "response=id said_item=output.0.id", opCall: opCall{op: "create_response", model: "gpt-4o", body: `{"input":"Tell me of rivers."}`}},
	{gives: "background_response=id", opCall: opCall{op: "create_response", model: "gpt-4o", body: `{"input":"Slowly.","background":true}`}},
	{gives: "conversation=id", opCall: opCall{op: "create_conversation", body: `{"items":[{"role":"user","content":"Remember the harbour."}]}`}},
	{gives: "item=data.0.id", opCall: opCall{op: "create_conversation_items", body: `{"items":[{"role":"user","content":"And the mill."}]}`}},
	{gives: "completion=id", opCall: opCall{op: "chatcompletions_create", model: "gpt-4o", body: `{"store":true,"messages":[{"role":"user","content":"Keep this."}]}`}},

	{gives: "container=id", opCall: opCall{op: "create_container", body: `{"name":"box"}`}},
	{gives: "container_file=id", opCall: opCall{op: "create_container_file", form: []formPart{{"file", "some notes", "notes.txt"}}}},
	{gives: "eval=id", opCall: opCall{op: "create_eval", body: evalBody}},
	{gives: "queued_eval_run=id", opCall: opCall{op: "create_eval_run", body: evalRunBody}},
	{gives: "eval_run=id", opCall: opCall{op: "get_eval_run", params: "eval_run=$queued_eval_run"}, until: "completed"},
	{gives: "output_item=data.0.id", opCall: opCall{op: "get_eval_run_output_items"}},

	{gives: "image_operation=id", opCall: opCall{op: "imagegenerations_submit", version: asyncImages, body: `{"prompt":"A red fox"}`}},
	{gives: "named_deployment=id", opCall: opCall{op: "deployments_create", version: early, body: scaleBody}},
	{gives: "name=name", opCall: opCall{op: "arm_deployments_createorupdate", params: armParams, body: armBody}},
}

// silence is a WAV file of two seconds.
func silence() string {
	const rate = 16000
	b := append([]byte("RIFF\x00\x00\x00\x00WAVEfmt "), make([]byte, 28+2*rate*2)...)
	put := binary.LittleEndian
	put.PutUint32(b[4:], uint32(len(b)-8))
	put.PutUint32(b[16:], 16)
	put.PutUint16(b[20:], 1)
	put.PutUint16(b[22:], 1)
	put.PutUint32(b[24:], rate)
	put.PutUint32(b[28:], 2*rate)
	put.PutUint16(b[32:], 2)
	put.PutUint16(b[34:], 16)
	copy(b[36:], "data")
	put.PutUint32(b[40:], uint32(len(b)-44))
	return string(b)
}

// sameJSON says whether two values are the same JSON.
func sameJSON(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
