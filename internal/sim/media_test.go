package sim

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	stdimage "image"
	_ "image/jpeg"
	_ "image/png"
	"io"
	"mime/multipart"
	"net/http"
	"runtime"
	"strings"
	"testing"
)

// mediaOptions has a deployment of each sort that is not text.
func mediaOptions() Options {
	o := Options{Name: "tin", Keys: []string{testKey}, Seed: 7}
	for _, name := range []string{
		"gpt-4o", "dall-e-2", "dall-e-3", "gpt-image-1", "whisper-1", "gpt-4o-transcribe", "tts-1", "gpt-4o-mini-tts",
		"gpt-4o-realtime-preview", "gpt-realtime", "omni-moderation-latest", "text-embedding-3-small",
	} {
		o.Deployments = append(o.Deployments, Deployment{Name: name})
	}
	return o
}

func openAIOptions() Options {
	o := mediaOptions()
	o.Kind = KindOpenAI
	return o
}

// pair is a part of a form; a file when it has a file name.
type pair struct{ name, value, file string }

// mediaForm writes a form and its Content-Type.
func mediaForm(t *testing.T, parts ...pair) (string, string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		make := w.CreateFormField
		if p.file != "" {
			make = func(name string) (io.Writer, error) { return w.CreateFormFile(name, p.file) }
		}
		to, err := make(p.name)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(to, p.value)
	}
	w.Close()
	return b.String(), w.FormDataContentType()
}

// postForm sends a form that must be answered whole.
func postForm(t *testing.T, url string, header []string, parts ...pair) (*http.Response, string) {
	t.Helper()
	body, kind := mediaForm(t, parts...)
	return post(t, url, body, append(header, "Content-Type", kind)...)
}

// wav is a sound of so many milliseconds.
func wav(ms int) string {
	sound := make([]byte, 2*sampleRate*ms/1000)
	hum(sound, 100)
	return string(append(wavHeader(int64(len(sound))), sound...))
}

type imagesAnswer struct {
	Created int
	Data    []struct {
		B64     string `json:"b64_json"`
		URL     string
		Revised string                     `json:"revised_prompt"`
		Content map[string]json.RawMessage `json:"content_filter_results"`
		Prompt  map[string]json.RawMessage `json:"prompt_filter_results"`
	}
	Size, Quality string
	Format        string `json:"output_format"`
	Usage         *imagesUsage
}

type imagesUsage struct {
	Input   int `json:"input_tokens"`
	Output  int `json:"output_tokens"`
	Total   int `json:"total_tokens"`
	Details struct {
		Text  int `json:"text_tokens"`
		Image int `json:"image_tokens"`
	} `json:"input_tokens_details"`
}

func decode[T any](t *testing.T, body string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("%v in %.300s", err, body)
	}
	return v
}

// picture checks that a picture can be read, and gives its format and size.
func picture(t *testing.T, encoded string) (string, stdimage.Config) {
	t.Helper()
	data, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	config, format, err := stdimage.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return format, config
}

