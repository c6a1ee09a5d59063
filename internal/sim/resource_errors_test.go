package sim

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// foreign are calls with ids of another simulator, as a gateway makes them that
// sends a call to the wrong backend. $name is an id from there.
var foreign = []struct {
	on         surfaces
	what, body string
	status     int
	said       string
}{
	{onAll, "GET /files/$file", "", 404, "file-"},
	{onAll, "GET /files/$file/content", "", 404, "file-"},
	{onAll, "DELETE /files/$file", "", 404, "file-"},
	{onAll, "GET /files?after=$file", "", 400, "'after'"},
	{onAll, "POST /uploads/$upload/complete", `{"part_ids":[]}`, 404, "upload_"},
	{onAll, "POST /uploads/$upload/parts", "@data:a=b", 404, "upload_"},
	{onAll, "POST /fine_tuning/jobs", `{"model":"gpt-4o","training_file":"$file"}`, 400, "invalid training_file: file-"},
	{onAll, "GET /fine_tuning/jobs/$job", "", 404, "fine tune: ftjob-"},
	{onAll, "GET /fine_tuning/jobs/$job/events", "", 404, "ftjob-"},
	{onAll, "POST /batches", `{"input_file_id":"$file","endpoint":"/v1/chat/completions","completion_window":"24h"}`, 400, "input_file_id"},
	{onAll, "GET /batches/$batch", "", 404, "No batch found"},
	{onAll, "POST /vector_stores", `{"file_ids":["$file"]}`, 404, "file-"},
	{onAll, "GET /vector_stores/$store", "", 404, "No vector store found with id 'vs_"},
	{onAll, "POST /vector_stores/$store/search", `{"query":"x"}`, 404, "vs_"},
	{onAll, "POST /responses", `{"model":"gpt-4o","input":"x","previous_response_id":"$response"}`, 400, "Previous response with id 'resp_"},
	{onAll, "POST /responses", `{"model":"gpt-4o","input":"x","tools":[{"type":"file_search","vector_store_ids":["$store"]}]}`, 404, "vs_"},
	{onAll, "POST /responses", `{"model":"gpt-4o","input":[{"type":"item_reference","id":"$item"}]}`, 404, "Item with id 'msg_"},
	{onAll, "POST /responses", `{"model":"gpt-4o","input":[{"role":"user","content":[{"type":"input_file","file_id":"$file"}]}]}`, 404, "file-"},
	{onAll, "GET /responses/$response", "", 404, "Response with id 'resp_"},
	{onAll, "GET /responses/$response/input_items", "", 404, "resp_"},
	{onAll, "GET /chat/completions/$kept", "", 404, "chatcmpl-"},
	{onAll, "GET /evals/$eval", "", 404, "eval_"},
	{onAll, "POST /evals/$eval/runs", `{"data_source":{}}`, 404, "eval_"},
	{onNew, "POST /responses", `{"model":"gpt-4o","input":"x","conversation":"$talk"}`, 404, "Conversation with id 'conv_"},
	{onNew, "POST /responses", `{"model":"gpt-4o","input":"x","conversation":{"id":"$talk"}}`, 404, "conv_"},
	{onNew, "POST /responses", `{"model":"gpt-4o","input":"x","tools":[{"type":"code_interpreter","container":"$box"}]}`, 404, "Container with id 'cntr_"},
	{onNew, "GET /conversations/$talk/items", "", 404, "conv_"},
	{onNew, "GET /containers/$box", "", 404, "cntr_"},
	{onNew, "POST /containers", `{"name":"x","file_ids":["$file"]}`, 404, "file-"},
	{onClassic | onNative, "GET /assistants/$assistant", "", 404, "No assistant found with id 'asst_"},
	{onClassic | onNative, "POST /assistants", `{"model":"gpt-4o","tool_resources":{"file_search":{"vector_store_ids":["$store"]}}}`, 404, "vs_"},
	{onClassic | onNative, "POST /assistants", `{"model":"gpt-4o","tool_resources":{"code_interpreter":{"file_ids":["$file"]}}}`, 404, "file-"},
	{onClassic | onNative, "GET /threads/$thread", "", 404, "No thread found with id 'thread_"},
	{onClassic | onNative, "POST /threads/$thread/messages", `{"role":"user","content":"x"}`, 404, "thread_"},
	{onClassic | onNative, "POST /threads", `{"messages":[{"role":"user","content":"x","attachments":[{"file_id":"$file"}]}]}`, 404, "file-"},
	{onClassic | onNative, "POST /threads/runs", `{"assistant_id":"$assistant"}`, 404, "asst_"},
	{onClassic | onNative, "POST /threads/$thread/runs", `{"assistant_id":"$assistant"}`, 404, "asst_"},
	{onClassic | onNative, "GET /threads/$thread/runs/$run", "", 404, "thread_"},
}

