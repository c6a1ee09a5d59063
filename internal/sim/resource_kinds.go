package sim

import "slices"

// kindTable is the kinds of stateful objects, by name.
func kindTable() map[string]*kind {
	table := map[string]*kind{}
	for _, k := range slices.Concat(fileKinds(), jobKinds(), assistantKinds(), vectorKinds(), responseKinds(), evalKinds()) {
		k.prepare()
		table[k.name] = &k
	}
	return table
}

func fileKinds() []kind {
	return []kind{
		{
			name: "file", param: "file_id", prefix: "file-", digits: 24, object: "file", deleted: "file",
			missing: "No such File object: %s", missingParam: "id", authoring: true,
			fixed:     `{"bytes":0,"filename":"","purpose":"","status":"processed","status_details":null,"expires_at":null}`,
			lifecycle: []string{"pending processed"}, limit: 10000, most: 10000, filters: "purpose",
		},
		{
			name: "upload", param: "upload_id", prefix: "upload_", digits: 32, object: "upload",
			missing: "No such Upload object: %s", missingParam: "id", authoring: true,
			fields: `{"bytes":0,"filename":"","purpose":""}`, fixed: `{"status":"pending","expires_at":0,"file":null}`,
			required: "bytes filename mime_type purpose", made: uploadMade,
		},
		{
			name: "upload.part", param: "part_id", prefix: "part_", digits: 32, object: "upload.part", parent: "upload",
			missing: "No such UploadPart object: %s", authoring: true, fixed: `{"upload_id":""}`,
		},
		{
			name: "container", param: "container_id", prefix: "cntr_", digits: 48, object: "container", deleted: "container.deleted",
			missing: "Container with id '%s' not found.", filters: "name", required: "name",
			fields: `{"name":"","expires_after":{"anchor":"last_active_at","minutes":20},"memory_limit":"1g","network_policy":{"type":"disabled"}}`,
			fixed:  `{"status":"running","last_active_at":0}`, made: containerMade,
		},
		{
			name: "container.file", param: "file_id", prefix: "cfile_", digits: 48, object: "container.file", deleted: "container.file.deleted",
			parent: "container", missing: "Container file with id '%s' not found.",
			fixed: `{"container_id":"","bytes":0,"path":"","source":"user"}`,
		},
	}
}

func jobKinds() []kind {
	return []kind{
		{
			name: "fine_tuning.job", param: "fine_tuning_job_id", prefix: "ftjob-", digits: 24, object: "fine_tuning.job",
			missing: "Could not find fine tune: %s", code: "fine_tune_not_found", missingParam: "fine_tune_id", authoring: true,
			required: "model training_file",
			fields: `{"model":"","training_file":"","validation_file":null,"seed":42,"integrations":[],"metadata":null,
				"hyperparameters":{"n_epochs":3,"batch_size":1,"learning_rate_multiplier":1},"method":{"type":"supervised"}}`,
			fixed: `{"status":"validating_files","fine_tuned_model":null,"finished_at":null,"trained_tokens":null,
				"result_files":[],"organization_id":"org-simulator","error":null,"estimated_finish":null}`,
			lifecycle: []string{"validating_files queued running succeeded", "pending running succeeded"},
			made:      jobMade, entered: jobEntered,
		},
		{
			name: "fine_tuning.event", prefix: "ftevent-", digits: 24, object: "fine_tuning.job.event", parent: "fine_tuning.job",
			missing: "No such event: %s", authoring: true,
		},
		{
			name: "fine_tuning.checkpoint", param: "fine_tuning_checkpoint_id", prefix: "ftckpt_", digits: 24, limit: 10,
			object: "fine_tuning.job.checkpoint", parent: "fine_tuning.job",
			missing: "No such checkpoint: %s", authoring: true,
		},
		{
			// A checkpoint again, by the name of its model, for the paths
			// that have that.
			name: "checkpoint", param: "fine_tuned_model_checkpoint", object: "checkpoint",
			missing: "The model checkpoint '%s' does not exist.", code: "model_not_found",
		},
		{
			name: "permission", param: "permission_id", prefix: "cp_", digits: 24, object: "checkpoint.permission",
			deleted: "checkpoint.permission", parent: "checkpoint", missing: "No such permission: %s",
			fixed: `{"project_id":""}`, limit: 10,
		},
		{
			name: "batch", param: "batch_id", prefix: "batch_", digits: 32, object: "batch",
			missing: "No batch found with id '%s'.", authoring: true, required: "completion_window endpoint input_file_id", takes: "output_expires_after",
			fields: `{"completion_window":"24h","endpoint":"","input_file_id":"","metadata":null}`,
			fixed: `{"status":"validating","errors":null,"output_file_id":null,"error_file_id":null,"model":null,"expires_at":0,
				"in_progress_at":null,"finalizing_at":null,"completed_at":null,"failed_at":null,"expired_at":null,
				"cancelling_at":null,"cancelled_at":null,"request_counts":{"total":0,"completed":0,"failed":0}}`,
			lifecycle: []string{"validating in_progress finalizing completed", "cancelling cancelled"},
			entered:   batchEntered,
		},
	}
}

