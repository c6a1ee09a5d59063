package e2e

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// resourceCases says which calls each case of python/resources.py and
// node/resources.cjs makes, one after the other: operations by their ids, with
// "*n" for n of them and "!404" for those that are to be answered so.
var resourceCases = map[string]string{
	"files": "files_upload*3 files_get files_list*2 files_getcontent files_delete*3 files_get!404",
	"uploads": `uploadfile_start uploadfile_part*2 uploadfile_complete files_getcontent uploadfile_start uploadfile_cancel
		uploadfile_start uploadfile_part*2 uploadfile_complete files_delete`,
	"fine_tuning": `files_upload finetuning_create*2 finetuning_get*3 finetuning_list finetuning_getevents*2 finetuning_getcheckpoints
		finetuning_cancel files_getcontent files_delete*2`,
	"fine_tuning_pause": "files_upload finetuning_create pause_fine_tuning_job resume_fine_tuning_job finetuning_cancel files_delete",
	"graders":           "validate_grader run_grader",
	"batches":           "files_upload batch_create*2 batch_get*3 files_getcontent batch_list batch_cancel batch_get files_delete*2",
	"assistants":        "create_assistant*2 modify_assistant get_assistant list_assistants*2 delete_assistant*2 get_assistant!404",
	"threads": `create_thread modify_thread get_thread create_message modify_message get_message list_messages*2 delete_message
		delete_thread list_messages!404`,
	"runs": `create_assistant create_thread create_message create_run get_run*2 modify_run list_runs list_run_steps get_run_step
		list_messages create_run cancel_run get_run delete_thread delete_assistant`,
	"runs_stream": "create_assistant create_thread create_run*2 delete_thread delete_assistant",
	"runs_tools": `create_assistant create_thread create_run get_run*2 submit_tool_outputs_to_run get_run*2 create_run
		submit_tool_outputs_to_run delete_thread delete_assistant`,
	"thread_and_run": "create_assistant create_thread_and_run get_run*2 create_thread_and_run delete_thread*2 delete_assistant",
	"vector_stores": `files_upload*2 create_vector_store*2 modify_vector_store get_vector_store list_vector_stores*2
		create_vector_store_file get_vector_store_file update_vector_store_file_attributes list_vector_store_files*2
		retrieve_vector_store_file_content search_vector_store delete_vector_store_file files_upload create_vector_store_file
		get_vector_store_file delete_vector_store*2 files_delete*3`,
	"file_batches": `files_upload create_vector_store create_vector_store_file_batch get_vector_store_file_batch
		list_vector_store_file_batch_files files_upload create_vector_store_file_batch get_vector_store_file_batch
		list_vector_store_file_batch_files create_vector_store_file_batch cancel_vector_store_file_batch
		get_vector_store_file_batch delete_vector_store files_delete*2`,
	"responses":            "create_response*2 get_response get_input_items delete_response*2 get_response!404",
	"responses_stream":     "create_response*2 get_response delete_response*2",
	"responses_tools":      "create_response*2 files_upload create_vector_store create_response delete_vector_store files_delete delete_response*3",
	"responses_background": "create_response get_response*2 create_response cancel_response delete_response*2",
	"responses_tokens":     "get_input_token_counts compact_conversation",
	"conversations": `create_conversation update_conversation get_conversation create_conversation_items create_response
		get_conversation_item list_conversation_items*2 delete_conversation_item delete_response delete_conversation get_conversation!404`,
	"containers": `files_upload create_container*2 retrieve_container list_containers*2 create_container_file*2 retrieve_container_file
		retrieve_container_file_content list_container_files*2 delete_container_file delete_container*2 files_delete`,
	"evals": `create_eval update_eval get_eval list_evals create_eval_run get_eval_run*2 get_eval_run_output_items*2
		get_eval_run_output_item create_eval_run cancel_eval_run get_eval_runs delete_eval_run delete_eval`,
	"moderations": "create_moderation",
	"stored_chats": `chatcompletions_create*3 list_chat_completions*2 get_chat_completion update_chat_completion
		get_chat_completion_messages delete_chat_completion*3 get_chat_completion!404`,
	"chats":            "chatcompletions_create*2 completions_create",
	"embeddings":       "embeddings_create*2",
	"images":           "imagegenerations_create*3 imageedits_create",
	"image_variations": "create_image_variation",
	"audio":            "transcriptions_create*3 translations_create speech_create*2",
	"realtime":         "realtime_connect",
	"realtime_beta":    "realtime_connect create_realtime_session create_realtime_transcription_session",
	"realtime_secrets": "create_realtime_client_secret realtime_connect",
	"models":           "models_list models_get",
}