// TestForeignIDs: what one simulator made no other knows, in a path or in a body.
func TestForeignIDs(t *testing.T) {
	for on, name := range surfaceNames {
		t.Run(name, func(t *testing.T) {
			here, there := newScene(t, on), newScene(t, on)
			furnish(there)
			here.vars = there.vars
			for _, f := range foreign {
				if !f.on.has(on) {
					continue
				}
				got := here.do(f.status, f.what, f.body)
				if !strings.Contains(got, f.said) || !strings.Contains(got, `{"error":{`) {
					t.Errorf("%s %s: no %q in %s", f.what, f.body, f.said, got)
				}
				if on == v1 && !strings.Contains(got, `"type":"`) {
					t.Errorf("%s: not the shape of v1: %s", f.what, got)
				}
			}
		})
	}
}

// furnish makes one object of each kind.
func furnish(sc *scene) {
	sc.upload("file", "fine-tune", trainingLine)
	sc.do(200, "POST /uploads", `{"bytes":8,"filename":"f","mime_type":"text/plain","purpose":"assistants"}`, "upload", "id")
	created := 200
	if sc.on == classic {
		created = 201
	}
	sc.do(created, "POST /fine_tuning/jobs", `{"model":"gpt-4o","training_file":"$file"}`, "job", "id")
	sc.do(200, "POST /batches", `{"input_file_id":"$file","endpoint":"/v1/chat/completions","completion_window":"24h"}`, "batch", "id")
	sc.do(200, "POST /vector_stores", `{}`, "store", "id")
	sc.do(200, "POST /responses", `{"model":"gpt-4o","input":"x"}`, "response", "id", "item", "output.0.id")
	sc.vars["kept"] = randomID("chatcmpl-", 29)
	evals := 200
	if sc.on == native {
		evals = 201
	}
	sc.do(evals, "POST /evals", `{"data_source_config":{},"testing_criteria":[]}`, "eval", "id")
	if sc.on != classic {
		sc.do(200, "POST /conversations", `{}`, "talk", "id")
		sc.do(200, "POST /containers", `{"name":"c"}`, "box", "id")
	}
	if sc.on != v1 {
		sc.do(200, "POST /assistants", `{"model":"gpt-4o"}`, "assistant", "id")
		sc.do(200, "POST /threads/runs", `{"assistant_id":"$assistant","thread":{"messages":[{"role":"user","content":"x"}]}}`, "run", "id", "thread", "thread_id")
	}
}

// badBodies are calls that are refused for what they say.
var badBodies = []struct {
	what, body string
	said       string
}{
	{"POST /responses", `{"input":"x"}`, "model"},
	{"POST /responses", `{"model":"gpt-4o"}`, "input"},
	{"POST /responses", `{"model":"gpt-4o","input":5}`, "input"},
	{"POST /responses", `{"model":"gpt-4o","input":[{"role":"robot","content":"x"}]}`, "role"},
	{"POST /responses", `{"model":"gpt-4o","input":[{"content":"x"}]}`, "type"},
	{"POST /responses", `{"model":"gpt-4o","input":"x","messages":[]}`, "messages"},
	{"POST /responses", `{"model":"gpt-4o","input":"x","stream":true,"stream_options":{"include_usage":true}}`, "include_usage"},
	{"POST /responses", `{"model":"gpt-4o","input":"x","background":true,"store":false}`, "store"},
	{"POST /responses", `{"model":"gpt-4o","input":"trigger an invalid prompt"}`, "repetitive"},
	{"POST /responses", `{"model":"gpt-4o","input":"x","metadata":{"sim":"bytes=99999999"}}`, "16 MiB"},
	{"POST /responses", `{"model":"gpt-4o","input":"x","tools":[{"type":"function"}]}`, "name"},
	{"POST /responses", `{"model":"text-embedding-3-small","input":"x"}`, "model"},
	{"POST /responses", `{`, "JSON"},
	{"POST /batches", `{"endpoint":"/v1/chat/completions","completion_window":"24h"}`, "input_file_id"},
	{"POST /batches", `{"input_file_id":"$file","endpoint":"/v1/images","completion_window":"24h"}`, "endpoint"},
	{"POST /fine_tuning/jobs", `{"model":"gpt-4o"}`, "training_file"},
	{"POST /vector_stores", `{"nonsense":1}`, "nonsense"},
	{"POST /vector_stores/$store", `{"nonsense":1}`, "nonsense"},
	{"POST /vector_stores/$store/search", `{}`, "query"},
	{"POST /vector_stores/$store/search", `{"query":"x","filters":{"type":"like"}}`, "filters.type"},
	{"POST /vector_stores/$store/search", `{"query":"x","filters":{"type":"eq","key":"a"}}`, "filters.value"},
	{"POST /vector_stores/$store/file_batches", `{}`, "file_ids"},
	{"POST /uploads", `{"filename":"f","mime_type":"text/plain","purpose":"assistants"}`, "bytes"},
	{"POST /uploads/$upload/complete", `{}`, "part_ids"},
	{"POST /uploads/$upload/complete", `{"part_ids":[]}`, "bytes"},
	{"GET /files?limit=0", "", "limit"},
	{"GET /files?order=up", "", "order"},
	{"GET /responses/$response?stream=true&starting_after=x", "", "starting_after"},
	{"POST /responses/$response/cancel", "", "synchronous"},
}