func TestImageGenerations(t *testing.T) {
	const version = "?api-version=2025-04-01-preview"
	azure, azureURL := start(t, mediaOptions())
	_, openaiURL := start(t, openAIOptions())
	for _, test := range []struct {
		url, body string
		n         int
		base64    bool
		tokens    int // of the answer
		filters   bool
		w, h      int
	}{
		{azureURL + "/openai/deployments/dall-e-3/images/generations" + version, `{"prompt":"A red fox","response_format":"b64_json","size":"1792x1024"}`, 1, true, 0, true, 112, 64},
		{azureURL + "/openai/deployments/dall-e-3/images/generations" + version, `{"prompt":"A red fox"}`, 1, false, 0, true, 64, 64},
		{azureURL + "/openai/deployments/gpt-image-1/images/generations" + version, `{"prompt":"A red fox","n":2,"quality":"low","size":"1024x1536","output_format":"jpeg"}`, 2, true, 800, true, 64, 96},
		{azureURL + "/openai/v1/images/generations", `{"model":"gpt-image-1","prompt":"A red fox"}`, 1, true, 4160, true, 64, 64},
		{azureURL + "/models/images/generations?api-version=2024-05-01-preview", `{"model":"gpt-image-1","prompt":"A red fox","quality":"medium"}`, 1, true, 1056, true, 64, 64},
		{openaiURL + "/v1/images/generations", `{"model":"dall-e-2","prompt":"A red fox","n":3,"size":"256x256","response_format":"b64_json"}`, 3, true, 0, false, 16, 16},
		{openaiURL + "/v1/images/generations", `{"prompt":"A red fox","size":"512x512"}`, 1, false, 0, false, 32, 32},
	} {
		resp, got := post(t, test.url, test.body)
		a := decode[imagesAnswer](t, got)
		if resp.StatusCode != 200 || len(a.Data) != test.n || a.Created == 0 {
			t.Fatalf("%s %s: %d %.300s", test.url, test.body, resp.StatusCode, got)
		}
		for _, d := range a.Data {
			encoded := d.B64
			if !test.base64 {
				shown, err := http.Get(d.URL)
				if err != nil {
					t.Fatal(err)
				}
				data, _ := io.ReadAll(shown.Body)
				shown.Body.Close()
				encoded = base64.StdEncoding.EncodeToString(data)
			}
			format, config := picture(t, encoded)
			if config.Width != test.w || config.Height != test.h || a.Format != "" && format != a.Format {
				t.Errorf("%s: a %s of %dx%d", test.body, format, config.Width, config.Height)
			}
			if (d.Content["violence"] != nil && d.Prompt["jailbreak"] != nil) != test.filters {
				t.Errorf("%s: annotations %v and %v", test.url, d.Content, d.Prompt)
			}
			if strings.Contains(test.url, "dall-e-3") != (d.Revised != "") {
				t.Errorf("%s: revised prompt %q", test.url, d.Revised)
			}
		}
		if test.tokens == 0 != (a.Usage == nil) || a.Usage != nil && (a.Usage.Output != test.tokens || a.Usage.Details.Text != 3 || a.Usage.Total != test.tokens+3) {
			t.Errorf("%s: usage %+v", test.body, a.Usage)
		}
	}
	first, again := "", ""
	for _, to := range []*string{&first, &again} {
		_, got := post(t, azureURL+"/openai/v1/images/generations", `{"model":"gpt-image-1","prompt":"twice"}`)
		*to = decode[imagesAnswer](t, got).Data[0].B64
	}
	if first != again {
		t.Error("the same prompt gives two pictures")
	}
	azure.Reset()
	post(t, azureURL+"/openai/v1/images/generations", `{"model":"gpt-image-1","prompt":"A red fox"}`)
	if c := azure.Counts()[0]; c.Operation != "imagegenerations_create" || c.Deployment != "gpt-image-1" || c.PromptTokens != 3 || c.CompletionTokens != 4160 {
		t.Errorf("counted %+v", c)
	}
}

func TestImageErrors(t *testing.T) {
	_, azureURL := start(t, mediaOptions())
	_, openaiURL := start(t, openAIOptions())
	for _, test := range []struct {
		url, body, want string
	}{
		{azureURL, `{"model":"dall-e-3"}`, `Missing required parameter: 'prompt'`},
		{azureURL, `{"model":"dall-e-3","prompt":""}`, "empty_string"},
		{azureURL, `{"model":"dall-e-3","prompt":"x","n":2}`, "integer_above_max_value"},
		{azureURL, `{"model":"dall-e-3","prompt":"x","size":"1x1"}`, "invalid_value"},
		{azureURL, `{"model":"dall-e-3","prompt":"x","stream":true}`, "unsupported_value"},
		{azureURL, `{"model":"gpt-image-1","prompt":"x","response_format":"url"}`, "unknown_parameter"},
		{azureURL, `{"model":"gpt-image-1","prompt":"x","nonsense":1}`, "unknown_parameter"},
		{azureURL, `{"model":"gpt-image-1","prompt":"Now trigger the content filter"}`, `"inner_error":{"code":"ResponsibleAIPolicyViolation"`},
		{azureURL, `{"model":"gpt-4o","prompt":"x"}`, "OperationNotSupported"},
		{openaiURL, `{"model":"dall-e-3","prompt":"Now trigger the content filter"}`, "image_generation_user_error"},
	} {
		url := test.url + "/openai/v1/images/generations"
		if test.url == openaiURL {
			url = test.url + "/v1/images/generations"
		}
		resp, got := post(t, url, test.body)
		if resp.StatusCode != 400 || !strings.Contains(got, test.want) {
			t.Errorf("%s: %d %s", test.body, resp.StatusCode, got)
		}
	}
	_, got := post(t, azureURL+"/openai/deployments/dall-e-3/images/generations?api-version=2024-10-21", `{"prompt":"trigger the content filter"}`)
	if !strings.Contains(got, `"code":"content_policy_violation"`) || !strings.Contains(got, `"content_filter_results":{`) {
		t.Errorf("classic: %s", got)
	}
}

