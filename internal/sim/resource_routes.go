package sim

import "slices"

// The api-versions, by date, that brought the stateful operations to the classic
// surface.
const (
	filesSince      = "2022-12-01"
	assistantsSince = "2024-02-15"
	storesSince     = "2024-05-01"
	batchesSince    = "2024-07-01"
	uploadsSince    = "2024-09-01"
	storedSince     = "2025-02-01"
	responsesSince  = "2025-03-01"
	evalsSince      = "2025-04-01"
)

// routes is the table of operations on stateful objects.
func routes() []route {
	return slices.Concat(fileRoutes(), jobRoutes(), assistantRoutes(), threadRoutes(), vectorRoutes(),
		responseRoutes(), evalRoutes(), deploymentRoutes())
}

// family fills what the rows have in common: surfaces, since and kind where a row
// has none of its own.
func family(on surfaces, since, kind string, rows ...route) []route {
	for i := range rows {
		r := &rows[i]
		if r.on == 0 {
			r.on = on
		}
		r.since = either(r.since, since)
		r.kind = either(r.kind, kind)
	}
	return rows
}

func fileRoutes() []route {
	return slices.Concat(
		family(onAll, filesSince, "file",
			route{name: "Files_List", method: "GET", path: "/files", do: doList},
			route{name: "Files_Upload", method: "POST", path: "/files", do: uploadFile, bare: true, created: onClassic},
			route{name: "Files_Import", method: "POST", path: "/files/import", do: importFile, on: onClassic, created: onClassic},
			route{name: "Files_Get", method: "GET", path: "/files/{file_id}", do: doGet},
			route{name: "Files_Delete", method: "DELETE", path: "/files/{file_id}", do: doRemove},
			route{name: "Files_GetContent", method: "GET", path: "/files/{file_id}/content", do: content},
		),
		family(onAll, uploadsSince, "upload",
			route{name: "UploadFile_Start", method: "POST", path: "/uploads", do: doCreate, located: onClassic},
			route{name: "UploadFile_Part", method: "POST", path: "/uploads/{upload_id}/parts", do: addPart, bare: true, kind: "upload.part"},
			route{name: "UploadFile_Complete", method: "POST", path: "/uploads/{upload_id}/complete", do: completeUpload},
			route{name: "UploadFile_Cancel", method: "POST", path: "/uploads/{upload_id}/cancel", do: doTransit, from: "pending", to: "cancelled"},
		),
		family(onNew, "", "container",
			route{name: "List_Containers", method: "GET", path: "/containers", do: doList},
			route{name: "Create_Container", method: "POST", path: "/containers", do: createContainer, refs: "file_ids=file"},
			route{name: "Retrieve_Container", method: "GET", path: "/containers/{container_id}", do: doGet},
			route{name: "Delete_Container", method: "DELETE", path: "/containers/{container_id}", do: doRemove},
		),
		family(onNew, "", "container.file",
			route{name: "List_Container_Files", method: "GET", path: "/containers/{container_id}/files", do: doList},
			route{name: "Create_Container_File", method: "POST", path: "/containers/{container_id}/files", do: createContainerFile, bare: true},
			route{name: "Retrieve_Container_File", method: "GET", path: "/containers/{container_id}/files/{file_id}", do: doGet},
			route{name: "Delete_Container_File", method: "DELETE", path: "/containers/{container_id}/files/{file_id}", do: doRemove},
			route{name: "Retrieve_Container_File_Content", method: "GET", path: "/containers/{container_id}/files/{file_id}/content", do: content},
		),
	)
}