func TestRefusedBodies(t *testing.T) {
	for on, name := range surfaceNames {
		t.Run(name, func(t *testing.T) {
			sc := newScene(t, on)
			furnish(sc)
			for _, b := range badBodies {
				status := 400
				if strings.Contains(b.body, "embedding") && on == native {
					status = 404
				}
				if got := sc.do(status, b.what, b.body); !strings.Contains(got, b.said) {
					t.Errorf("%s %s: no %q in %s", b.what, b.body, b.said, got)
				}
			}
		})
	}
}

// TestHostileFileForms: a form that is wrong is refused by 400 and a word on what is
// wrong, and leaves nothing behind.
func TestHostileFileForms(t *testing.T) {
	whole, kind := formBody(t, "purpose=batch;file:a.jsonl=0123456789")
	_, boundary, _ := strings.Cut(kind, "boundary=")
	forms := []struct{ name, kind, body, said string }{
		{"no type", "", whole, "multipart/form-data"},
		{"JSON", "application/json", `{"purpose":"batch"}`, "multipart/form-data"},
		{"no boundary", "multipart/form-data", whole, "boundary"},
		{"another boundary", "multipart/form-data; boundary=other", whole, "breaks off"},
		{"empty", kind, "", "breaks off"},
		{"truncated in the file", kind, whole[:strings.Index(whole, "56789")], "breaks off"},
		{"truncated in a header", kind, whole[:strings.Index(whole, "filename")], "breaks off"},
		{"no last boundary", kind, strings.TrimSuffix(whole, "--\r\n"), "breaks off"},
		{"part without a name", kind, "--" + boundary + "\r\nContent-Disposition: form-data\r\n\r\nx\r\n--" + boundary + "--\r\n", "no name"},
		{"file without a file name", kind, "--" + boundary + "\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx\r\n--" + boundary + "--\r\n", "file name"},
	}
	for _, spec := range []struct{ name, form, said string }{
		{"no file", "purpose=batch", "file"},
		{"no purpose", "file:a=b", "purpose"},
		{"unknown purpose", "purpose=fun;file:a=b", "purpose"},
		{"unknown field", "purpose=batch;file:a=b;colour=red", "colour"},
		{"two files", "purpose=batch;file:a=b;file:c=d", "more than one"},
		{"bad control", "purpose=batch;file:a=b;sim=fly", "SimulatorControl"},
	} {
		body, kind := formBody(t, spec.form)
		forms = append(forms, struct{ name, kind, body, said string }{spec.name, kind, body, spec.said})
	}
	var many strings.Builder
	for range maxFormParts + 1 {
		fmt.Fprintf(&many, "--%s\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n", boundary)
	}
	forms = append(forms, struct{ name, kind, body, said string }{"too many parts", kind, many.String(), "too many parts"})
	s, url := start(t, testOptions())
	for _, f := range forms {
		for _, path := range []string{"/openai/files?api-version=2024-10-21", "/openai/v1/files"} {
			resp, got := post(t, url+path, f.body, "Content-Type", f.kind)
			if resp.StatusCode != 400 || !strings.Contains(got, f.said) {
				t.Errorf("%s: %d %s", f.name, resp.StatusCode, got)
			}
		}
	}
	if n := s.store.space.used.Load(); n != 0 || len(s.Files()) != 0 {
		t.Errorf("%d bytes are still held, %v", n, s.Files())
	}
	if c := s.Counts(); len(c) != 1 || c[0].Operation != "files_upload" || c[0].Refused != int64(2*len(forms)) {
		t.Errorf("counted as %+v", c)
	}
}