func TestImageStream(t *testing.T) {
	s, url := start(t, mediaOptions())
	_, stream := post(t, url+"/openai/v1/images/generations", `{"model":"gpt-image-1","prompt":"A red fox","stream":true,"partial_images":2,"quality":"low"}`)
	blocks := strings.Split(strings.TrimSpace(stream), "\n\n")
	if len(blocks) != 3 {
		t.Fatalf("%d events: %.300s", len(blocks), stream)
	}
	for i, block := range blocks {
		name, data, _ := strings.Cut(block, "\n")
		ev := decode[struct {
			Type  string
			B64   string `json:"b64_json"`
			Index *int   `json:"partial_image_index"`
			Usage *imagesUsage
		}](t, strings.TrimPrefix(data, "data: "))
		want := "image_generation.partial_image"
		if i == 2 {
			want = "image_generation.completed"
		}
		if name != "event: "+want || ev.Type != want || (ev.Index == nil) != (i == 2) || (ev.Usage != nil) != (i == 2) {
			t.Errorf("event %d: %s %+v", i, name, ev)
		}
		picture(t, ev.B64)
	}
	if c := s.Counts()[0]; c.CompletionTokens != 272 || c.PromptTokens != 3 || s.Calls(0)[0].Events != 3 {
		t.Errorf("counted %+v", c)
	}
}

func TestImageEditsAndVariations(t *testing.T) {
	s, url := start(t, mediaOptions())
	classicEdits := url + "/openai/deployments/gpt-image-1/images/edits?api-version=2025-04-01-preview"
	_, got := postForm(t, classicEdits, nil, pair{"image[]", "one", "a.png"}, pair{"image[]", "two", "b.png"}, pair{"mask", "m", "m.png"},
		pair{"prompt", "Paint it blue", ""}, pair{"n", "2", ""}, pair{"quality", "low", ""})
	a := decode[imagesAnswer](t, got)
	if len(a.Data) != 2 || a.Usage.Details.Image != 3*editedTokens || a.Usage.Details.Text != 3 {
		t.Errorf("edit: %.300s", got)
	}
	_, got = postForm(t, url+"/openai/v1/images/edits", nil, pair{"model", "gpt-image-1", ""}, pair{"image", "one", "a.png"}, pair{"prompt", "x", ""}, pair{"stream", "true", ""}, pair{"partial_images", "1", ""})
	if !strings.Contains(got, "event: image_edit.partial_image\n") || !strings.Contains(got, "event: image_edit.completed\n") {
		t.Errorf("stream: %.300s", got)
	}
	_, openaiURL := start(t, openAIOptions())
	for _, at := range []string{url + "/openai/v1/images/variations", openaiURL + "/v1/images/variations"} {
		_, got = postForm(t, at, nil, pair{"image", "one", "a.png"}, pair{"n", "2", ""}, pair{"response_format", "b64_json", ""}, pair{"size", "256x256", ""})
		if a := decode[imagesAnswer](t, got); len(a.Data) != 2 || a.Data[0].B64 == a.Data[1].B64 {
			t.Errorf("variation: %.300s", got)
		}
	}
	ops := map[string]bool{}
	for _, c := range s.Counts() {
		ops[c.Operation] = true
	}
	if !ops["imageedits_create"] || !ops["create_image_variation"] {
		t.Errorf("counted %v", ops)
	}
}

func TestHugeImage(t *testing.T) {
	_, url := start(t, mediaOptions())
	resp, got := post(t, url+"/openai/v1/images/generations", `{"model":"gpt-image-1","prompt":"x","metadata":{"sim":"bytes=1000000"}}`)
	a := decode[imagesAnswer](t, got)
	if n := base64.StdEncoding.DecodedLen(len(a.Data[0].B64)); n < 990_000 || n > 1_010_000 || resp.ContentLength != int64(len(got)) {
		t.Errorf("%d bytes", n)
	}
	picture(t, a.Data[0].B64)
}