func jobRoutes() []route {
	const job = "/fine_tuning/jobs/{fine_tuning_job_id}"
	const permissions = "/fine_tuning/checkpoints/{fine_tuned_model_checkpoint}/permissions"
	const alive = "validating_files pending queued running"
	return slices.Concat(
		family(onAll, filesSince, "fine_tuning.job",
			route{name: "FineTuning_List", method: "GET", path: "/fine_tuning/jobs", do: doList},
			route{name: "FineTuning_Create", method: "POST", path: "/fine_tuning/jobs", do: doCreate, created: onClassic,
				refs: "training_file=file validation_file=file"},
			route{name: "FineTuning_Get", method: "GET", path: job, do: doGet},
			route{name: "FineTuning_Delete", method: "DELETE", path: job, do: deleteJob, on: onClassic},
			route{name: "FineTuning_Cancel", method: "POST", path: job + "/cancel", do: doTransit, from: alive + " paused", to: "cancelled"},
			route{name: "Pause_Fine_Tuning_Job", method: "POST", path: job + "/pause", do: doTransit, from: alive, to: "paused", on: onNew},
			route{name: "Resume_Fine_Tuning_Job", method: "POST", path: job + "/resume", do: doTransit, from: "paused", to: "queued", on: onNew},
			route{name: "FineTuning_GetEvents", method: "GET", path: job + "/events", do: doList, kind: "fine_tuning.event"},
			route{name: "FineTuning_GetCheckpoints", method: "GET", path: job + "/checkpoints", do: doList, kind: "fine_tuning.checkpoint"},
		),
		family(onV1, "", "fine_tuning.checkpoint",
			route{name: "FineTuning_CopyCheckpoint", method: "POST", path: job + "/checkpoints/{fine_tuning_checkpoint_id}/copy", do: copyCheckpoint},
			route{name: "FineTuning_GetCheckpoint", method: "GET", path: job + "/checkpoints/{fine_tuning_checkpoint_id}/copy", do: copyCheckpoint},
		),
		family(onNew, "", "",
			route{name: "Run_Grader", method: "POST", path: "/fine_tuning/alpha/graders/run", do: runGrader},
			route{name: "Validate_Grader", method: "POST", path: "/fine_tuning/alpha/graders/validate", do: validateGrader},
		),
		family(onNative, "", "permission",
			route{name: "List_Fine_Tuning_Checkpoint_Permissions", method: "GET", path: permissions, do: doList},
			route{name: "Create_Fine_Tuning_Checkpoint_Permission", method: "POST", path: permissions, do: createPermissions},
			route{name: "Delete_Fine_Tuning_Checkpoint_Permission", method: "DELETE", path: permissions + "/{permission_id}", do: doRemove},
		),
		family(onAll, batchesSince, "batch",
			route{name: "Batch_List", method: "GET", path: "/batches", do: doList},
			route{name: "Batch_Create", method: "POST", path: "/batches", do: createBatch, refs: "input_file_id=file"},
			route{name: "Batch_Get", method: "GET", path: "/batches/{batch_id}", do: doGet},
			route{name: "Batch_Cancel", method: "POST", path: "/batches/{batch_id}/cancel", do: doTransit, from: "validating in_progress finalizing", to: "cancelling"},
		),
	)
}

const (
	toolResources   = " tool_resources.code_interpreter.file_ids=file tool_resources.file_search.vector_store_ids=vector_store"
	messageFiles    = "attachments.file_id=file content.image_file.file_id=file"
	threadFiles     = "messages.attachments.file_id=file messages.content.image_file.file_id=file"
	threadOnlyFiles = "thread.messages.attachments.file_id=file thread.messages.content.image_file.file_id=file" +
		" thread.tool_resources.code_interpreter.file_ids=file thread.tool_resources.file_search.vector_store_ids=vector_store"
)

func assistantRoutes() []route {
	return family(onClassic|onNative, assistantsSince, "assistant",
		route{name: "List_Assistants", method: "GET", path: "/assistants", do: doList},
		route{name: "Create_Assistant", method: "POST", path: "/assistants", do: doCreate, refs: toolResources},
		route{name: "Get_Assistant", method: "GET", path: "/assistants/{assistant_id}", do: doGet},
		route{name: "Modify_Assistant", method: "POST", path: "/assistants/{assistant_id}", do: doModify, refs: toolResources},
		route{name: "Delete_Assistant", method: "DELETE", path: "/assistants/{assistant_id}", do: doRemove},
	)
}

func threadRoutes() []route {
	const thread, run = "/threads/{thread_id}", "/threads/{thread_id}/runs/{run_id}"
	return slices.Concat(
		family(onClassic|onNative, assistantsSince, "thread",
			route{name: "Create_Thread", method: "POST", path: "/threads", do: doCreate, refs: threadFiles + toolResources},
			route{name: "Get_Thread", method: "GET", path: thread, do: doGet},
			route{name: "Modify_Thread", method: "POST", path: thread, do: doModify, refs: toolResources},
			route{name: "Delete_Thread", method: "DELETE", path: thread, do: doRemove},
		),
		family(onClassic|onNative, assistantsSince, "message",
			route{name: "List_Messages", method: "GET", path: thread + "/messages", do: doList},
			route{name: "Create_Message", method: "POST", path: thread + "/messages", do: createMessage, refs: messageFiles},
			route{name: "Get_Message", method: "GET", path: thread + "/messages/{message_id}", do: doGet},
			route{name: "Modify_Message", method: "POST", path: thread + "/messages/{message_id}", do: doModify},
			route{name: "Delete_Message", method: "DELETE", path: thread + "/messages/{message_id}", do: doRemove},
		),
		family(onClassic|onNative, assistantsSince, "run",
			route{name: "Create_Thread_And_Run", method: "POST", path: "/threads/runs", do: createThreadAndRun,
				refs: "assistant_id=assistant " + threadOnlyFiles + toolResources},
			route{name: "List_Runs", method: "GET", path: thread + "/runs", do: doList},
			route{name: "Create_Run", method: "POST", path: thread + "/runs", do: createRun,
				refs: "assistant_id=assistant additional_messages.attachments.file_id=file"},
			route{name: "Get_Run", method: "GET", path: run, do: doGet},
			route{name: "Modify_Run", method: "POST", path: run, do: doModify},
			route{name: "Submit_Tool_Outputs_To_Run", method: "POST", path: run + "/submit_tool_outputs", do: submitToolOutputs},
			route{name: "Cancel_Run", method: "POST", path: run + "/cancel", do: doTransit, from: "queued in_progress requires_action", to: "cancelling"},
			route{name: "List_Run_Steps", method: "GET", path: run + "/steps", do: doList, kind: "step"},
			route{name: "Get_Run_Step", method: "GET", path: run + "/steps/{step_id}", do: doGet, kind: "step"},
		),
	)
}