// TestLargeFile: what does not fit is digested as it comes, and not held.
func TestLargeFile(t *testing.T) {
	o := testOptions()
	o.StoreBytes = 1 << 20
	s, url := start(t, o)
	const size = 24 << 20
	block := bytes.Repeat([]byte("0123456789abcdef"), 4096)
	sum := sha256.New()
	reader, writer := io.Pipe()
	form := multipart.NewWriter(writer)
	go func() {
		err := form.WriteField("purpose", "batch")
		part, partErr := form.CreateFormFile("file", "large.jsonl")
		if err == nil {
			err = partErr
		}
		for n := 0; err == nil && n < size; n += len(block) {
			sum.Write(block)
			_, err = part.Write(block)
		}
		if err == nil {
			err = form.Close()
		}
		writer.CloseWithError(err)
	}()
	r, err := http.NewRequestWithContext(t.Context(), "POST", url+"/openai/v1/files", reader)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", form.FormDataContentType())
	r.Header.Set("Api-Key", testKey)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%d %v %s", resp.StatusCode, err, data)
	}
	id := lookup(t, data, "id")
	want := []File{{ID: id, Kind: "file", Filename: "large.jsonl", Purpose: "batch", Bytes: size, SHA256: hex.EncodeToString(sum.Sum(nil))}}
	if diff := cmp.Diff(want, s.Files()); diff != "" {
		t.Error(diff)
	}
	if n := s.store.space.used.Load(); n != 0 {
		t.Errorf("%d bytes are held", n)
	}
	if got, err := send(t, "GET", url+"/openai/v1/files/"+id+"/content", ""); err != nil || got.StatusCode != 404 {
		t.Errorf("its content is answered by %v, %v", got, err)
	}
	if status, list := get(t, url+"/sim/files"); status != 200 || !strings.Contains(list, want[0].SHA256) {
		t.Errorf("/sim/files: %d %s", status, list)
	}
}

// TestSpaceComesBack: what is deleted makes room.
func TestSpaceComesBack(t *testing.T) {
	sc := newScene(t, native)
	used := func() int64 { return sc.sim.store.space.used.Load() }
	sc.upload("a", "batch", "12345")
	sc.do(200, "POST /uploads", `{"bytes":4,"filename":"f","mime_type":"text/plain","purpose":"batch"}`, "upload", "id")
	sc.do(200, "POST /uploads/$upload/parts", "@data:x=1234", "part", "id")
	sc.do(200, "POST /uploads/$upload/parts", "@data:x=lost", "lost", "id")
	if n := used(); n != 13 {
		t.Errorf("%d bytes are held, want 13", n)
	}
	if got := sc.do(400, "POST /uploads/$upload/complete", `{"part_ids":["$part"],"md5":"00"}`); !strings.Contains(got, "md5") {
		t.Errorf("a wrong MD5 is answered by %s", got)
	}
	sc.do(400, "POST /uploads/$upload/complete", `{"part_ids":["$part","$part"]}`)
	sc.do(200, "POST /uploads/$upload/complete", `{"part_ids":["$part"],"md5":"81dc9bdb52d04dc20036dbd8313ed055"}`, "file", "file.id")
	sc.do(400, "POST /uploads/$upload/parts", "@data:x=late")
	if n := used(); n != 9 {
		t.Errorf("%d bytes are held, want 9", n)
	}
	sc.do(200, "DELETE /files/$file", "")
	if n := used(); n != 5 {
		t.Errorf("%d bytes are held, want 5", n)
	}
	sc.do(200, "POST /containers", `{"name":"c","file_ids":["$a"]}`, "box", "id")
	sc.do(200, "DELETE /containers/$box", "")
	post(t, sc.url+"/sim/reset", "")
	if n := used(); n != 0 || len(sc.sim.Files()) != 0 {
		t.Errorf("after a reset %d bytes are held", n)
	}
	sc.do(404, "GET /files/$a", "")
}

