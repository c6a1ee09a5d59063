package sim

import (
	"strings"
)

// scenes are the plays of TestEveryRoute, by family.
var scenes = map[string]func(*scene){
	"files": filesScene, "tuning": tuningScene, "batches": batchesScene, "assistants": assistantsScene,
	"vector": vectorScene, "responses": responsesScene, "evals": evalsScene, "deployments": deploymentsScene,
}

const trainingLine = `{"messages":[{"role":"user","content":"Hello"},{"role":"assistant","content":"Hi"}]}`

// upload is a file with that purpose and content.
func (sc *scene) upload(name, purpose, content string) {
	sc.t.Helper()
	status := 200
	if sc.on == classic {
		status = 201
	}
	sc.do(status, "POST /files", "@purpose="+purpose+";file:"+name+".jsonl="+content, name, "id")
}

func filesScene(sc *scene) {
	sc.upload("first", "fine-tune", trainingLine)
	sc.upload("second", "assistants", "The lighthouse keeper counts lanterns.")
	sc.do(200, "GET /files/$first", "")
	sc.do(200, "GET /files?purpose=assistants", "")
	sc.do(200, "GET /files?limit=1&order=asc", "", "page", "last_id")
	sc.expect("false", "has_more", sc.do(200, "GET /files?limit=1&order=asc&after=$page", ""))
	sc.do(200, "GET /files/$first/content", "")
	sc.do(200, "DELETE /files/$first", "")
	sc.do(404, "GET /files/$first", "")
	if sc.on == classic {
		sc.do(201, "POST /files/import", `{"purpose":"fine-tune","filename":"far.jsonl","content_url":"https://blob.invalid/x"}`)
	}
	sc.do(200, "POST /uploads", `{"bytes":8,"filename":"joined.txt","mime_type":"text/plain","purpose":"assistants"}`, "upload", "id")
	sc.do(200, "POST /uploads/$upload/parts", "@data:a=part", "a", "id")
	sc.do(200, "POST /uploads/$upload/parts", "@data:b=next", "b", "id")
	sc.do(200, "POST /uploads/$upload/complete", `{"part_ids":["$b","$a"]}`, "joined", "file.id")
	if got := sc.do(200, "GET /files/$joined/content", ""); got != "nextpart" {
		sc.t.Errorf("the parts are put together as %q", got)
	}
	sc.do(200, "POST /uploads", `{"bytes":8,"filename":"joined.txt","mime_type":"text/plain","purpose":"assistants"}`, "upload", "id")
	sc.do(200, "POST /uploads/$upload/cancel", "")
	if sc.on == classic {
		return
	}
	sc.do(200, "POST /containers", `{"name":"box","file_ids":["$second"]}`, "box", "id")
	sc.do(200, "GET /containers", "")
	sc.do(200, "GET /containers/$box", "")
	sc.do(200, "POST /containers/$box/files", "@file:notes.txt=some notes", "notes", "id")
	sc.do(200, "POST /containers/$box/files", `{"file_id":"$second"}`)
	sc.do(200, "GET /containers/$box/files", "")
	sc.do(200, "GET /containers/$box/files/$notes", "")
	sc.do(200, "GET /containers/$box/files/$notes/content", "")
	sc.do(200, "DELETE /containers/$box/files/$notes", "")
	sc.do(200, "DELETE /containers/$box", "")
}

