package catalog

// assistants lists assistants, threads, messages, runs and their steps.
func assistants() []Operation {
	const (
		thread  = "/threads/{thread}"
		message = thread + "/messages/{message}"
		run     = thread + "/runs/{run}"
	)
	done := []string{"[DONE]"}
	return []Operation{
		{ID: "list_assistants", Method: "GET", Dialect: "assistants", NotAzureV1: true, Stateful: true, Lists: "assistant", Page: orderedPage,
			Routes: at("/assistants", "List_Assistants", "listAssistants", "listAssistants")},
		{ID: "create_assistant", Method: "POST", Dialect: "assistants", NotAzureV1: true, Body: JSON, Target: ModelIfGiven, Stateful: true, Names: allNames, Learns: []string{"id"},
			Routes: at("/assistants", "Create_Assistant", "createAssistant", "createAssistant")},
		{ID: "get_assistant", Method: "GET", Dialect: "assistants", NotAzureV1: true, Stateful: true,
			Routes: at("/assistants/{assistant}", "Get_Assistant", "getAssistant", "getAssistant")},
		{ID: "modify_assistant", Method: "POST", Dialect: "assistants", NotAzureV1: true, Body: JSON, Target: ModelIfGiven, Stateful: true, Names: allNames,
			Routes: at("/assistants/{assistant}", "Modify_Assistant", "modifyAssistant", "modifyAssistant")},
		{ID: "delete_assistant", Method: "DELETE", Dialect: "assistants", NotAzureV1: true, Stateful: true,
			Routes: at("/assistants/{assistant}", "Delete_Assistant", "deleteAssistant", "deleteAssistant")},

		{ID: "create_thread", Method: "POST", Dialect: "threads", NotAzureV1: true, Body: JSON, Stateful: true, Names: allNames, Learns: []string{"id"},
			Routes: at("/threads", "Create_Thread", "createThread", "createThread")},
		{ID: "get_thread", Method: "GET", Dialect: "threads", NotAzureV1: true, Stateful: true,
			Routes: at(thread, "Get_Thread", "getThread", "getThread")},
		{ID: "modify_thread", Method: "POST", Dialect: "threads", NotAzureV1: true, Body: JSON, Stateful: true, Names: allNames,
			Routes: at(thread, "Modify_Thread", "modifyThread", "modifyThread")},
		{ID: "delete_thread", Method: "DELETE", Dialect: "threads", NotAzureV1: true, Stateful: true,
			Routes: at(thread, "Delete_Thread", "deleteThread", "deleteThread")},

		{ID: "list_messages", Method: "GET", Dialect: "messages", NotAzureV1: true, Stateful: true,
			Routes: at(thread+"/messages", "List_Messages", "listMessages", "listMessages")},
		{ID: "create_message", Method: "POST", Dialect: "messages", NotAzureV1: true, Body: JSON, Stateful: true, Names: allNames,
			Routes: at(thread+"/messages", "Create_Message", "createMessage", "createMessage")},
		{ID: "get_message", Method: "GET", Dialect: "messages", NotAzureV1: true, Stateful: true,
			Routes: at(message, "Get_Message", "getMessage", "getMessage")},
		{ID: "modify_message", Method: "POST", Dialect: "messages", NotAzureV1: true, Body: JSON, Stateful: true,
			Routes: at(message, "Modify_Message", "modifyMessage", "modifyMessage")},
		{ID: "delete_message", Method: "DELETE", Dialect: "messages", NotAzureV1: true, Stateful: true,
			Routes: at(message, "Delete_Message", "deleteMessage", "deleteMessage")},

		{ID: "create_thread_and_run", Method: "POST", Dialect: "runs", NotAzureV1: true, Body: JSON, Target: ModelIfGiven, Streams: true, Terminal: done, Stateful: true, Names: allNames, Learns: []string{"thread_id"},
			Routes: at("/threads/runs", "Create_Thread_And_Run", "createThreadAndRun", "createThreadAndRun")},
		{ID: "list_runs", Method: "GET", Dialect: "runs", NotAzureV1: true, Stateful: true,
			Routes: at(thread+"/runs", "List_Runs", "listRuns", "listRuns")},
		{ID: "create_run", Method: "POST", Dialect: "runs", NotAzureV1: true, Body: JSON, Target: ModelIfGiven, Streams: true, Terminal: done, Stateful: true, Names: allNames,
			Routes: at(thread+"/runs", "Create_Run", "createRun", "createRun")},
		{ID: "get_run", Method: "GET", Dialect: "runs", NotAzureV1: true, Stateful: true,
			Routes: at(run, "Get_Run", "getRun", "getRun")},
		{ID: "modify_run", Method: "POST", Dialect: "runs", NotAzureV1: true, Body: JSON, Stateful: true,
			Routes: at(run, "Modify_Run", "modifyRun", "modifyRun")},
		{ID: "submit_tool_outputs_to_run", Method: "POST", Dialect: "runs", NotAzureV1: true, Body: JSON, Streams: true, Terminal: done, Stateful: true,
			Routes: at(run+"/submit_tool_outputs", "Submit_Tool_Outputs_To_Run", "submitToolOuputsToRun", "submitToolOuputsToRun")},
		{ID: "cancel_run", Method: "POST", Dialect: "runs", NotAzureV1: true, Body: JSON, Stateful: true,
			Routes: at(run+"/cancel", "Cancel_Run", "cancelRun", "cancelRun")},
		{ID: "list_run_steps", Method: "GET", Dialect: "run_steps", NotAzureV1: true, Stateful: true,
			Routes: at(run+"/steps", "List_Run_Steps", "listRunSteps", "listRunSteps")},
		{ID: "get_run_step", Method: "GET", Dialect: "run_steps", NotAzureV1: true, Stateful: true,
			Routes: at(run+"/steps/{step}", "Get_Run_Step", "getRunStep", "getRunStep")},
	}
}