// TestManyAtOnce is for the race detector.
func TestManyAtOnce(t *testing.T) {
	_, url := start(t, testOptions())
	v := "?api-version=2025-04-01-preview"
	var all sync.WaitGroup
	for i := range 24 {
		all.Go(func() {
			_, got := post(t, url+"/openai/responses"+v, fmt.Sprintf(`{"model":"gpt-4o","stream":%t,"input":"Hi"}`, i%2 == 0))
			if i%2 == 1 {
				id := lookup(t, []byte(got), "id")
				post(t, url+"/openai/responses"+v, `{"model":"gpt-4o","input":"Again","previous_response_id":"`+id+`"}`)
			}
			_, got = post(t, url+"/openai/assistants"+v, `{"model":"gpt-4o"}`)
			post(t, url+"/openai/threads/runs"+v, `{"stream":true,"assistant_id":"`+lookup(t, []byte(got), "id")+`","thread":{"messages":[{"role":"user","content":"Hi"}]}}`)
			get(t, url+"/sim/files")
			if resp, err := send(t, "GET", url+"/openai/assistants"+v+"&limit=100", ""); err != nil || resp.StatusCode != 200 {
				t.Errorf("%v %v", resp, err)
			}
		})
	}
	all.Wait()
}

// TestOddArguments: whatever stands in an argument, the answer is a whole one.
func TestOddArguments(t *testing.T) {
	odd := []string{`5`, `-1`, `"x"`, `""`, `true`, `[]`, `{}`, `[5]`, `[null]`, `[{}]`, `[[]]`, `{"type":5}`, `[{"type":"message"}]`,
		`[{"type":"function","function":5}]`, `[{"role":"user","content":[5,null,{"type":"text"}]}]`, `{"type":"function","name":5}`}
	for on, name := range surfaceNames {
		t.Run(name, func(t *testing.T) {
			sc := newScene(t, on)
			furnish(sc)
			ids := map[string]string{"{file_id}": "file", "{upload_id}": "upload", "{fine_tuning_job_id}": "job", "{batch_id}": "batch",
				"{assistant_id}": "assistant", "{thread_id}": "thread", "{run_id}": "run", "{vector_store_id}": "store",
				"{response_id}": "response", "{conversation_id}": "talk", "{container_id}": "box", "{eval_id}": "eval"}
			for _, r := range routes() {
				op := r.operation()
				path := map[surface]string{classic: op.classic, v1: op.v1, native: op.native}[on]
				if path == "" || r.method == "GET" || r.method == "DELETE" {
					continue
				}
				for wildcard, id := range ids {
					path = strings.ReplaceAll(path, wildcard, sc.vars[id])
				}
				version := "2025-04-01-preview"
				switch {
				case len(r.versions) > 0:
					version = r.versions[0]
				case on == v1:
					version = "preview"
				}
				for _, body := range oddBodies(sc, r, odd) {
					sc.ask(r.method, path+"?api-version="+version, body)
				}
			}
		})
	}
}

// oddBodies are bodies of a route with one odd argument, beside those that it
// needs.
func oddBodies(sc *scene, r route, odd []string) []string {
	bodies := append([]string{"", "{", "null"}, odd...)
	k := sc.sim.store.kinds[r.kind]
	if k == nil {
		k = &kind{takes: "grader model_sample sku properties model scale_settings"}
	}
	names := strings.Fields(k.takes + " " + k.required + " " + k.modify + " file_ids files items query filters tool_outputs part_ids project_ids data_source max_num_results")
	for _, f := range k.settable {
		names = append(names, f.name)
	}
	for _, name := range names {
		for _, value := range odd {
			body := `{"model":"gpt-4o","` + name + `":` + value
			for needed := range strings.FieldsSeq(k.required + " input") {
				if needed != name {
					body += `,"` + needed + `":"x"`
				}
			}
			bodies = append(bodies, body+"}", `{"`+name+`":`+value+`}`)
		}
	}
	return bodies
}

// ask makes a call without a network, so that a panic is the test's.
func (sc *scene) ask(method, path, body string) {
	sc.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+testKey)
	w := httptest.NewRecorder()
	defer func() {
		if p := recover(); p != nil {
			sc.t.Fatalf("%s %s with %s: panic: %v", method, path, body, p)
		}
	}()
	sc.sim.Handler().ServeHTTP(w, r)
	if w.Code >= 500 || w.Code == 0 {
		sc.t.Errorf("%s %s with %s: %d %s", method, path, body, w.Code, w.Body)
	}
}