func tuningScene(sc *scene) {
	created := 200
	if sc.on == classic {
		created = 201
	}
	sc.upload("train", "fine-tune", trainingLine)
	const job = `{"model":"gpt-4o","training_file":"$train","suffix":"rivers"}`
	sc.do(created, "POST /fine_tuning/jobs", job, "job", "id")
	sc.do(200, "GET /fine_tuning/jobs", "")
	status := ""
	for range 3 {
		status = sc.do(200, "GET /fine_tuning/jobs/$job", "", "model", "fine_tuned_model")
	}
	sc.expect("succeeded", "status", status)
	sc.do(200, "GET /fine_tuning/jobs/$job/events?limit=2", "")
	sc.do(200, "GET /fine_tuning/jobs/$job/checkpoints", "", "point", "data.1.id", "checkpoint", "data.1.fine_tuned_model_checkpoint")
	sc.do(created, "POST /fine_tuning/jobs", job, "other", "id")
	if sc.on != classic {
		sc.do(200, "POST /chat/completions", `{"model":"$model","messages":[{"role":"user","content":"Hi"}]}`)
		sc.do(200, "POST /fine_tuning/jobs/$other/pause", "")
		sc.do(200, "POST /fine_tuning/jobs/$other/resume", "")
		sc.do(200, "POST /fine_tuning/alpha/graders/run", `{"grader":{"type":"string_check","name":"same"},"model_sample":"hi"}`)
		sc.do(200, "POST /fine_tuning/alpha/graders/validate", `{"grader":{"type":"string_check","name":"same"}}`)
	}
	sc.do(200, "POST /fine_tuning/jobs/$other/cancel", "")
	switch sc.on {
	case classic:
		sc.do(404, "POST /deployments/$model/chat/completions", hello)
		sc.do(204, "DELETE /fine_tuning/jobs/$other", "")
		sc.do(404, "GET /fine_tuning/jobs/$other", "")
	case v1:
		sc.do(200, "POST /fine_tuning/jobs/$job/checkpoints/$point/copy", `{"destinationResourceId":"there","region":"westus"}`)
		sc.do(200, "GET /fine_tuning/jobs/$job/checkpoints/$point/copy", "")
	case native:
		sc.do(200, "POST /fine_tuning/checkpoints/$checkpoint/permissions", `{"project_ids":["proj_1"]}`, "permission", "data.0.id")
		sc.do(200, "GET /fine_tuning/checkpoints/$checkpoint/permissions", "")
		sc.do(200, "DELETE /fine_tuning/checkpoints/$checkpoint/permissions/$permission", "")
		sc.do(200, "DELETE /models/$model", "")
		sc.do(404, "POST /chat/completions", `{"model":"$model","messages":[{"role":"user","content":"Hi"}]}`)
	}
}

func batchesScene(sc *scene) {
	endpoint := "/v1/chat/completions"
	if sc.on == classic {
		endpoint = "/chat/completions"
	}
	line := func(id, model string) string {
		return `{"custom_id":"` + id + `","method":"POST","url":"` + endpoint + `","body":{"model":"` + model + `","messages":[{"role":"user","content":"Tell me of ` + id + `."}]}}` + "\n"
	}
	sc.upload("lines", "batch", line("rivers", "gpt-4o")+line("nobody", "gpt-9")+line("hills", "limited"))
	body := `{"input_file_id":"$lines","endpoint":"` + endpoint + `","completion_window":"24h","metadata":{"a":"b"}}`
	sc.do(200, "POST /batches", body, "batch", "id")
	var last string
	for range 3 {
		last = sc.do(200, "GET /batches/$batch", "", "output", "output_file_id", "failed", "error_file_id")
	}
	sc.expect("completed", "status", last)
	sc.expect("2", "request_counts.completed", last)
	sc.do(200, "GET /files/$output/content", "")
	sc.do(200, "GET /files/$failed/content", "")
	sc.do(200, "POST /batches", body, "other", "id")
	sc.do(200, "POST /batches/$other/cancel", "")
	sc.expect("cancelled", "status", sc.do(200, "GET /batches/$other", ""))
	sc.do(200, "GET /batches", "")
	sc.upload("broken", "batch", "no json\n")
	sc.do(200, "POST /batches", strings.ReplaceAll(body, "$lines", "$broken"), "bad", "id")
	sc.expect("failed", "status", sc.do(200, "GET /batches/$bad", ""))
}

