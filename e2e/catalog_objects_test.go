package e2e

// What the cases of stateful objects have in common.
const metadataBody = `{"metadata":{"a":"b"}}`

// fileCases are those of files, uploads and batches.
func fileCases() []operationCase {
	return []operationCase{
		{opCall: opCall{op: "files_list", query: "purpose=assistants"}, needs: "file other_file"},
		{opCall: opCall{op: "files_upload", form: fileForm("assistants", "mill.txt", "The mill turns.")}, creates: true,
			prompt: "purpose: assistants\n\nfilename: mill.txt", parameters: "purpose"},
		{opCall: opCall{op: "files_import", body: `{"purpose":"fine-tune","filename":"far.jsonl","content_url":"https://blob.invalid/x"}`}, creates: true,
			prompt: "purpose: fine-tune", parameters: "filename"},
		{opCall: opCall{op: "files_get"}, needs: "file"},
		{opCall: opCall{op: "files_delete", params: "file=$deleted_file"}, fresh: "deleted_file"},
		{opCall: opCall{op: "files_getcontent"}},

		{opCall: opCall{op: "uploadfile_start", body: uploadBody}, creates: true, prompt: "filename: joined.txt", parameters: "bytes mime_type"},
		{opCall: opCall{op: "uploadfile_part", form: []formPart{{"data", "8 bytes.", "part"}}}, fresh: "upload", prompt: "filename: part"},
		{opCall: opCall{op: "uploadfile_complete", body: `{"part_ids":["$part"]}`}, fresh: "upload part", parameters: "part_ids"},
		{opCall: opCall{op: "uploadfile_cancel"}, fresh: "upload"},

		{opCall: opCall{op: "batch_list", query: "limit=50"}, needs: "batch"},
		{opCall: opCall{op: "batch_create", body: batchBody}, creates: true, parameters: "input_file_id endpoint completion_window"},
		{opCall: opCall{op: "batch_get"}, needs: "batch"},
		{opCall: opCall{op: "batch_cancel"}, fresh: "batch"},
	}
}

// trainingCases are those of fine-tuning.
func trainingCases() []operationCase {
	const grader = `{"grader":{"type":"string_check","name":"same","input":"{{item.q}}","reference":"a","operation":"eq"},"model_sample":"hi"}`
	return []operationCase{
		{opCall: opCall{op: "finetuning_list", query: "limit=100"}, needs: "fine_tuning_job"},
		{opCall: opCall{op: "finetuning_create", body: jobBody}, creates: true, parameters: "model training_file seed"},
		{opCall: opCall{op: "finetuning_get"}, needs: "fine_tuning_job"},
		{opCall: opCall{op: "finetuning_delete"}, fresh: "fine_tuning_job"},
		{opCall: opCall{op: "finetuning_getevents"}},
		{opCall: opCall{op: "finetuning_getcheckpoints", params: "fine_tuning_job=$succeeded_job"}, needs: "checkpoint"},
		{opCall: opCall{op: "finetuning_cancel"}, fresh: "fine_tuning_job"},
		{opCall: opCall{op: "pause_fine_tuning_job"}, fresh: "fine_tuning_job"},
		{opCall: opCall{op: "resume_fine_tuning_job", params: "fine_tuning_job=$paused_job"}, fresh: "fine_tuning_job paused_job"},
		{opCall: opCall{op: "finetuning_copycheckpoint", params: "fine_tuning_job=$succeeded_job", body: `{"destinationResourceId":"there","region":"westus"}`}, parameters: "region"},
		{opCall: opCall{op: "finetuning_getcheckpoint", params: "fine_tuning_job=$succeeded_job"}, fresh: "copied", needs: "copied"},
		{opCall: opCall{op: "list_fine_tuning_checkpoint_permissions", params: "model=$tuned"}, home: "north", needs: "permission"},
		{opCall: opCall{op: "create_fine_tuning_checkpoint_permission", params: "model=$tuned", body: `{"project_ids":["proj_2"]}`}, home: "north", parameters: "project_ids"},
		{opCall: opCall{op: "delete_fine_tuning_checkpoint_permission", params: "model=$tuned"}, home: "north", fresh: "permission"},
		{opCall: opCall{op: "run_grader", body: grader}, parameters: "model_sample grader"},
		{opCall: opCall{op: "validate_grader", body: grader}, parameters: "grader"},
	}
}

