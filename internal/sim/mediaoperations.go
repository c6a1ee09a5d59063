package sim

// The api-versions, by date, that brought pictures and sound.
const (
	asyncImagesSince = "2023-06-01"
	audioSince       = "2023-09-01"
	imagesSince      = "2023-12-01"
	speechSince      = "2024-02-15"
	imageEditsSince  = "2025-04-01"
	realtimeSince    = "2024-10-01"
	sessionsSince    = "2024-12-01"
)

const imageArguments = `background metadata model moderation n output_compression output_format
	partial_images prompt quality response_format safety_identifier size stream style user`

// imageOperations are those that make pictures.
func imageOperations() []operation {
	pictures := []filePart{{"image", 16, true}, {"mask", 1, false}}
	return []operation{
		{
			name: "ImageGenerations_Create", verb: "imageGeneration", method: "POST",
			classic: "/openai/deployments/{deployment}/images/generations",
			v1:      "/openai/v1/images/generations",
			native:  "/v1/images/generations", inference: "/models/images/generations",
			since: imagesSince, needs: draws, modelless: true, answer: answerImages,
			arguments: arguments(imageArguments),
		},
		{
			name: "ImageEdits_Create", verb: "imageEdit", method: "POST",
			classic: "/openai/deployments/{deployment}/images/edits",
			v1:      "/openai/v1/images/edits",
			native:  "/v1/images/edits",
			since:   imageEditsSince, needs: edits, modelless: true, answer: answerImages,
			arguments: arguments("input_fidelity " + imageArguments), form: mustForm, files: pictures,
		},
		{
			name: "Create_Image_Variation", verb: "imageVariation", method: "POST",
			v1:     "/openai/v1/images/variations",
			native: "/v1/images/variations",
			needs:  varies, modelless: true, answer: answerImages,
			arguments: arguments("model n response_format size user"), form: mustForm,
			files: []filePart{{"image", 1, true}},
		},
		{
			name: "ImageGenerations_Submit", verb: "imageGeneration", method: "POST",
			classic: "/openai/images/generations:submit",
			since:   asyncImagesSince, answer: answerImageSubmit,
			arguments: arguments("metadata n prompt response_format size user"),
		},
		{
			name: "Get_Image_Operation", method: "GET", classic: "/openai/operations/images/{id}",
			since: asyncImagesSince, answer: answerImageOperation,
		},
		{
			name: "Delete_Image_Operation", method: "DELETE", classic: "/openai/operations/images/{id}",
			since: asyncImagesSince, answer: answerImageDelete,
		},
	}
}

// audioOperations are those on sound, and moderation.
func audioOperations() []operation {
	sound := []filePart{{"file", 1, true}}
	return []operation{
		{
			name: "Transcriptions_Create", verb: "audioTranscription", method: "POST",
			classic: "/openai/deployments/{deployment}/audio/transcriptions",
			v1:      "/openai/v1/audio/transcriptions",
			native:  "/v1/audio/transcriptions",
			since:   audioSince, needs: transcribes, answer: answerTranscription,
			arguments: arguments(`chunking_strategy include language model prompt response_format stream
				temperature timestamp_granularities`), form: mustForm, files: sound,
		},
		{
			name: "Translations_Create", verb: "audioTranslation", method: "POST",
			classic: "/openai/deployments/{deployment}/audio/translations",
			v1:      "/openai/v1/audio/translations",
			native:  "/v1/audio/translations",
			since:   audioSince, needs: translates, answer: answerTranscription,
			arguments: arguments("model prompt response_format temperature"), form: mustForm, files: sound,
		},
		{
			// Azure's specification declares a form, the SDKs send JSON.
			name: "Speech_Create", verb: "audioSpeech", method: "POST",
			classic: "/openai/deployments/{deployment}/audio/speech",
			v1:      "/openai/v1/audio/speech",
			native:  "/v1/audio/speech",
			since:   speechSince, needs: speaks, answer: answerSpeech, form: mayForm,
			arguments: arguments("input instructions metadata model response_format speed stream_format voice"),
		},
		{
			name: "Create_Moderation", verb: "moderation", method: "POST",
			v1:     "/openai/v1/moderations",
			native: "/v1/moderations",
			needs:  moderates, modelless: true, answer: answerModeration,
			arguments: arguments("input metadata model"),
		},
	}
}

// inferenceOperations are those that only the model inference surface has.
func inferenceOperations() []operation {
	return []operation{
		{
			name: "Get_Image_Embeddings", verb: "embeddings", method: "POST",
			inference: "/models/images/embeddings", needs: embeds, answer: answerImageEmbedding,
			arguments: arguments("dimensions encoding_format input input_type metadata model"),
		},
		{
			name: "Get_Model_Info", method: "GET",
			inference: "/models/info", answer: answerModelInfo,
		},
	}
}

// sessionArguments are the members of a realtime session's body, in both its
// shapes.
const sessionArguments = `audio client_secret include input_audio_format input_audio_noise_reduction
	input_audio_transcription instructions max_output_tokens max_response_output_tokens metadata
	modalities model output_audio_format output_modalities parallel_tool_calls prompt reasoning speed
	temperature tool_choice tools tracing truncation turn_detection type voice`

// realtimeOperations are the socket and what makes keys for it. On the classic
// surface the latter have two paths.
func realtimeOperations() []operation {
	ops := []operation{{
		name: "Realtime_Connect", verb: "realtime", method: "GET",
		classic: "/openai/realtime", v1: "/openai/v1/realtime", native: "/v1/realtime",
		since: realtimeSince, needs: realtimes, socket: true, answer: answerRealtime,
	}}
	for _, row := range []struct {
		name, path, arguments string
		answer                func(*call) (*reply, error)
	}{
		{"Create_Realtime_Session", "/sessions", sessionArguments, answerSession},
		{"Create_Realtime_Transcription_Session", "/transcription_sessions", sessionArguments, answerTranscriptionSession},
		{"Create_Realtime_Client_Secret", "/client_secrets", "expires_after metadata session", answerClientSecret},
	} {
		op := operation{
			name: row.name, verb: "realtime", method: "POST",
			classic: "/openai/realtime" + row.path, v1: "/openai/v1/realtime" + row.path, native: "/v1/realtime" + row.path,
			since: sessionsSince, answer: row.answer, arguments: arguments(row.arguments),
		}
		older := op
		older.classic, older.v1, older.native = "/openai/realtimeapi"+row.path, "", ""
		ops = append(ops, op, older)
	}
	return ops
}