func assistantsScene(sc *scene) {
	if sc.on == v1 {
		return
	}
	sc.do(200, "POST /assistants", `{"model":"gpt-4o","name":"Ann","instructions":"Be brief."}`, "assistant", "id")
	sc.do(200, "POST /assistants", `{"model":"gpt-4o",`+weatherTools+`}`, "tooled", "id")
	sc.do(200, "GET /assistants", "")
	sc.do(200, "POST /assistants/$assistant", `{"name":"Anna"}`)
	sc.do(200, "GET /assistants/$assistant", "")
	sc.do(200, "POST /threads", `{"messages":[{"role":"user","content":"Tell me of rivers."}]}`, "thread", "id")
	sc.do(200, "GET /threads/$thread", "")
	sc.do(200, "POST /threads/$thread", `{"metadata":{"a":"b"}}`)
	sc.do(200, "POST /threads/$thread/messages", `{"role":"user","content":[{"type":"text","text":"And of hills."}]}`, "message", "id")
	sc.do(200, "GET /threads/$thread/messages/$message", "")
	sc.do(200, "POST /threads/$thread/messages/$message", `{"metadata":{"c":"d"}}`)
	sc.do(200, "POST /threads/$thread/runs", `{"assistant_id":"$assistant"}`, "run", "id")
	sc.do(400, "POST /threads/$thread/messages", `{"role":"user","content":"too early"}`)
	sc.do(200, "GET /threads/$thread/runs/$run", "")
	sc.expect("completed", "status", sc.do(200, "GET /threads/$thread/runs/$run", ""))
	sc.do(200, "POST /threads/$thread/runs/$run", `{"metadata":{"e":"f"}}`)
	sc.do(200, "GET /threads/$thread/runs", "")
	sc.do(200, "GET /threads/$thread/runs/$run/steps", "", "step", "data.0.id")
	sc.do(200, "GET /threads/$thread/runs/$run/steps/$step", "")
	sc.do(200, "GET /threads/$thread/messages?run_id=$run", "")
	sc.do(200, "DELETE /threads/$thread/messages/$message", "")
	sc.do(200, "POST /threads/runs", `{"assistant_id":"$tooled","thread":{"messages":[{"role":"user","content":"Will it rain?"}]}}`, "run", "id", "other", "thread_id")
	sc.do(200, "GET /threads/$other/runs/$run", "")
	sc.do(200, "GET /threads/$other/runs/$run", "", "tool", "required_action.submit_tool_outputs.tool_calls.0.id")
	sc.do(200, "POST /threads/$other/runs/$run/submit_tool_outputs", `{"tool_outputs":[{"tool_call_id":"$tool","output":"rain"}]}`)
	sc.do(200, "GET /threads/$other/runs/$run", "")
	sc.expect("completed", "status", sc.do(200, "GET /threads/$other/runs/$run", ""))
	sc.do(200, "POST /threads/$other/runs", `{"assistant_id":"$tooled"}`, "run", "id")
	sc.do(200, "POST /threads/$other/runs/$run/cancel", "")
	sc.expect("cancelled", "status", sc.do(200, "GET /threads/$other/runs/$run", ""))
	sc.do(200, "POST /threads/runs", `{"assistant_id":"$assistant","stream":true,"metadata":{"sim":"tokens=3"},"thread":{"messages":[{"role":"user","content":"Hi"}]}}`)
	sc.do(200, "DELETE /threads/$thread", "")
	sc.do(200, "DELETE /assistants/$assistant", "")
	sc.do(404, "GET /threads/$thread/runs", "")
}