// assistantCases are those of assistants, threads, messages, runs and steps.
func assistantCases() []operationCase {
	const (
		threadRun = `{"assistant_id":"$assistant","thread":{"messages":[{"role":"user","content":"Tell me of the tide."}]},"temperature":0.5`
		runBody   = `{"assistant_id":"$assistant","additional_instructions":"Name one lighthouse.","temperature":0.5`
		outputs   = `{"tool_outputs":[{"tool_call_id":"$tool_call","output":"It rains."}]`
		idle      = "thread=$idle_thread"
		waiting   = "thread=$idle_thread run=$waiting_run"
		talks     = "delta.content.0.text.value"
	)
	return []operationCase{
		{opCall: opCall{op: "list_assistants", query: "limit=100"}, needs: "assistant"},
		{opCall: opCall{op: "create_assistant", model: "gpt-4o", body: `{"name":"Ann","instructions":"Be brief about rivers.","temperature":0.5,` + weatherTool + `}`}, creates: true,
			prompt: "system: Be brief about rivers.", parameters: "temperature name"},
		{opCall: opCall{op: "get_assistant"}, needs: "assistant"},
		{opCall: opCall{op: "modify_assistant", body: `{"instructions":"Be long about hills."}`}, prompt: "Be long about hills."},
		{opCall: opCall{op: "delete_assistant"}, fresh: "assistant"},

		{opCall: opCall{op: "create_thread", body: `{"messages":[{"role":"user","content":"Tell me of the weir."}],"metadata":{"k":"v"}}`}, creates: true,
			prompt: "user: Tell me of the weir.", parameters: "metadata"},
		{opCall: opCall{op: "get_thread"}, needs: "thread"},
		{opCall: opCall{op: "modify_thread", body: metadataBody}, parameters: "metadata"},
		{opCall: opCall{op: "delete_thread"}, fresh: "thread"},

		{opCall: opCall{op: "list_messages"}, needs: "message"},
		{opCall: opCall{op: "create_message", body: `{"role":"user","content":"And of the sluice."}`}, prompt: "user: And of the sluice.", parameters: "role"},
		{opCall: opCall{op: "get_message"}, needs: "message"},
		{opCall: opCall{op: "modify_message", body: metadataBody}, parameters: "metadata"},
		{opCall: opCall{op: "delete_message"}, fresh: "message"},

		{opCall: opCall{op: "create_thread_and_run", body: threadRun + "}"}, asks: true, creates: true, prompt: "user: Tell me of the tide.", parameters: "assistant_id temperature"},
		{opCall: opCall{op: "create_thread_and_run", body: threadRun + `,"stream":true}`}, name: "streamed", asks: true, stream: true, creates: true,
			prompt: "user: Tell me of the tide.", said: talks, parameters: "temperature stream"},
		{opCall: opCall{op: "create_thread_and_run", model: "gpt-4o", body: threadRun + `,"stream":true}`}, name: "streamed with model", asks: true, stream: true, creates: true,
			prompt: "user: Tell me of the tide.", said: talks, parameters: "model"},
		{opCall: opCall{op: "list_runs"}, needs: "run"},
		{opCall: opCall{op: "create_run", params: idle, body: runBody + "}"}, fresh: "idle_thread", asks: true, prompt: "system: Name one lighthouse.", parameters: "assistant_id temperature"},
		{opCall: opCall{op: "create_run", params: idle, body: runBody + `,"stream":true}`}, fresh: "idle_thread", name: "streamed", asks: true, stream: true,
			prompt: "system: Name one lighthouse.", said: talks, parameters: "stream"},
		{opCall: opCall{op: "get_run"}, needs: "run"},
		{opCall: opCall{op: "modify_run", body: metadataBody}, needs: "run", parameters: "metadata"},
		{opCall: opCall{op: "submit_tool_outputs_to_run", params: waiting, body: outputs + "}"}, fresh: "idle_thread waiting_run tool_call", asks: true, prompt: "It rains."},
		{opCall: opCall{op: "submit_tool_outputs_to_run", params: waiting, body: outputs + `,"stream":true}`}, fresh: "idle_thread waiting_run tool_call", name: "streamed", asks: true, stream: true,
			prompt: "It rains.", said: talks, parameters: "stream"},
		{opCall: opCall{op: "cancel_run", params: "thread=$idle_thread run=$queued_run"}, fresh: "idle_thread queued_run"},
		{opCall: opCall{op: "list_run_steps"}, needs: "step"},
		{opCall: opCall{op: "get_run_step"}, needs: "step"},
	}
}