func assistantKinds() []kind {
	const assistant = `"name":null,"description":null,"instructions":null,"tools":[],"tool_resources":{},"metadata":{},
		"temperature":1,"top_p":1,"response_format":"auto","reasoning_effort":null`
	const runs = "additional_instructions additional_messages reasoning_effort stream thread tool_resources"
	return []kind{
		{
			name: "assistant", param: "assistant_id", prefix: "asst_", digits: 24, object: "assistant", deleted: "assistant.deleted",
			missing: "No assistant found with id '%s'.", required: "model",
			fields: `{"model":"",` + assistant + `}`, takes: "model", made: assistantMade,
			modify: "model name description instructions tools tool_resources metadata temperature top_p response_format reasoning_effort",
		},
		{
			name: "thread", param: "thread_id", prefix: "thread_", digits: 24, object: "thread", deleted: "thread.deleted",
			missing: "No thread found with id '%s'.", fields: `{"metadata":{},"tool_resources":{}}`,
			modify: "metadata tool_resources", takes: "messages", made: threadMade,
		},
		{
			name: "message", param: "message_id", prefix: "msg_", digits: 24, object: "thread.message", deleted: "thread.message.deleted",
			parent: "thread", missing: "No message found with id '%s'.", required: "role content", filters: "run_id",
			fields: `{"role":"","content":[],"attachments":[],"metadata":{}}`,
			fixed: `{"thread_id":"","assistant_id":null,"run_id":null,"status":"completed","completed_at":null,
				"incomplete_at":null,"incomplete_details":null}`,
			modify: "metadata", takes: "role", made: messageMade,
		},
		{
			name: "run", param: "run_id", prefix: "run_", digits: 24, object: "thread.run", parent: "thread",
			missing: "No run found with id '%s'.", required: "assistant_id",
			fields: `{"assistant_id":"","model":"","instructions":"","tools":[],"metadata":{},"temperature":1,"top_p":1,
				"max_completion_tokens":null,"max_prompt_tokens":null,"truncation_strategy":{"type":"auto","last_messages":null},
				"response_format":"auto","tool_choice":"auto","parallel_tool_calls":true}`,
			fixed: `{"thread_id":"","status":"queued","started_at":null,"expires_at":null,"cancelled_at":null,"failed_at":null,
				"completed_at":null,"required_action":null,"last_error":null,"usage":null,"incomplete_details":null}`,
			lifecycle: []string{"queued in_progress completed", "cancelling cancelled"},
			modify:    "metadata", takes: runs, entered: runEntered,
		},
		{
			name: "step", param: "step_id", prefix: "step_", digits: 24, object: "thread.run.step", parent: "run",
			missing: "No run step found with id '%s'.",
			fixed: `{"run_id":"","thread_id":"","assistant_id":"","type":"","status":"completed","step_details":null,"usage":null,
				"completed_at":null,"cancelled_at":null,"failed_at":null,"expired_at":null,"expires_at":null,"last_error":null,"metadata":null}`,
		},
	}
}