// undated lists the cases whose operations the dated surface does not have, so
// that AzureOpenAI cannot make them.
var undated = []string{
	"fine_tuning_pause", "graders", "responses_tokens", "conversations", "containers", "moderations", "image_variations", "realtime_secrets",
}

// The subscriptions: the homes of two that follow each other differ.
var resourceTeams = []string{"team-a", "team-b", "team-c", "team-g"}

var resourceKeys = []string{callerKey, "e2e-key-b", "e2e-key-c", "e2e-key-g"}

var resourceDeployments = []string{
	"gpt-4o", "gpt-4o-mini", "gpt-35-turbo", "text-embedding-3-small", "dall-e-2", "dall-e-3", "gpt-image-1", "whisper-1",
	"gpt-4o-transcribe", "tts-1", "gpt-4o-mini-tts", "gpt-realtime", "gpt-4o-realtime-preview", "omni-moderation-latest",
}

// dated is the api-version that all of it is called with.
const dated = "2025-04-01-preview"

// wanted is one call of a case, as it must be on the record; status is 200 for any
// success.
type wanted struct {
	operation string
	status    int
}

// callsOf reads a row of resourceCases.
func callsOf(name string) []wanted {
	var all []wanted
	for _, word := range strings.Fields(resourceCases[name]) {
		word, code, _ := strings.Cut(word, "!")
		operation, times, _ := strings.Cut(word, "*")
		w := wanted{operation, 200}
		if code != "" {
			w.status, _ = strconv.Atoi(code)
		} else if operation == "realtime_connect" {
			w.status = 101
		}
		n, _ := strconv.Atoi(times)
		all = append(all, slices.Repeat([]wanted{w}, max(n, 1))...)
	}
	return all
}

// resourceLine is what a script says of one case.
type resourceLine struct {
	Client, Case, Detail, ID, Skipped string
	OK                                bool
	Calls                             []resourceCall
	Facts                             []resourceFact
}

// resourceCall is one call as its client saw it.
type resourceCall struct {
	ID             string
	Team, Status   int
	Sent, Received int64
	MS             float64
	Surface        string // where it is not the client's own

	operation, method string // by resourceCases
}

// resourceFact is what a call sent and was answered.
type resourceFact struct {
	Operation, Prompt, Completion string
	Model, Deployment, Resource   string
	Nth                           int
	Usage                         *struct{ Prompt, Completion, Total float64 }
	Parameters                    map[string]any
	Texts                         []string
	Images                        *int
	Seconds                       float64
	Tools                         int

	call *resourceCall
}

// traffic is all that was called, and what counted it.
type traffic struct {
	lines []resourceLine
	sims  []*simulator
}

// startPair starts two simulators, and writes the config of a gateway before
// them, with four subscriptions.
func startPair(t *testing.T, more ...string) (*gateway, []*simulator) {
	t.Helper()
	more = append([]string{"-deployment", strings.Join(resourceDeployments, ",")}, more...)
	east, west := startSim(t, "azure", eastKey, more...), startSim(t, "azure", westKey, more...)
	var routes []route
	for _, name := range resourceDeployments {
		routes = append(routes, route{name, []string{"east", "west"}})
	}
	g := newGateway(t, []backend{
		{"east", "azure", east.url, dated, "${env:EAST_KEY}"},
		{"west", "azure", west.url, dated, "${env:WEST_KEY}"},
		{"manager", "management", east.url, "", "${env:EAST_KEY}"},
	}, routes)
	for i, name := range resourceTeams[1:] {
		g.subscribe(t, name, resourceKeys[i+1])
	}
	g.amend(t, "drain_timeout: 2s", "drain_timeout: 2s, trusted_proxies: [127.0.0.1]")
	return g, []*simulator{east, west}
}