// responseCases are those of responses, conversations and stored chats.
func responseCases() []operationCase {
	const (
		ask      = `"input":[{"role":"user","content":[{"type":"input_text","text":"Tell me of the estuary."}]}],"instructions":"Be brief.","temperature":0.5,"max_output_tokens":30`
		answered = "output.0.content.0.text"
	)
	return []operationCase{
		{opCall: opCall{op: "create_response", model: "gpt-4o", body: `{` + ask + `}`}, asks: true, creates: true,
			prompt: "system: Be brief.\n\nuser: Tell me of the estuary.", said: answered, parameters: "temperature max_output_tokens"},
		{opCall: opCall{op: "create_response", model: "gpt-4o", body: `{"stream":true,` + ask + `}`}, name: "streamed", asks: true, stream: true, creates: true,
			prompt: "user: Tell me of the estuary.", said: "delta", parameters: "stream"},
		{opCall: opCall{op: "create_response", model: "gpt-4o", body: `{"previous_response_id":"$response","input":"And of the delta?"}`}, name: "continued", asks: true, creates: true,
			prompt: "And of the delta?", said: answered, parameters: "previous_response_id"},
		{opCall: opCall{op: "create_response", model: "gpt-4o", body: `{"conversation":"$conversation","input":"What did I say?"}`}, name: "in a conversation", surfaces: newRoutes, asks: true, creates: true,
			prompt: "What did I say?", said: answered, parameters: "conversation"},
		{opCall: opCall{op: "create_response", model: "gpt-4o", body: `{"background":true,"input":"Take your time."}`}, name: "in the background", asks: true, creates: true,
			prompt: "Take your time.", parameters: "background"},
		{opCall: opCall{op: "get_response"}, needs: "response", said: answered},
		{opCall: opCall{op: "get_response", query: "stream=true"}, name: "streamed", stream: true, said: "delta"},
		{opCall: opCall{op: "delete_response"}, fresh: "response"},
		{opCall: opCall{op: "cancel_response", params: "response=$background_response"}, fresh: "background_response"},
		{opCall: opCall{op: "get_input_items"}},
		{opCall: opCall{op: "get_input_token_counts", model: "gpt-4o", body: `{"input":"How long is this?"}`}, prompt: "How long is this?"},
		{opCall: opCall{op: "compact_conversation", model: "gpt-4o", body: `{"input":"Make this short."}`}, asks: true, creates: true, prompt: "Make this short."},

		{opCall: opCall{op: "create_conversation", body: `{"metadata":{"a":"b"},"items":[{"role":"user","content":"Remember the pier."}]}`}, creates: true,
			prompt: "user: Remember the pier.", parameters: "metadata"},
		{opCall: opCall{op: "get_conversation"}, needs: "conversation"},
		{opCall: opCall{op: "update_conversation", body: metadataBody}, parameters: "metadata"},
		{opCall: opCall{op: "delete_conversation"}, fresh: "conversation"},
		{opCall: opCall{op: "create_conversation_items", body: `{"items":[{"role":"user","content":"And the quay."}]}`}, prompt: "user: And the quay."},
		{opCall: opCall{op: "list_conversation_items"}, needs: "item"},
		{opCall: opCall{op: "get_conversation_item"}, needs: "item"},
		{opCall: opCall{op: "delete_conversation_item"}, fresh: "item"},

		{opCall: opCall{op: "list_chat_completions", query: "limit=100"}, needs: "completion"},
		{opCall: opCall{op: "get_chat_completion"}, needs: "completion", said: messageSay},
		{opCall: opCall{op: "update_chat_completion", body: metadataBody}, parameters: "metadata"},
		{opCall: opCall{op: "delete_chat_completion"}, fresh: "completion"},
		{opCall: opCall{op: "get_chat_completion_messages"}},
	}
}