func TestAsyncImages(t *testing.T) {
	s, url := start(t, mediaOptions())
	ask := func(method, at, body string) (*http.Response, string) {
		t.Helper()
		resp, err := send(t, method, at, body)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		data, _ := io.ReadAll(resp.Body)
		return resp, string(data)
	}
	for prompt, want := range map[string][]string{
		"A red fox":                  {"notRunning", "running", "succeeded", "succeeded"},
		"trigger the content filter": {"notRunning", "running", "failed"},
	} {
		resp, got := ask("POST", url+"/openai/images/generations:submit?api-version=2023-06-01-preview", `{"prompt":"`+prompt+`","n":2,"size":"512x512"}`)
		where := resp.Header.Get("Operation-Location")
		id := decode[struct{ ID, Status string }](t, got)
		if resp.StatusCode != 202 || id.Status != "notRunning" || where != url+"/openai/operations/images/"+id.ID+"?api-version=2023-06-01-preview" {
			t.Fatalf("%d %s %q", resp.StatusCode, got, where)
		}
		for _, status := range want {
			_, got = ask("GET", where, "")
			op := decode[struct {
				Status string
				Result imagesAnswer
				Error  struct{ Code string }
			}](t, got)
			if op.Status != status || (status == "succeeded") != (len(op.Result.Data) == 2) || (status == "failed") != (op.Error.Code == "contentFilter") {
				t.Errorf("want %s, got %s", status, got)
			}
			for _, d := range op.Result.Data {
				if resp, err := http.Get(d.URL); err != nil || resp.StatusCode != 200 {
					t.Errorf("%s: %v", d.URL, err)
				}
			}
		}
		if resp, got := ask("DELETE", where, ""); resp.StatusCode != 204 || got != "" {
			t.Errorf("delete: %d %s", resp.StatusCode, got)
		}
		for _, method := range []string{"GET", "DELETE"} {
			if resp, got := ask(method, where, ""); resp.StatusCode != 404 {
				t.Errorf("%s: %d %s", method, resp.StatusCode, got)
			}
		}
	}
	for _, c := range s.Counts() {
		if want := map[string]int64{"imagegenerations_submit": 2, "get_image_operation": 7 + 2, "delete_image_operation": 2 + 2}[c.Operation]; c.Calls != want {
			t.Errorf("counted %+v, want %d", c, want)
		}
	}
	if resp, _ := http.Get(url + "/sim/images/nonsense.png"); resp.StatusCode != 404 {
		t.Errorf("a picture that is none: %d", resp.StatusCode)
	}
}

func TestMediaControls(t *testing.T) {
	s, url := start(t, mediaOptions())
	transcriptions := url + "/openai/v1/audio/transcriptions"
	resp, got := postForm(t, transcriptions, nil, pair{"model", "whisper-1", ""}, pair{"file", "x", "a.mp3"}, pair{"sim", "status=503,retry_after=7", ""})
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") != "7" {
		t.Errorf("form: %d %s", resp.StatusCode, got)
	}
	resp, got = post(t, url+"/openai/v1/audio/speech", `{"model":"tts-1","input":"x","voice":"alloy","metadata":{"sim":"status=429"}}`)
	if resp.StatusCode != 429 {
		t.Errorf("speech: %d %s", resp.StatusCode, got)
	}
	resp, packed := post(t, url+"/openai/v1/moderations", `{"input":"x"}`, "X-Sim-Gzip", "1")
	if resp.Header.Get("Content-Encoding") != "gzip" || len(packed) == 0 {
		t.Errorf("gzip: %v", resp.Header)
	}
	_, broken, err := readAll(t, url+"/openai/v1/audio/speech", `{"model":"tts-1","input":"`+strings.Repeat("word ", 50)+`","voice":"alloy"}`, "X-Sim-Die-After", "5000")
	if err == nil || len(broken) != 5000 {
		t.Errorf("cut: %d bytes, %v", len(broken), err)
	}
	if calls := s.Calls(0); calls[len(calls)-1].State != StateCut {
		t.Errorf("recorded as %+v", calls[len(calls)-1])
	}
}

func TestModelInference(t *testing.T) {
	s, url := start(t, mediaOptions())
	const version = "?api-version=2024-05-01-preview"
	_, got := post(t, url+"/models/chat/completions"+version, `{"model":"gpt-4o","messages":[{"role":"user","content":"Hello"}]}`)
	if a := parse(t, got); a.Choices[0].Message.Content == "" || !strings.Contains(got, "prompt_filter_results") {
		t.Errorf("chat: %s", got)
	}
	if v := vectors(t, url+"/models/embeddings"+version, `{"model":"text-embedding-3-small","input":["x"]}`); len(v[0]) != 1536 {
		t.Errorf("%d dimensions", len(v[0]))
	}
	if v := vectors(t, url+"/models/images/embeddings"+version, `{"model":"text-embedding-3-small","input":[{"image":"data:image/png;base64,AA==","text":"a fox"},{"image":"x"}],"dimensions":8}`); len(v) != 2 || len(v[0]) != 8 {
		t.Errorf("%v", v)
	}
	for query, want := range map[string]string{"": `"model_name":"dall-e-2"`, "&model=gpt-4o": `"model_type":"chat-completion"`} {
		resp, err := send(t, "GET", url+"/models/info"+version+query, "")
		if err != nil {
			t.Fatal(err)
		}
		data, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if !strings.Contains(string(data), want) {
			t.Errorf("%s: %s", query, data)
		}
	}
	for path, want := range map[string]int{
		"/models/chat/completions?api-version=2024-10-21": 404, "/models/nonsense" + version: 404, "/models/chat/completions" + version: 400,
	} {
		if resp, got := post(t, url+path, `{"model":"gpt-4o","nonsense":1,"messages":[]}`); resp.StatusCode != want {
			t.Errorf("%s: %d %s", path, resp.StatusCode, got)
		}
	}
	resp, got := post(t, url+"/models/chat/completions"+version, `{"model":"gpt-4o","nonsense":1,"messages":[{"role":"user","content":"x"}]}`, "Extra-Parameters", "pass-through")
	if resp.StatusCode != 200 {
		t.Errorf("pass-through: %d %s", resp.StatusCode, got)
	}
	if resp, got = post(t, url+"/models/images/embeddings"+version, `{"model":"text-embedding-3-small","input":[{}]}`); resp.StatusCode != 400 {
		t.Errorf("no image: %d %s", resp.StatusCode, got)
	}
	var ops []string
	for _, c := range s.Counts() {
		ops = append(ops, c.Operation)
	}
	for _, want := range []string{"chatcompletions_create", "embeddings_create", "get_image_embeddings", "get_model_info"} {
		if !strings.Contains(fmt.Sprint(ops), want) {
			t.Errorf("%s is not among %v", want, ops)
		}
	}
}