// TestResources calls every resource of the SDKs against two backends and reads
// the log, call by call; then it asks the queries of docs/metrics.md.
func TestResources(t *testing.T) {
	g, sims := startPair(t, "-first-token", "5ms")
	g.serve(t)
	all := &traffic{sims: sims}
	for _, sdk := range []struct {
		name, script string
		command      func(t *testing.T) *exec.Cmd
	}{
		{"python", "python/resources.py", pythonSDK}, {"node", "node/resources.cjs", nodeSDK},
	} {
		t.Run(sdk.name, func(t *testing.T) {
			lines := runResources(t, g, sdk.command(t), sdk.script)
			checkResources(t, g, lines)
			all.lines = append(all.lines, lines...)
		})
	}
	if len(all.lines) == 0 {
		t.Skip("no SDK is here, so there is no traffic to ask for")
	}
	t.Run("deployments", func(t *testing.T) { all.lines = append(all.lines, manageDeployments(t, g)) })
	t.Run("homes", func(t *testing.T) { checkHomes(t, g) })
	t.Run("counts", func(t *testing.T) { checkCounts(t, g, all) })
	t.Run("metrics", func(t *testing.T) { checkMetrics(t, g, all) })
	g.noDoubles(t)
}

// runResources runs a script of resources.
func runResources(t *testing.T, g *gateway, made *exec.Cmd, script string, args ...string) []resourceLine {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, made.Path, append([]string{script}, args...)...)
	cmd.Env = append(append(os.Environ(), made.Env...), "WEIR_URL="+g.url, "WEIR_KEYS="+strings.Join(resourceKeys, ","), "PYTHONWARNINGS=ignore")
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	began := time.Now()
	if err := cmd.Run(); err != nil {
		t.Errorf("%s: %v\n%s", script, err, stderr.String())
	}
	var lines []resourceLine
	calls := 0
	d := json.NewDecoder(bufio.NewReader(&out))
	for d.More() {
		var l resourceLine
		if err := d.Decode(&l); err != nil {
			t.Fatalf("%s wrote no JSON: %v\n%s", script, err, stderr.String())
		}
		if !l.OK {
			t.Errorf("%s: %s", l.ID, l.Detail)
		}
		calls += len(l.Calls)
		lines = append(lines, l)
	}
	t.Logf("%s: %d cases, %d calls in %v", script, len(lines), calls, time.Since(began).Round(time.Millisecond))
	return lines
}

const resourceColumns = `OperationId, Surface, ApimSubscriptionId, CallerIpAddress, ResponseCode, Outcome, BackendId, RequestSize, ResponseSize, ModelName,
	DeploymentName, PromptTokens, CompletionTokens, TotalTokens, UsageSource, Prompt, Completion, Parameters, ResourceId, Images, AudioSeconds, ToolCalls,
	StreamError`

// checkResources holds the log against what a script did and saw: each call by
// the id that its answer had.
func checkResources(t *testing.T, g *gateway, lines []resourceLine) {
	t.Helper()
	var ids []string
	for _, l := range lines {
		if l.Skipped == "" && l.OK {
			ids = append(ids, l.ID)
		}
	}
	g.catchUp(t)
	byID := g.settle(t, resourceColumns, ids)
	seen := map[string]bool{}
	for i, l := range lines {
		seen[l.Client+"/"+l.Case] = true
		if skip := l.Client == "azure" && slices.Contains(undated, l.Case); skip != (l.Skipped != "") {
			t.Errorf("%s: skipped: %q", l.ID, l.Skipped)
		}
		if l.Skipped == "" && l.OK {
			checkCase(t, &lines[i], byID[l.ID])
		}
	}
	for _, client := range sdkClients {
		for name := range resourceCases {
			if !seen[client.name+"/"+name] {
				t.Errorf("%s/%s: the script did not run it", client.name, name)
			}
		}
	}
}