func vectorKinds() []kind {
	return []kind{
		{
			name: "vector_store", param: "vector_store_id", prefix: "vs_", digits: 24, object: "vector_store", deleted: "vector_store.deleted",
			missing: "No vector store found with id '%s'.", fields: `{"name":"","metadata":{},"expires_after":null}`,
			fixed:  `{"status":"completed","usage_bytes":0,"file_counts":null,"last_active_at":0,"expires_at":null}`,
			modify: "name metadata expires_after", takes: "chunking_strategy description file_ids", made: storeMade, refresh: storeRefresh,
		},
		{
			name: "vector_store.file", param: "file_id", object: "vector_store.file", deleted: "vector_store.file.deleted",
			parent: "vector_store", missing: "No file found with id '%s' in the vector store.", required: "file_id",
			fields: `{"attributes":{},"chunking_strategy":{"type":"static","static":{"max_chunk_size_tokens":800,"chunk_overlap_tokens":400}}}`,
			fixed:  `{"vector_store_id":"","usage_bytes":0,"status":"in_progress","last_error":null}`,
			modify: "attributes", filters: "status<filter", lifecycle: []string{"in_progress completed"}, made: storeFileMade,
		},
		{
			name: "vector_store.files_batch", param: "batch_id", prefix: "vsfb_", digits: 32, object: "vector_store.files_batch",
			parent: "vector_store", missing: "No file batch found with id '%s'.",
			fixed:     `{"vector_store_id":"","status":"in_progress","file_counts":null}`,
			lifecycle: []string{"in_progress completed"}, made: fileBatchMade, entered: fileBatchEntered, refresh: fileBatchRefresh,
		},
	}
}

func responseKinds() []kind {
	return []kind{
		{
			name: "response", param: "response_id", prefix: "resp_", digits: 48, object: "response", deleted: "response",
			missing: "Response with id '%s' not found.", lifecycle: []string{"queued in_progress completed"}, entered: responseEntered,
			takes: "context_management conversation include input model moderation prompt prompt_cache_options prompt_cache_retention stream stream_options verbosity",
			fields: `{"background":false,"instructions":null,"max_output_tokens":null,"max_tool_calls":null,"metadata":{},
				"parallel_tool_calls":true,"previous_response_id":null,"prompt_cache_key":null,
				"reasoning":{"effort":null,"summary":null},"safety_identifier":null,"service_tier":"default","store":true,
				"temperature":1,"text":{"format":{"type":"text"}},"tool_choice":"auto","tools":[],"top_logprobs":0,"top_p":1,
				"truncation":"disabled","user":null}`,
			fixed: `{"status":"in_progress","error":null,"incomplete_details":null,"model":"","output":[],"usage":null,"completed_at":null}`,
		},
		{
			name: "conversation", param: "conversation_id", prefix: "conv_", digits: 48, object: "conversation", deleted: "conversation.deleted",
			missing: "Conversation with id '%s' not found.", fields: `{"metadata":{}}`, modify: "metadata", takes: "items",
		},
		{
			name: "conversation.item", param: "item_id", prefix: "msg_", digits: 48, parent: "conversation",
			missing: "Conversation item with id '%s' not found.",
		},
		{
			// What a response said, for references to it in later input.
			name: "item", missing: "Item with id '%s' not found. Items are not persisted when 'store' is set to false.",
		},
		{
			name: "chat.completion", param: "completion_id", prefix: "chatcmpl-", digits: 29, object: "chat.completion",
			deleted: "chat.completion.deleted", born: "created", ascending: true, filters: "model", modify: "metadata",
			missing: "Completion with id '%s' not found.",
		},
	}
}

func evalKinds() []kind {
	return []kind{
		{
			name: "eval", param: "eval_id", prefix: "eval_", digits: 32, object: "eval", deleted: "eval.deleted", deletedID: "eval_id",
			missing: "Eval with id '%s' not found.", required: "data_source_config testing_criteria", ascending: true,
			fields: `{"name":"","data_source_config":{},"testing_criteria":[],"metadata":{}}`, modify: "name metadata",
		},
		{
			name: "eval.run", param: "run_id", prefix: "evalrun_", digits: 32, object: "eval.run", deleted: "eval.run.deleted", deletedID: "run_id",
			parent: "eval", missing: "Eval run with id '%s' not found.", required: "data_source", ascending: true, filters: "status",
			fields: `{"name":"","data_source":{},"metadata":{}}`,
			fixed: `{"eval_id":"","status":"queued","model":"","error":null,"report_url":"","per_model_usage":[],
				"per_testing_criteria_results":[],"result_counts":{"errored":0,"failed":0,"passed":0,"total":0}}`,
			lifecycle: []string{"queued in_progress completed"}, made: evalRunMade, entered: evalRunEntered,
		},
		{
			name: "eval.run.output_item", param: "output_item_id", prefix: "outputitem_", digits: 32, object: "eval.run.output_item",
			parent: "eval.run", missing: "Output item with id '%s' not found.", ascending: true, filters: "status",
			fixed: `{"eval_id":"","run_id":"","status":"pass","datasource_item":{},"datasource_item_id":0,"results":[],"sample":null}`,
		},
	}
}