func TestOnYourData(t *testing.T) {
	s, url := start(t, mediaOptions())
	const source = `[{"type":"azure_search","parameters":{"endpoint":"https://search.invalid"}}]`
	extensions := url + "/openai/deployments/gpt-4o/extensions/chat/completions?api-version=2023-12-01-preview"
	type grounded struct {
		Choices []struct {
			Message, Delta struct {
				Context *struct {
					Citations []struct{ Content, URL string }
					Intent    string
				}
			}
		}
	}
	for at, name := range map[string]string{url + classicChat: "data_sources", extensions: "dataSources"} {
		body := `{"` + name + `":` + source + `,"messages":[{"role":"user","content":"What of rivers?"}]`
		_, got := post(t, at, body+"}")
		if c := decode[grounded](t, got).Choices[0].Message.Context; c == nil || len(c.Citations) != 2 || c.Intent != `["What of rivers?"]` {
			t.Errorf("%s: %s", at, got)
		}
		_, stream := post(t, at, body+`,"stream":true}`)
		found := 0
		data, _ := eventsOf(t, stream)
		for _, d := range data[:len(data)-1] {
			for _, ch := range decode[grounded](t, d).Choices {
				if ch.Delta.Context != nil {
					found++
				}
			}
		}
		if found != 1 {
			t.Errorf("%s: context in %d events", at, found)
		}
	}
	for _, bad := range []string{`7`, `[{}]`, `[{"type":"x"}]`, `[{"type":"x","parameters":{}},{"type":"x","parameters":{}}]`} {
		if resp, got := post(t, url+classicChat, `{"data_sources":`+bad+`,"messages":[{"role":"user","content":"x"}]}`); resp.StatusCode != 400 {
			t.Errorf("%s: %d %s", bad, resp.StatusCode, got)
		}
	}
	if resp, _ := post(t, url+"/openai/deployments/gpt-4o/extensions/chat/completions?api-version=2024-02-01", hello); resp.StatusCode != 404 {
		t.Errorf("extensions in 2024: %d", resp.StatusCode)
	}
	if c := s.Counts(); c[2].Operation != "extensionschatcompletions_create" || c[2].Calls != 2 {
		t.Errorf("counted %+v", c)
	}
}

func TestModeration(t *testing.T) {
	_, azureURL := start(t, mediaOptions())
	_, openaiURL := start(t, openAIOptions())
	type answer struct {
		ID, Model string
		Results   []struct {
			Flagged    bool
			Categories map[string]bool
			Scores     map[string]float64  `json:"category_scores"`
			Applied    map[string][]string `json:"category_applied_input_types"`
		}
	}
	for body, want := range map[string]string{
		`{"input":"hello"}`: "[false]",
		`{"input":["hello","now trigger the content filter"]}`:                                                                     "[false true]",
		`{"model":"omni-moderation-latest","input":[{"type":"text","text":"hello"},{"type":"image_url","image_url":{"url":"x"}}]}`: "[false]",
	} {
		for _, url := range []string{azureURL + "/openai/v1/moderations", openaiURL + "/v1/moderations"} {
			_, got := post(t, url, body)
			a := decode[answer](t, got)
			var flags []bool
			for _, r := range a.Results {
				flags = append(flags, r.Flagged)
				if len(r.Categories) != 13 || len(r.Scores) != 13 || r.Flagged != (r.Scores["violence"] > 0.5) || r.Flagged != r.Categories["violence"] {
					t.Errorf("%s: %+v", body, r)
				}
			}
			if fmt.Sprint(flags) != want || !strings.HasPrefix(a.ID, "modr-") {
				t.Errorf("%s: %s", body, got)
			}
		}
	}
	for _, bad := range []string{`{}`, `{"input":7}`, `{"input":[]}`, `{"input":[{"type":"video"}]}`} {
		if resp, got := post(t, azureURL+"/openai/v1/moderations", bad); resp.StatusCode != 400 {
			t.Errorf("%s: %d %s", bad, resp.StatusCode, got)
		}
	}
}