func checkCase(t *testing.T, l *resourceLine, records []row) {
	t.Helper()
	want := callsOf(l.Case)
	if len(l.Calls) != len(want) || len(records) != len(want) {
		var got []string
		for _, r := range records {
			got = append(got, r.text("OperationId"))
		}
		t.Errorf("%s: %d calls, of which the log has %d, want %d; it has %v", l.ID, len(l.Calls), len(records), len(want), got)
		return
	}
	byCall := map[string]row{}
	for _, r := range records {
		byCall[r.text("CorrelationId")] = r
	}
	times := map[string]int{}
	byTime := map[string]*resourceCall{} // "operation/nth"
	for i, w := range want {
		c := &l.Calls[i]
		c.operation = w.operation
		r := byCall[c.ID]
		if r == nil {
			t.Errorf("%s: the %d. call, %s with the id %q, is not on the record", l.ID, i+1, w.operation, c.ID)
			continue
		}
		byTime[fmt.Sprint(w.operation, "/", times[w.operation])] = c
		times[w.operation]++
		checkCall(t, l, c, w, r)
	}
	for i := range l.Facts {
		f := &l.Facts[i]
		if f.call = byTime[fmt.Sprint(f.Operation, "/", f.Nth)]; f.call == nil {
			t.Errorf("%s: the script tells of the %d. %s, which is not there", l.ID, f.Nth+1, f.Operation)
			continue
		}
		checkFact(t, l.ID, f, byCall[f.call.ID])
	}
}

// checkCall compares a record with what the client knows of any call.
func checkCall(t *testing.T, l *resourceLine, c *resourceCall, w wanted, r row) {
	t.Helper()
	expect := map[string]string{
		"OperationId": w.operation, "Surface": cmp.Or(c.Surface, l.Client), "ApimSubscriptionId": resourceTeams[c.Team], "CallerIpAddress": fmt.Sprint("203.0.113.", c.Team+1),
		"ResponseCode": fmt.Sprint(c.Status), "Outcome": "completed", "StreamError": "",
		"RequestSize": fmt.Sprint(c.Sent), "ResponseSize": fmt.Sprint(c.Received),
	}
	for column, want := range expect {
		if got := fmt.Sprint(r[column]); got != want {
			t.Errorf("%s: %s (%s): %s is %s, want %s", l.ID, w.operation, c.ID, column, got, want)
		}
	}
	if c.Status != w.status && (w.status != 200 || c.Status/100 != 2) {
		t.Errorf("%s: %s was answered %d, want %d", l.ID, w.operation, c.Status, w.status)
	}
	if r.text("BackendId") == "" && !strings.HasPrefix(w.operation, "models_") && w.status != 404 {
		t.Errorf("%s: %s has no backend", l.ID, w.operation)
	}
}

// checkFact compares a record with what a script says of that call.
func checkFact(t *testing.T, id string, f *resourceFact, r row) {
	t.Helper()
	bad := func(column string, want any) {
		t.Errorf("%s: %s %d: %s is %v, want %v", id, f.Operation, f.Nth+1, column, r[column], want)
	}
	if !strings.Contains(r.text("Prompt"), f.Prompt) {
		bad("Prompt", f.Prompt)
	}
	for _, text := range f.Texts {
		if !strings.Contains(r.text("Prompt"), text) {
			bad("Prompt", text)
		}
	}
	if f.Completion != "" && !strings.HasPrefix(r.text("Completion"), f.Completion) {
		bad("Completion", f.Completion)
	}
	if f.Model != "" && r.text("ModelName") != f.Model {
		bad("ModelName", f.Model)
	}
	if f.Deployment != "" && r.text("DeploymentName") != f.Deployment {
		bad("DeploymentName", f.Deployment)
	}
	if f.Resource != "" && r.text("ResourceId") != f.Resource {
		bad("ResourceId", f.Resource)
	}
	if u := f.Usage; u != nil {
		got := fmt.Sprint(r.number("PromptTokens"), r.number("CompletionTokens"), r.number("TotalTokens"), r.text("UsageSource"))
		if want := fmt.Sprint(u.Prompt, u.Completion, u.Total, "backend"); got != want {
			bad("TotalTokens", want)
		}
	}
	if f.Images != nil && r.number("Images") != float64(*f.Images) {
		bad("Images", *f.Images)
	}
	if f.Seconds > 0 && r.number("AudioSeconds") != f.Seconds {
		bad("AudioSeconds", f.Seconds)
	}
	if r.number("ToolCalls") != float64(f.Tools) && f.Tools > 0 {
		bad("ToolCalls", f.Tools)
	}
	given, _ := json.Marshal(r["Parameters"])
	var got map[string]any
	if err := json.Unmarshal(given, &got); err != nil && len(f.Parameters) > 0 {
		bad("Parameters", f.Parameters)
	}
	for name, want := range f.Parameters {
		if !reflect.DeepEqual(got[name], want) {
			bad("Parameters", fmt.Sprintf("%s: %v", name, want))
		}
	}
}