// storeCases are those of vector stores.
func storeCases() []operationCase {
	return []operationCase{
		{opCall: opCall{op: "list_vector_stores", query: "limit=100"}, needs: "vector_store"},
		{opCall: opCall{op: "create_vector_store", body: `{"name":"cupboard","file_ids":["$file"]}`}, creates: true, prompt: "name: cupboard", parameters: "name file_ids"},
		{opCall: opCall{op: "get_vector_store"}, needs: "vector_store"},
		{opCall: opCall{op: "modify_vector_store", body: `{"name":"shelf of files"}`}, prompt: "name: shelf of files", parameters: "name"},
		{opCall: opCall{op: "delete_vector_store"}, fresh: "vector_store"},
		{opCall: opCall{op: "list_vector_store_files"}, needs: "member"},
		{opCall: opCall{op: "create_vector_store_file", body: `{"file_id":"$other_file","attributes":{"year":2025}}`}, fresh: "vector_store", parameters: "file_id attributes"},
		{opCall: opCall{op: "get_vector_store_file"}, needs: "member"},
		{opCall: opCall{op: "delete_vector_store_file"}, fresh: "vector_store member"},
		{opCall: opCall{op: "update_vector_store_file_attributes", body: `{"attributes":{"year":2027}}`}, parameters: "attributes"},
		{opCall: opCall{op: "retrieve_vector_store_file_content"}, needs: "member"},
		{opCall: opCall{op: "search_vector_store", body: `{"query":"who counts lanterns?","max_num_results":3}`}, needs: "member", prompt: "query: who counts lanterns?", parameters: "max_num_results"},
		{opCall: opCall{op: "create_vector_store_file_batch", body: `{"file_ids":["$other_file"]}`}, fresh: "vector_store", parameters: "file_ids"},
		{opCall: opCall{op: "get_vector_store_file_batch"}, needs: "file_batch"},
		{opCall: opCall{op: "cancel_vector_store_file_batch"}, fresh: "vector_store file_batch"},
		{opCall: opCall{op: "list_vector_store_file_batch_files"}, needs: "other_file"},
	}
}

// containerCases are those of code interpreters' containers.
func containerCases() []operationCase {
	return []operationCase{
		{opCall: opCall{op: "list_containers", query: "limit=100"}, needs: "container"},
		{opCall: opCall{op: "create_container", body: `{"name":"chest","file_ids":["$file"]}`}, creates: true, prompt: "name: chest", parameters: "name file_ids"},
		{opCall: opCall{op: "retrieve_container"}, needs: "container"},
		{opCall: opCall{op: "delete_container"}, fresh: "container"},
		{opCall: opCall{op: "create_container_file", form: []formPart{{"file", "more notes", "more.txt"}}}, prompt: "filename: more.txt"},
		{opCall: opCall{op: "create_container_file", body: `{"file_id":"$file"}`}, name: "of a file", parameters: "file_id"},
		{opCall: opCall{op: "list_container_files"}, needs: "container_file"},
		{opCall: opCall{op: "retrieve_container_file"}, needs: "container_file"},
		{opCall: opCall{op: "delete_container_file"}, fresh: "container_file"},
		{opCall: opCall{op: "retrieve_container_file_content"}},
	}
}

// evalCases are those of evaluations.
func evalCases() []operationCase {
	return []operationCase{
		{opCall: opCall{op: "list_evals", query: "limit=100"}, needs: "eval"},
		{opCall: opCall{op: "create_eval", body: evalBody}, creates: true, parameters: "name testing_criteria"},
		{opCall: opCall{op: "get_eval"}, needs: "eval"},
		{opCall: opCall{op: "update_eval", body: `{"name":"snow"}`}, parameters: "name"},
		{opCall: opCall{op: "delete_eval"}, fresh: "eval"},
		{opCall: opCall{op: "get_eval_runs"}, needs: "eval_run"},
		{opCall: opCall{op: "create_eval_run", body: evalRunBody}, parameters: "name data_source"},
		{opCall: opCall{op: "get_eval_run"}, needs: "eval_run"},
		{opCall: opCall{op: "cancel_eval_run", params: "eval_run=$queued_eval_run"}, fresh: "queued_eval_run"},
		{opCall: opCall{op: "delete_eval_run", params: "eval_run=$queued_eval_run"}, fresh: "queued_eval_run"},
		{opCall: opCall{op: "get_eval_run_output_items"}, needs: "output_item"},
		{opCall: opCall{op: "get_eval_run_output_item"}, needs: "output_item"},
	}
}