func TestSpeech(t *testing.T) {
	s, azureURL := start(t, mediaOptions())
	_, openaiURL := start(t, openAIOptions())
	for _, at := range []string{azureURL + "/openai/deployments/gpt-4o-mini-tts/audio/speech?api-version=2025-03-01-preview", azureURL + "/openai/v1/audio/speech", openaiURL + "/v1/audio/speech"} {
		for format, media := range map[string]string{"": "audio/mpeg", "mp3": "audio/mpeg", "opus": "audio/ogg", "aac": "audio/aac", "flac": "audio/flac", "wav": "audio/wav", "pcm": "audio/pcm"} {
			body := `{"model":"gpt-4o-mini-tts","input":"Hello from the harbour","voice":"alloy"`
			if format != "" {
				body += `,"response_format":"` + format + `"`
			}
			resp, got := post(t, at, body+"}")
			if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != media || resp.ContentLength != -1 || len(got) < 1000 {
				t.Errorf("%s %s: %d %v %d bytes", at, format, resp.StatusCode, resp.Header, len(got))
			}
			if format == "wav" {
				u := upload{size: int64(len(got)), head: []byte(got[:headBytes])}
				if u.seconds() != float64(len(got)-44)/(2*sampleRate) {
					t.Errorf("the WAV lasts %v s", u.seconds())
				}
			}
		}
	}
	if c := s.Counts()[0]; c.Operation != "speech_create" || c.PromptTokens != 14*4 || c.CompletionTokens != 14*16 {
		t.Errorf("counted %+v", c)
	}
	one := `{"model":"gpt-4o-mini-tts","input":"Hello","voice":{"id":"x"},"response_format":"pcm"`
	_, whole := post(t, azureURL+"/openai/v1/audio/speech", one+"}")
	_, stream := post(t, azureURL+"/openai/v1/audio/speech", one+`,"stream_format":"sse"}`)
	data, _ := eventsOf(t, stream)
	var sound []byte
	for i, d := range data {
		ev := decode[struct {
			Type, Audio string
			Usage       *imagesUsage
		}](t, d)
		piece, _ := base64.StdEncoding.DecodeString(ev.Audio)
		sound = append(sound, piece...)
		if last := i == len(data)-1; (ev.Type == "speech.audio.done") != last || (ev.Usage != nil) != last {
			t.Errorf("event %d: %s", i, d)
		}
	}
	if string(sound) != whole {
		t.Errorf("the events hold %d bytes, the plain answer %d", len(sound), len(whole))
	}
	_, formed := postForm(t, azureURL+"/openai/v1/audio/speech", nil, pair{"model", "gpt-4o-mini-tts", ""}, pair{"input", "Hello", ""}, pair{"voice", "alloy", ""}, pair{"response_format", "pcm", ""}, pair{"speed", "1.0", ""})
	if formed != whole {
		t.Errorf("a form is answered otherwise: %.200s", formed)
	}
	_, huge := post(t, azureURL+"/openai/v1/audio/speech", one+"}", "X-Sim-Bytes", "1234567")
	if len(huge) != 1234567 {
		t.Errorf("%d bytes", len(huge))
	}
	for _, bad := range []string{
		`{"model":"tts-1","voice":"alloy"}`, `{"model":"tts-1","input":"x"}`, `{"model":"tts-1","input":"","voice":"x"}`, `{"model":"tts-1","input":"x","voice":"x","speed":9}`,
		`{"model":"tts-1","input":"x","voice":"x","response_format":"mp9"}`, `{"model":"tts-1","input":"x","voice":"x","stream_format":"sse"}`,
		`{"model":"tts-1","input":"trigger the content filter","voice":"x"}`, `{"model":"tts-1","input":"` + strings.Repeat("x", 4097) + `","voice":"x"}`,
	} {
		if resp, got := post(t, azureURL+"/openai/v1/audio/speech", bad); resp.StatusCode != 400 {
			t.Errorf("%.100s: %d %s", bad, resp.StatusCode, got)
		}
	}
}