func vectorRoutes() []route {
	const store, batch = "/vector_stores/{vector_store_id}", "/vector_stores/{vector_store_id}/file_batches"
	const file = store + "/files/{file_id}"
	return slices.Concat(
		family(onAll, storesSince, "vector_store",
			route{name: "List_Vector_Stores", method: "GET", path: "/vector_stores", do: doList},
			route{name: "Create_Vector_Store", method: "POST", path: "/vector_stores", do: doCreate, refs: "file_ids=file"},
			route{name: "Get_Vector_Store", method: "GET", path: store, do: doGet},
			route{name: "Modify_Vector_Store", method: "POST", path: store, do: doModify},
			route{name: "Delete_Vector_Store", method: "DELETE", path: store, do: doRemove},
			route{name: "Search_Vector_Store", method: "POST", path: store + "/search", do: searchStore, since: "2025-03-01"},
		),
		family(onAll, storesSince, "vector_store.file",
			route{name: "List_Vector_Store_Files", method: "GET", path: store + "/files", do: doList},
			route{name: "Create_Vector_Store_File", method: "POST", path: store + "/files", do: doCreate, refs: "file_id=file"},
			route{name: "Get_Vector_Store_File", method: "GET", path: file, do: doGet},
			route{name: "Delete_Vector_Store_File", method: "DELETE", path: file, do: doRemove},
			route{name: "Update_Vector_Store_File_Attributes", method: "POST", path: file, do: doModify, since: "2025-03-01"},
			route{name: "Retrieve_Vector_Store_File_Content", method: "GET", path: file + "/content", do: storeFileContent, since: "2025-03-01"},
		),
		family(onAll, storesSince, "vector_store.files_batch",
			route{name: "Create_Vector_Store_File_Batch", method: "POST", path: batch, do: doCreate, refs: "file_ids=file files.file_id=file"},
			route{name: "Get_Vector_Store_File_Batch", method: "GET", path: batch + "/{batch_id}", do: doGet},
			route{name: "Cancel_Vector_Store_File_Batch", method: "POST", path: batch + "/{batch_id}/cancel", do: doTransit, from: "in_progress", to: "cancelled"},
			route{name: "List_Vector_Store_File_Batch_Files", method: "GET", path: batch + "/{batch_id}/files", do: listBatchFiles},
		),
	)
}

func responseRoutes() []route {
	const refs = "previous_response_id=response conversation=conversation conversation.id=conversation" +
		" tools.vector_store_ids=vector_store tools.container=container tools.container.file_ids=file input.content.file_id=file"
	const response, conversation, stored = "/responses/{response_id}", "/conversations/{conversation_id}", "/chat/completions"
	return slices.Concat(
		family(onAll, responsesSince, "response",
			route{name: "Create_Response", method: "POST", path: "/responses", do: createResponse, refs: refs, needs: chats},
			route{name: "Get_Response", method: "GET", path: response, do: getResponse},
			route{name: "Delete_Response", method: "DELETE", path: response, do: doRemove},
			route{name: "Get_Input_Items", method: "GET", path: response + "/input_items", do: inputItems},
			route{name: "Cancel_Response", method: "POST", path: response + "/cancel", do: cancelResponse},
			route{name: "Get_Input_Token_Counts", method: "POST", path: "/responses/input_tokens", do: countInput, refs: refs, on: onNew},
			route{name: "Compact_Conversation", method: "POST", path: "/responses/compact", do: compact, refs: refs, on: onNew, needs: chats},
		),
		family(onNew, "", "conversation",
			route{name: "Create_Conversation", method: "POST", path: "/conversations", do: createConversation},
			route{name: "Get_Conversation", method: "GET", path: conversation, do: doGet},
			route{name: "Update_Conversation", method: "POST", path: conversation, do: doModify},
			route{name: "Delete_Conversation", method: "DELETE", path: conversation, do: doRemove},
		),
		family(onNew, "", "conversation.item",
			route{name: "List_Conversation_Items", method: "GET", path: conversation + "/items", do: doList},
			route{name: "Create_Conversation_Items", method: "POST", path: conversation + "/items", do: createItems},
			route{name: "Get_Conversation_Item", method: "GET", path: conversation + "/items/{item_id}", do: doGet},
			route{name: "Delete_Conversation_Item", method: "DELETE", path: conversation + "/items/{item_id}", do: deleteItem},
		),
		family(onAll, storedSince, "chat.completion",
			route{name: "List_Chat_Completions", method: "GET", path: stored, do: doList},
			route{name: "Get_Chat_Completion", method: "GET", path: stored + "/{completion_id}", do: doGet},
			route{name: "Update_Chat_Completion", method: "POST", path: stored + "/{completion_id}", do: doModify},
			route{name: "Delete_Chat_Completion", method: "DELETE", path: stored + "/{completion_id}", do: doRemove},
			route{name: "Get_Chat_Completion_Messages", method: "GET", path: stored + "/{completion_id}/messages", do: storedMessages},
		),
	)
}