func vectorScene(sc *scene) {
	sc.upload("sea", "assistants", "The lighthouse keeper counts lanterns by the sea.")
	sc.upload("land", "assistants", "In the orchard the bees count apples.")
	sc.do(200, "POST /vector_stores", `{"name":"shelf","file_ids":["$sea"]}`, "store", "id")
	sc.do(200, "GET /vector_stores/$store", "")
	sc.do(200, "GET /vector_stores", "")
	sc.do(200, "POST /vector_stores/$store", `{"metadata":{"a":"b"}}`)
	sc.do(200, "POST /vector_stores/$store/files", `{"file_id":"$land","attributes":{"year":2026}}`)
	sc.do(200, "GET /vector_stores/$store/files/$land", "")
	sc.do(200, "GET /vector_stores/$store/files?filter=completed", "")
	sc.do(200, "POST /vector_stores/$store/files/$land", `{"attributes":{"year":2027}}`)
	sc.do(200, "GET /vector_stores/$store/files/$land/content", "")
	found := sc.do(200, "POST /vector_stores/$store/search", `{"query":"bees in the orchard"}`)
	sc.expect(sc.vars["land"], "data.0.file_id", found)
	sc.do(200, "POST /vector_stores/$store/search", `{"query":"bees","filters":{"type":"lt","key":"year","value":2027}}`)
	sc.do(200, "DELETE /vector_stores/$store/files/$land", "")
	sc.do(200, "POST /vector_stores/$store/file_batches", `{"files":[{"file_id":"$land","attributes":{"n":1}}]}`, "batch", "id")
	sc.do(200, "GET /vector_stores/$store/file_batches/$batch", "")
	sc.do(200, "GET /vector_stores/$store/file_batches/$batch/files", "")
	sc.do(200, "POST /vector_stores/$store/file_batches", `{"file_ids":["$sea","$land"]}`, "batch", "id")
	sc.do(200, "POST /vector_stores/$store/file_batches/$batch/cancel", "")
	sc.do(200, "DELETE /vector_stores/$store", "")
}

func responsesScene(sc *scene) {
	sc.do(200, "POST /responses", `{"model":"gpt-4o","input":"Tell me of rivers.","instructions":"Be brief."}`, "first", "id")
	sc.do(200, "GET /responses/$first", "")
	sc.do(200, "POST /responses", `{"model":"gpt-4o","input":[{"role":"user","content":[{"type":"input_text","text":"And hills?"}]}],"previous_response_id":"$first"}`, "second", "id")
	sc.do(200, "GET /responses/$second/input_items", "")
	sc.do(200, "POST /responses", `{"model":"gpt-4o","stream":true,"metadata":{"sim":"tokens=3"},"input":"Stream."}`)
	sc.do(200, "POST /responses", `{"model":"o3-mini","input":"Will it rain?","tools":[{"type":"function","name":"get_weather","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}]}`,
		"tooled", "id", "call", "output.1.call_id")
	sc.do(200, "POST /responses", `{"model":"o3-mini","previous_response_id":"$tooled","input":[{"type":"function_call_output","call_id":"$call","output":"rain"}]}`)
	sc.do(200, "POST /responses", `{"model":"gpt-4o","background":true,"input":"Slowly."}`, "slow", "id")
	sc.do(200, "GET /responses/$slow", "")
	sc.expect("completed", "status", sc.do(200, "GET /responses/$slow", ""))
	sc.do(200, "GET /responses/$slow?stream=true&starting_after=3", "")
	sc.do(200, "POST /responses", `{"model":"gpt-4o","background":true,"input":"Slowly."}`, "slow", "id")
	sc.do(200, "POST /responses/$slow/cancel", "")
	sc.do(200, "DELETE /responses/$first", "")
	sc.do(404, "GET /responses/$first", "")
	chat := "POST /chat/completions"
	if sc.on == classic {
		chat = "POST /deployments/gpt-4o/chat/completions"
	}
	sc.do(200, chat, `{"model":"gpt-4o","store":true,"metadata":{"k":"v"},"messages":[{"role":"user","content":"Keep this."}]}`, "kept", "id")
	sc.do(200, "GET /chat/completions?metadata[k]=v", "")
	sc.do(200, "GET /chat/completions/$kept", "")
	sc.do(200, "POST /chat/completions/$kept", `{"metadata":{"k":"w"}}`)
	sc.do(200, "GET /chat/completions/$kept/messages", "")
	sc.do(200, "DELETE /chat/completions/$kept", "")
	if sc.on == classic {
		return
	}
	sc.do(200, "POST /responses/input_tokens", `{"model":"gpt-4o","input":"How long is this?"}`)
	sc.do(200, "POST /responses/compact", `{"model":"gpt-4o","input":"Make this short."}`)
	sc.do(200, "POST /conversations", `{"metadata":{"a":"b"},"items":[{"role":"user","content":"Remember the harbour."}]}`, "talk", "id")
	sc.do(200, "GET /conversations/$talk", "")
	sc.do(200, "POST /conversations/$talk", `{"metadata":{"a":"c"}}`)
	sc.do(200, "POST /conversations/$talk/items", `{"items":[{"role":"user","content":"And the mill."}]}`, "item", "data.0.id")
	sc.do(200, "POST /responses", `{"model":"gpt-4o","conversation":"$talk","input":[{"type":"item_reference","id":"$item"}]}`)
	sc.do(200, "GET /conversations/$talk/items", "")
	sc.do(200, "GET /conversations/$talk/items/$item", "")
	sc.do(200, "DELETE /conversations/$talk/items/$item", "")
	sc.do(200, "DELETE /conversations/$talk", "")
}

