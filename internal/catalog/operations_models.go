package catalog

// doneOnly ends the streams of chat and text completions.
var doneOnly = []string{"[DONE]"}

// inference lists what models are asked for text and vectors, and the gateway's
// own list of models.
func inference() []Operation {
	return []Operation{
		{ID: "chatcompletions_create", Method: "POST", Dialect: "chat", Body: JSON, Target: Model, Streams: true, Terminal: doneOnly, Usage: true, Names: fileNames, Learns: []string{"id"}, LearnsStored: true,
			Routes: of("/chat/completions", "ChatCompletions_Create", "createChatCompletion", "createChatCompletion", "/chat/completions", "getChatCompletions")},
		{ID: "extensionschatcompletions_create", Method: "POST", Dialect: "chat", Body: JSON, Target: Model, Streams: true, Terminal: doneOnly,
			Routes: of("/extensions/chat/completions", "ExtensionsChatCompletions_Create", "", "", "", "")},
		{ID: "completions_create", Method: "POST", Dialect: "completions", Body: JSON, Target: Model, Streams: true, Terminal: doneOnly, Usage: true,
			Routes: of("/completions", "Completions_Create", "createCompletion", "createCompletion", "", "")},
		{ID: "embeddings_create", Method: "POST", Dialect: "embeddings", Body: JSON, Target: Model,
			Routes: of("/embeddings", "Embeddings_Create", "createEmbedding", "createEmbedding", "/embeddings", "getEmbeddings")},
		{ID: "get_image_embeddings", Method: "POST", Dialect: "embeddings", Body: JSON, Target: Model,
			Routes: of("", "", "", "", "/images/embeddings", "getImageEmbeddings")},
		{ID: "create_moderation", Method: "POST", Dialect: "moderations", Body: JSON, Target: ModelIfGiven,
			Routes: at("/moderations", "", "createModeration", "createModeration")},
		{ID: "models_list", Method: "GET", Dialect: "models", Own: true,
			Routes: at("/models", "Models_List", "listModels", "listModels")},
		{ID: "models_get", Method: "GET", Dialect: "models", Own: true,
			Routes: at("/models/{model}", "Models_Get", "retrieveModel", "retrieveModel")},
		{ID: "delete_model", Method: "DELETE", Dialect: "models", Stateful: true,
			Routes: at("/models/{model}", "", "deleteModel", "deleteModel")},
		{ID: "get_model_info", Method: "GET", Dialect: "models",
			Routes: of("", "", "", "", "/info", "getModelInfo")},
	}
}

// media lists images and audio.
func media() []Operation {
	return []Operation{
		{ID: "imagegenerations_create", Method: "POST", Dialect: "images", Body: JSON, Target: Model, Streams: true,
			Routes: of("/images/generations", "ImageGenerations_Create", "createImage", "createImage", "/images/generations", "getImageGenerations")},
		{ID: "imageedits_create", Method: "POST", Dialect: "images", Body: FormOrJSON, Target: Model, Streams: true,
			Routes: of("/images/edits", "ImageEdits_Create", "createImageEdit", "createImageEdit", "", "")},
		{ID: "create_image_variation", Method: "POST", Dialect: "images", Body: Multipart, Target: ModelIfGiven,
			Routes: at("/images/variations", "", "createImageVariation", "createImageVariation")},
		{ID: "imagegenerations_submit", Method: "POST", Dialect: "images", Body: JSON, Stateful: true, Learns: []string{"id"},
			Routes: at("/images/generations:submit", "ImageGenerations_Submit", "", "")},
		{ID: "get_image_operation", Method: "GET", Dialect: "images", Stateful: true,
			Routes: at("/operations/images/{image_operation}", "Get_Image_Operation", "", "")},
		{ID: "delete_image_operation", Method: "DELETE", Dialect: "images", Stateful: true,
			Routes: at("/operations/images/{image_operation}", "Delete_Image_Operation", "", "")},
		{ID: "transcriptions_create", Method: "POST", Dialect: "transcriptions", Body: Multipart, Target: Model, Streams: true, Terminal: []string{"transcript.text.done"},
			Routes: of("/audio/transcriptions", "Transcriptions_Create", "createTranscription", "createTranscription", "", "")},
		{ID: "translations_create", Method: "POST", Dialect: "transcriptions", Body: Multipart, Target: Model,
			Routes: of("/audio/translations", "Translations_Create", "createTranslation", "createTranslation", "", "")},
		{ID: "speech_create", Method: "POST", Dialect: "speech", Body: FormOrJSON, Target: Model, Streams: true, Terminal: []string{"speech.audio.done"},
			Routes: of("/audio/speech", "Speech_Create", "createSpeech", "createSpeech", "", "")},
	}
}

// realtime lists the WebSocket and what makes keys for it.
func realtime() []Operation {
	return []Operation{
		{ID: "realtime_connect", Method: "GET", Dialect: "realtime", Target: InQuery, Socket: true, Terminal: []string{"response.done"},
			Routes: at("/realtime", "Realtime_Connect", "connectRealtime", "connectRealtime")},
		{ID: "create_realtime_session", Method: "POST", Dialect: "realtime_sessions", Body: JSON, Target: ModelIfGiven, Tickets: true, Routes: append([]Route{
			{Azure, "/openai/realtimeapi/sessions", "Create_Realtime_Session"}},
			at("/realtime/sessions", "Create_Realtime_Session", "create-realtime-session", "create-realtime-session")...)},
		{ID: "create_realtime_transcription_session", Method: "POST", Dialect: "realtime_sessions", Body: JSON, Target: ModelIfGiven, Tickets: true,
			Routes: at("/realtime/transcription_sessions", "Create_Realtime_Transcription_Session", "create-realtime-transcription-session", "create-realtime-transcription-session")},
		{ID: "create_realtime_client_secret", Method: "POST", Dialect: "realtime_sessions", Body: JSON, Target: ModelIfGiven, ModelIn: "session", Tickets: true,
			Routes: at("/realtime/client_secrets", "", "create-realtime-client-secret", "create-realtime-client-secret")},
	}
}