func evalRoutes() []route {
	const eval, run = "/evals/{eval_id}", "/evals/{eval_id}/runs/{run_id}"
	return slices.Concat(
		family(onAll, evalsSince, "eval",
			route{name: "List_Evals", method: "GET", path: "/evals", do: doList},
			route{name: "Create_Eval", method: "POST", path: "/evals", do: doCreate, created: onNative},
			route{name: "Get_Eval", method: "GET", path: eval, do: doGet},
			route{name: "Update_Eval", method: "POST", path: eval, do: doModify},
			route{name: "Delete_Eval", method: "DELETE", path: eval, do: doRemove},
		),
		family(onAll, evalsSince, "eval.run",
			route{name: "Get_Eval_Runs", method: "GET", path: eval + "/runs", do: doList},
			route{name: "Create_Eval_Run", method: "POST", path: eval + "/runs", do: doCreate, created: onNew, refs: "data_source.source.id=file"},
			route{name: "Get_Eval_Run", method: "GET", path: run, do: doGet},
			// The specifications cancel by a POST to the run itself, the
			// SDKs by one to /cancel.
			route{name: "Cancel_Eval_Run", method: "POST", path: run, do: doTransit, from: "queued in_progress", to: "canceled"},
			route{name: "Cancel_Eval_Run", method: "POST", path: run + "/cancel", do: doTransit, from: "queued in_progress", to: "canceled"},
			route{name: "Delete_Eval_Run", method: "DELETE", path: run, do: doRemove},
		),
		family(onAll, evalsSince, "eval.run.output_item",
			route{name: "Get_Eval_Run_Output_Items", method: "GET", path: run + "/output_items", do: doList},
			route{name: "Get_Eval_Run_Output_Item", method: "GET", path: run + "/output_items/{output_item_id}", do: doGet},
		),
	)
}

const armPrefix = "/subscriptions/"

func deploymentRoutes() []route {
	// Later api-versions leave deployments to Azure Resource Manager.
	early := []string{"2022-03-01-preview", "2022-06-01-preview", "2022-12-01", "2023-03-15-preview"}
	const arm = armPrefix + "{subscription}/resourceGroups/{group}/providers/Microsoft.CognitiveServices/accounts/{account}/deployments"
	manager := []string{"2023-05-01", "2023-10-01-preview", "2024-06-01-preview", "2024-10-01", "2025-06-01"}
	return slices.Concat(
		[]route{
			{name: "Deployments_List", method: "GET", path: "/deployments", on: onClassic, versions: early, do: listDeployments},
			{name: "Deployments_Create", method: "POST", path: "/deployments", on: onClassic, versions: early, do: createDeployment, created: onClassic},
			{name: "Deployments_Get", method: "GET", path: "/deployments/{deployment}", on: onClassic, versions: early, do: getDeployment},
			{name: "Deployments_Update", method: "PATCH", path: "/deployments/{deployment}", on: onClassic, versions: early, do: updateDeployment},
			{name: "Deployments_Delete", method: "DELETE", path: "/deployments/{deployment}", on: onClassic, versions: early, do: deleteDeployment},
			{name: "Delete_Model", method: "DELETE", path: "/models/{model}", on: onNative, do: deleteModel},
		},
		[]route{
			{name: "Arm_Deployments_List", method: "GET", path: arm, versions: manager, do: armList},
			{name: "Arm_Deployments_Get", method: "GET", path: arm + "/{deployment}", versions: manager, do: armGet},
			{name: "Arm_Deployments_CreateOrUpdate", method: "PUT", path: arm + "/{deployment}", versions: manager, do: armPut},
			{name: "Arm_Deployments_Update", method: "PATCH", path: arm + "/{deployment}", versions: manager, do: armPut},
			{name: "Arm_Deployments_Delete", method: "DELETE", path: arm + "/{deployment}", versions: manager, do: armDelete},
		},
	)
}