func TestTranscriptions(t *testing.T) {
	s, azureURL := start(t, mediaOptions())
	_, openaiURL := start(t, openAIOptions())
	sound := wav(2000)
	type usage struct {
		Type         string
		Seconds      float64
		Input        int `json:"input_tokens"`
		Output       int `json:"output_tokens"`
		InputDetails struct {
			Text  int `json:"text_tokens"`
			Audio int `json:"audio_tokens"`
		} `json:"input_token_details"`
	}
	type verbose struct {
		Text, Language, Task string
		Duration             float64
		Segments             []struct{ Text string }
		Words                []struct{ Word string }
		Usage                *usage
	}
	for _, at := range []string{azureURL + "/openai/deployments/whisper-1/audio/%s?api-version=2024-10-21", azureURL + "/openai/v1/audio/%s", openaiURL + "/v1/audio/%s"} {
		var texts []string
		for _, format := range []string{"json", "text", "srt", "vtt", "verbose_json"} {
			resp, got := postForm(t, fmt.Sprintf(at, "transcriptions"), nil, pair{"file", sound, "a.wav"}, pair{"model", "whisper-1", ""}, pair{"response_format", format, ""}, pair{"language", "de", ""}, pair{"stream", "true", ""})
			kind := resp.Header.Get("Content-Type")
			if resp.StatusCode != 200 || strings.HasPrefix(kind, "text/plain") != (format == "text" || format == "srt" || format == "vtt") {
				t.Fatalf("%s: %d %s %s", format, resp.StatusCode, kind, got)
			}
			switch format {
			case "json":
				a := decode[verbose](t, got)
				texts = append(texts, a.Text)
				if a.Usage.Type != "duration" || a.Usage.Seconds != 2 {
					t.Errorf("usage %+v", a.Usage)
				}
			case "verbose_json":
				a := decode[verbose](t, got)
				texts = append(texts, a.Text)
				if a.Language != "german" || a.Task != "transcribe" || a.Duration != 2 || len(a.Segments) == 0 || a.Words != nil {
					t.Errorf("%s", got)
				}
			case "text":
				texts = append(texts, strings.TrimSuffix(got, "\n"))
			case "srt":
				if !strings.HasPrefix(got, "1\n00:00:00,000 --> 00:00:0") {
					t.Error(got)
				}
			case "vtt":
				if !strings.HasPrefix(got, "WEBVTT\n\n00:00:00.000 --> ") {
					t.Error(got)
				}
			}
		}
		if texts[0] == "" || texts[0] != texts[1] || texts[0] != texts[2] {
			t.Errorf("formats disagree: %q", texts)
		}
		_, got := postForm(t, fmt.Sprintf(at, "translations"), nil, pair{"file", sound, "a.wav"}, pair{"model", "whisper-1", ""}, pair{"response_format", "verbose_json", ""})
		if a := decode[verbose](t, got); a.Task != "translate" || a.Text == "" || a.Language != "english" {
			t.Errorf("translation: %s", got)
		}
	}
	at := azureURL + "/openai/v1/audio/transcriptions"
	_, got := postForm(t, at, nil, pair{"file", sound, "a.wav"}, pair{"model", "whisper-1", ""}, pair{"response_format", "verbose_json", ""}, pair{"timestamp_granularities[]", "word", ""}, pair{"timestamp_granularities[]", "segment", ""})
	if a := decode[verbose](t, got); len(a.Words) == 0 || len(a.Segments) == 0 {
		t.Errorf("%s", got)
	}
	s.Reset()
	parts := []pair{{"file", sound, "a.wav"}, {"model", "gpt-4o-transcribe", ""}, {"prompt", "about rivers", ""}}
	_, got = postForm(t, at, nil, parts...)
	plain := decode[verbose](t, got)
	if u := plain.Usage; u.Type != "tokens" || u.Input != 22 || u.InputDetails.Audio != 20 || u.InputDetails.Text != 2 || u.Output != countTokens(plain.Text) {
		t.Errorf("usage %+v", u)
	}
	_, stream := postForm(t, at, nil, append(parts, pair{"stream", "true", ""}, pair{"include[]", "logprobs", ""})...)
	data, _ := eventsOf(t, stream)
	said := ""
	for _, d := range data[:len(data)-2] {
		ev := decode[struct {
			Type, Delta string
			Logprobs    []struct{ Bytes []int }
		}](t, d)
		said += ev.Delta
		if ev.Type != "transcript.text.delta" || len(ev.Logprobs) != 1 || len(ev.Logprobs[0].Bytes) != len(ev.Delta) {
			t.Errorf("%s", d)
		}
	}
	done := decode[verbose](t, data[len(data)-2])
	if said != plain.Text || done.Text != said || *done.Usage != *plain.Usage || data[len(data)-1] != "[DONE]" {
		t.Errorf("the stream says %q and ends with %v", said, data[len(data)-2:])
	}
	if c := s.Counts()[0]; c.Operation != "transcriptions_create" || c.PromptTokens != 44 || c.CompletionTokens != int64(2*plain.Usage.Output) {
		t.Errorf("counted %+v", c)
	}
	for name, more := range map[string]pair{
		"format": {"response_format", "srt", ""}, "word": {"response_format", "doc", ""}, "temperature": {"temperature", "7", ""},
		"number": {"temperature", "warm", ""}, "filter": {"prompt", "trigger the content filter", ""}, "field": {"nonsense", "1", ""},
	} {
		if resp, got := postForm(t, at, nil, append(parts, more)...); resp.StatusCode != 400 {
			t.Errorf("%s: %d %s", name, resp.StatusCode, got)
		}
	}
	if resp, got := postForm(t, azureURL+"/openai/v1/audio/translations", nil, parts...); resp.StatusCode != 400 || !strings.Contains(got, "OperationNotSupported") {
		t.Errorf("translation by %s: %d %s", "gpt-4o-transcribe", resp.StatusCode, got)
	}
}