// checkHomes sees that what a subscription made without naming another object
// lies on one backend, and that both backends are somebody's home.
func checkHomes(t *testing.T, g *gateway) {
	rows := g.query(t, `WeirExchanges
		| where OperationId in ('files_upload', 'create_assistant', 'create_thread', 'create_vector_store', 'create_conversation', 'create_container', 'create_eval', 'uploadfile_start')
		| where ResponseCode < 300 | summarize Backends = make_set(BackendId), Made = count() by ApimSubscriptionId`)
	homes := map[string]int{}
	for _, r := range rows {
		backends, _ := r["Backends"].([]any)
		if len(backends) != 1 {
			t.Errorf("%s made %v objects on %v", r.text("ApimSubscriptionId"), r["Made"], backends)
			continue
		}
		homes[fmt.Sprint(backends[0])] += int(r.number("Made"))
	}
	if len(rows) != len(resourceTeams) || len(homes) != 2 {
		t.Errorf("%d subscriptions made objects, on %v", len(rows), homes)
	}
	t.Logf("objects made, by home: %v", homes)
}

// checkCounts holds the log against the simulators' own count: calls of each
// case and operation, and tokens of each operation.
func checkCounts(t *testing.T, g *gateway, all *traffic) {
	type key struct{ id, operation string }
	seen := map[key]int{}
	for _, s := range all.sims {
		for _, c := range s.calls(t) {
			if id := c.Headers["x-ms-client-request-id"]; id != "" {
				seen[key{id, c.Operation}]++
			}
		}
	}
	recorded := map[key]int{}
	for _, r := range g.query(t, `WeirExchanges | where ClientRequestId != '' and OperationId !startswith 'models_'
		| summarize Calls = count(), Attempts = sum(AttemptCount) by ClientRequestId, OperationId`) {
		n := r.number("Calls")
		if strings.HasPrefix(r.text("OperationId"), "list_") || strings.HasSuffix(r.text("OperationId"), "_list") {
			n = r.number("Attempts") // one for each backend, or page of it
		}
		recorded[key{r.text("ClientRequestId"), r.text("OperationId")}] = int(n)
	}
	if !maps.Equal(seen, recorded) {
		for k, n := range seen {
			if recorded[k] != n {
				t.Errorf("%s: %d calls of %s are on the record, the simulators had %d", k.id, recorded[k], k.operation, n)
			}
		}
		for k, n := range recorded {
			if seen[k] == 0 {
				t.Errorf("%s: %d calls of %s are on the record, the simulators had none", k.id, n, k.operation)
			}
		}
	}
	wide := map[string]row{}
	for _, r := range g.query(t, `WeirExchanges | summarize P = sum(PromptTokens), C = sum(CompletionTokens), T = sum(TotalTokens) by OperationId`) {
		wide[r.text("OperationId")] = r
	}
	total := int64(0)
	truth := map[string]simCount{}
	for _, c := range all.counts(t) {
		sum := truth[c.Operation]
		sum.PromptTokens += c.PromptTokens
		sum.CompletionTokens += c.CompletionTokens
		sum.TotalTokens += c.TotalTokens
		truth[c.Operation] = sum
		total += c.TotalTokens
	}
	for operation, want := range truth {
		checkSum(t, operation, wide[operation], want)
	}
	for operation, r := range wide {
		if r.number("T") > 0 && truth[operation].TotalTokens == 0 {
			t.Errorf("%s: %v tokens, the simulators served none", operation, r["T"])
		}
	}
	t.Logf("%d calls with the scripts' ids, %d tokens", len(seen), total)
}