// responses lists responses, conversations and stored chat completions.
func responses() []Operation {
	const (
		response   = "/responses/{response}"
		talk       = "/conversations/{conversation}"
		completion = "/chat/completions/{completion}"
	)
	ends := []string{"response.completed", "response.failed", "response.incomplete"}
	return []Operation{
		{ID: "create_response", Method: "POST", Dialect: "responses", Body: JSON, Target: ModelIfGiven, Streams: true, Terminal: ends, Names: allNames, Learns: []string{"id", "conversation.id", "output.id", "response.id", "response.conversation.id", "item.id"},
			Routes: at("/responses", "Create_Response", "createResponse", "createResponse")},
		{ID: "get_response", Method: "GET", Dialect: "responses", Streams: true, Terminal: ends, Stateful: true,
			Routes: at(response, "Get_Response", "getResponse", "getResponse")},
		{ID: "delete_response", Method: "DELETE", Dialect: "responses", Stateful: true,
			Routes: at(response, "Delete_Response", "deleteResponse", "deleteResponse")},
		{ID: "cancel_response", Method: "POST", Dialect: "responses", Body: JSON, Stateful: true,
			Routes: at(response+"/cancel", "Cancel_Response", "cancelResponse", "cancelResponse")},
		{ID: "get_input_items", Method: "GET", Dialect: "responses", Stateful: true,
			Routes: at(response+"/input_items", "Get_Input_Items", "listInputItems", "listInputItems")},
		{ID: "get_input_token_counts", Method: "POST", Dialect: "responses", Body: JSON, Target: ModelIfGiven, Names: allNames,
			Routes: at("/responses/input_tokens", "", "Getinputtokencounts", "Getinputtokencounts")},
		{ID: "compact_conversation", Method: "POST", Dialect: "responses", Body: JSON, Target: ModelIfGiven, Names: allNames, Learns: []string{"id"},
			Routes: at("/responses/compact", "", "Compactconversation", "Compactconversation")},

		{ID: "create_conversation", Method: "POST", Dialect: "conversations", Body: JSON, Stateful: true, Names: allNames, Learns: []string{"id"},
			Routes: at("/conversations", "", "createConversation", "createConversation")},
		{ID: "get_conversation", Method: "GET", Dialect: "conversations", Stateful: true,
			Routes: at(talk, "", "getConversation", "getConversation")},
		{ID: "update_conversation", Method: "POST", Dialect: "conversations", Body: JSON, Stateful: true,
			Routes: at(talk, "", "updateConversation", "updateConversation")},
		{ID: "delete_conversation", Method: "DELETE", Dialect: "conversations", Stateful: true,
			Routes: at(talk, "", "deleteConversation", "deleteConversation")},
		{ID: "create_conversation_items", Method: "POST", Dialect: "conversations", Body: JSON, Stateful: true, Names: allNames,
			Routes: at(talk+"/items", "", "createConversationItems", "createConversationItems")},
		{ID: "list_conversation_items", Method: "GET", Dialect: "conversations", Stateful: true,
			Routes: at(talk+"/items", "", "listConversationItems", "listConversationItems")},
		{ID: "get_conversation_item", Method: "GET", Dialect: "conversations", Stateful: true,
			Routes: at(talk+"/items/{item}", "", "getConversationItem", "getConversationItem")},
		{ID: "delete_conversation_item", Method: "DELETE", Dialect: "conversations", Stateful: true,
			Routes: at(talk+"/items/{item}", "", "deleteConversationItem", "deleteConversationItem")},

		{ID: "list_chat_completions", Method: "GET", Dialect: "stored_chat", Stateful: true, Lists: "completion", Page: orderedPage,
			Routes: at("/chat/completions", "List_Chat_Completions", "listChatCompletions", "listChatCompletions")},
		{ID: "get_chat_completion", Method: "GET", Dialect: "stored_chat", Stateful: true,
			Routes: at(completion, "Get_Chat_Completion", "getChatCompletion", "getChatCompletion")},
		{ID: "update_chat_completion", Method: "POST", Dialect: "stored_chat", Body: JSON, Stateful: true,
			Routes: at(completion, "Update_Chat_Completion", "updateChatCompletion", "updateChatCompletion")},
		{ID: "delete_chat_completion", Method: "DELETE", Dialect: "stored_chat", Stateful: true,
			Routes: at(completion, "Delete_Chat_Completion", "deleteChatCompletion", "deleteChatCompletion")},
		{ID: "get_chat_completion_messages", Method: "GET", Dialect: "stored_chat", Stateful: true,
			Routes: at(completion+"/messages", "Get_Chat_Completion_Messages", "getChatCompletionMessages", "getChatCompletionMessages")},
	}
}