func TestHostileForms(t *testing.T) {
	s, azureURL := start(t, mediaOptions())
	_, openaiURL := start(t, openAIOptions())
	good, kind := mediaForm(t, pair{"file", "sound", "a.mp3"}, pair{"model", "whisper-1", ""})
	form := func(parts ...pair) [2]string {
		body, kind := mediaForm(t, append(parts, pair{"model", "whisper-1", ""})...)
		return [2]string{body, kind}
	}
	sound := pair{"file", "sound", "a.mp3"}
	cases := map[string][2]string{
		"no boundary":     {good, "multipart/form-data"},
		"json":            {`{"model":"whisper-1"}`, "application/json"},
		"other boundary":  {good, "multipart/form-data; boundary=other"},
		"truncated":       {good[:len(good)-20], kind},
		"cut in the file": {good[:strings.Index(good, "sound")+2], kind},
		"empty":           {"", kind},
		"no file":         form(),
		"two files":       form(sound, sound),
		"empty file":      form(pair{"file", "", "a.mp3"}),
		"file as text":    form(pair{"file", "sound", ""}),
		"unknown file":    form(sound, pair{"nonsense", "x", "x.bin"}),
		"unknown text":    form(sound, pair{"nonsense", "x", ""}),
		"no name":         form(sound, pair{"", "x", ""}),
		"long text":       form(sound, pair{"prompt", strings.Repeat("x", maxFormText+1), ""}),
		"many parts":      form(slicesRepeat(sound, pair{"prompt", "x", ""}, maxFormParts)...),
		"bad control":     form(sound, pair{"sim", "status=7", ""}),
		"broken header":   {strings.Replace(good, "Content-Disposition", "Content Disposition", 1), kind},
	}
	for _, at := range []string{azureURL + "/openai/deployments/whisper-1/audio/transcriptions?api-version=2024-10-21", azureURL + "/openai/v1/audio/transcriptions", openaiURL + "/v1/audio/transcriptions"} {
		for name, test := range cases {
			resp, got := post(t, at, test[0], "Content-Type", test[1])
			a := parse(t, got)
			if resp.StatusCode != 400 || a.Error.Message == "" || a.Error.Type != "invalid_request_error" {
				t.Errorf("%s at %s: %d %s", name, at, resp.StatusCode, got)
			}
		}
	}
	for _, c := range s.Counts() {
		if c.Calls != c.Refused {
			t.Errorf("counted %+v", c)
		}
	}
	resp, got := postForm(t, azureURL+"/openai/v1/audio/transcriptions", nil, pair{"file", strings.Repeat("x", maxFile+1), "a.mp3"}, pair{"model", "whisper-1", ""})
	if resp.StatusCode != 413 {
		t.Errorf("a file of more than %d bytes: %d %s", maxFile, resp.StatusCode, got)
	}
}

func slicesRepeat(first, then pair, n int) []pair {
	out := []pair{first}
	for range n {
		out = append(out, then)
	}
	return out
}

// TestLargeUploadCostsNoMemory sends a file as large as may be.
func TestLargeUploadCostsNoMemory(t *testing.T) {
	_, url := start(t, mediaOptions())
	body, kind := mediaForm(t, pair{"model", "whisper-1", ""}, pair{"file", strings.Repeat("x", maxFile), "a.mp3"})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	resp, got := post(t, url+"/openai/v1/audio/transcriptions", body, "Content-Type", kind)
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; resp.StatusCode != 200 || n > 4<<20 {
		t.Errorf("%d bytes were allocated: %d %s", n, resp.StatusCode, got)
	}
}