// manageDeployments makes, uses and removes deployments, which no SDK does: by the
// early api-versions' own operations, and by Azure Resource Manager's.
func manageDeployments(t *testing.T, g *gateway) resourceLine {
	t.Helper()
	const (
		early   = "?api-version=2022-12-01"
		manager = "?api-version=2023-05-01"
		account = "/subscriptions/s/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/east/deployments"
		sku     = `{"sku":{"name":"Standard","capacity":10},"properties":{"model":{"format":"OpenAI","name":"gpt-4o","version":"2024-08-06"}}}`
		scale   = `{"model":"gpt-4o","scale_settings":{"scale_type":"standard"}}`
	)
	l := resourceLine{Client: "go", Case: "deployments", ID: "go/azure/deployments", OK: true}
	do := func(operation, method, url, body string) []byte {
		t.Helper()
		req, _ := http.NewRequest(method, g.url+url, strings.NewReader(body))
		req.Header = http.Header{"Api-Key": {callerKey}, "X-Ms-Client-Request-Id": {l.ID}, "X-Forwarded-For": {"203.0.113.1"}, "Content-Type": {"application/json"}}
		began := time.Now()
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode >= 300 {
			t.Fatalf("%s %s: status %d, %v\n%s", method, url, resp.StatusCode, err, answer)
		}
		l.Calls = append(l.Calls, resourceCall{
			ID: resp.Header.Get("Apim-Request-Id"), Status: resp.StatusCode, Sent: int64(len(body)), Received: int64(len(answer)),
			MS: float64(time.Since(began).Microseconds()) / 1000, operation: operation, method: method,
		})
		return answer
	}
	chat := func(deployment string) {
		t.Helper()
		var answer struct {
			Choices []struct{ Message struct{ Content string } }
		}
		prompt := "Hello, " + deployment
		data := do(chatOp, "POST", "/openai/deployments/"+deployment+"/chat/completions?api-version="+dated,
			`{"max_tokens":5,"messages":[{"role":"user","content":"`+prompt+`"}]}`)
		if err := json.Unmarshal(data, &answer); err != nil || len(answer.Choices) != 1 {
			t.Fatalf("%v: %s", err, data)
		}
		l.Facts = append(l.Facts, resourceFact{
			Operation: chatOp, Prompt: prompt, Completion: answer.Choices[0].Message.Content,
			Parameters: map[string]any{"max_tokens": 5.0}, call: &resourceCall{ID: l.Calls[len(l.Calls)-1].ID},
		})
	}
	var made struct{ ID string }
	if err := json.Unmarshal(do("deployments_create", "POST", "/openai/deployments"+early, scale), &made); err != nil || made.ID == "" {
		t.Fatalf("the deployment's id is %q, %v", made.ID, err)
	}
	do("deployments_list", "GET", "/openai/deployments"+early, "")
	do("deployments_get", "GET", "/openai/deployments/"+made.ID+early, "")
	do("deployments_update", "PATCH", "/openai/deployments/"+made.ID+early, `{"scale_settings":{"scale_type":"manual","capacity":1}}`)
	chat(made.ID)
	do("deployments_delete", "DELETE", "/openai/deployments/"+made.ID+early, "")
	do("arm_deployments_createorupdate", "PUT", account+"/fresh"+manager, sku)
	do("arm_deployments_get", "GET", account+"/fresh"+manager, "")
	do("arm_deployments_update", "PATCH", account+"/fresh"+manager, `{"sku":{"name":"Standard","capacity":20}}`)
	do("arm_deployments_list", "GET", account+manager, "")
	chat("fresh")
	do("arm_deployments_delete", "DELETE", account+"/fresh"+manager, "")

	records := g.settle(t, resourceColumns, []string{l.ID})[l.ID]
	if len(records) != len(l.Calls) {
		waitFor(t, 10*time.Second, "the calls on deployments", func() (bool, string) {
			records = g.settle(t, resourceColumns, []string{l.ID})[l.ID]
			return len(records) == len(l.Calls), fmt.Sprintf("%d records of %d", len(records), len(l.Calls))
		})
	}
	for i := range l.Calls {
		c := &l.Calls[i]
		for _, r := range records {
			if r.text("CorrelationId") == c.ID && (r.text("OperationId") != c.operation || r.number("ResponseCode") != float64(c.Status)) {
				t.Errorf("%s is %s with status %v on the record", c.operation, r.text("OperationId"), r["ResponseCode"])
			}
		}
	}
	return l
}