func evalsScene(sc *scene) {
	created, ran := 200, 201
	switch sc.on {
	case native:
		created = 201
	case classic:
		ran = 200
	}
	sc.do(created, "POST /evals", `{"name":"rain","data_source_config":{"type":"custom"},"testing_criteria":[{"type":"string_check","name":"same"}]}`, "eval", "id")
	sc.do(200, "GET /evals", "")
	sc.do(200, "GET /evals/$eval", "")
	sc.do(200, "POST /evals/$eval", `{"name":"snow"}`)
	const run = `{"name":"one","data_source":{"type":"completions","model":"gpt-4o","source":{"type":"file_content","content":[{"item":{"q":"a"}},{"item":{"q":"b"}}]}}}`
	sc.do(ran, "POST /evals/$eval/runs", run, "run", "id")
	sc.do(200, "GET /evals/$eval/runs/$run", "")
	sc.expect("completed", "status", sc.do(200, "GET /evals/$eval/runs/$run", ""))
	sc.do(200, "GET /evals/$eval/runs", "")
	sc.do(200, "GET /evals/$eval/runs/$run/output_items", "", "item", "data.0.id")
	sc.do(200, "GET /evals/$eval/runs/$run/output_items/$item", "")
	for _, path := range []string{"", "/cancel"} {
		sc.do(ran, "POST /evals/$eval/runs", run, "other", "id")
		sc.do(200, "POST /evals/$eval/runs/$other"+path, "")
	}
	sc.do(200, "DELETE /evals/$eval/runs/$other", "")
	sc.do(200, "DELETE /evals/$eval", "")
}

func deploymentsScene(sc *scene) {
	if sc.on != classic {
		return
	}
	const early = "2022-12-01!"
	sc.do(201, "POST "+early+"/deployments", `{"model":"gpt-4o","scale_settings":{"scale_type":"standard"}}`, "made", "id")
	sc.do(200, "GET "+early+"/deployments", "")
	sc.do(200, "GET "+early+"/deployments/$made", "")
	sc.do(200, "PATCH "+early+"/deployments/$made", `{"scale_settings":{"scale_type":"manual","capacity":1}}`)
	sc.do(200, "POST /deployments/$made/chat/completions", hello)
	sc.do(204, "DELETE "+early+"/deployments/$made", "")
	sc.do(404, "POST /deployments/$made/chat/completions", hello)
	const arm = "2023-05-01!/subscriptions/s1/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/acc/deployments"
	const body = `{"sku":{"name":"Standard","capacity":10},"properties":{"model":{"format":"OpenAI","name":"gpt-4o","version":"2024-08-06"}}}`
	sc.do(201, "PUT "+arm+"/new", body)
	sc.do(200, "PUT "+arm+"/new", body)
	sc.do(200, "GET "+arm+"/new", "")
	sc.do(200, "PATCH "+arm+"/new", `{"sku":{"name":"Standard","capacity":20}}`)
	sc.do(200, "GET "+arm, "")
	sc.do(200, "POST /deployments/new/chat/completions", hello)
	sc.do(200, "DELETE "+arm+"/new", "")
	sc.do(204, "DELETE "+arm+"/new", "")
	sc.do(404, "GET "+arm+"/new", "")
}
