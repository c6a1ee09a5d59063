package e2e

import (
	"slices"
	"strings"
	"testing"
)

// operationCases lists the cases of all rows.
func operationCases() []operationCase {
	return slices.Concat(textCases(), imageCases(), audioCases(), fileCases(), trainingCases(), assistantCases(),
		responseCases(), storeCases(), containerCases(), evalCases(), managementCases())
}

const (
	chatBody   = `"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Tell me of the harbour."}],"temperature":0.5,"max_tokens":40,"user":"ann"}`
	newRoutes  = "azure-v1 openai"
	threeOnly  = "azure azure-v1 openai"
	messageSay = "choices.0.message.content"
	deltaSay   = "choices.0.delta.content"
)

// textCases are those of text and vectors.
func textCases() []operationCase {
	return []operationCase{
		{opCall: opCall{op: "chatcompletions_create", model: "gpt-4o", body: "{" + chatBody}, asks: true,
			prompt: "user: Tell me of the harbour.", said: messageSay, parameters: "temperature max_tokens user"},
		{opCall: opCall{op: "chatcompletions_create", model: "gpt-4o", body: `{"stream":true,` + chatBody}, name: "streamed", asks: true, stream: true,
			prompt: "system: Be brief.", said: deltaSay, parameters: "stream temperature", check: streamedChat},
		{opCall: opCall{op: "chatcompletions_create", model: "gpt-4o", body: `{"stream":true,"stream_options":{"include_usage":true},` + chatBody}, name: "streamed with usage", asks: true, stream: true,
			prompt: "system: Be brief.", said: deltaSay, parameters: "stream_options"},
		{opCall: opCall{op: "chatcompletions_create", model: "gpt-4o", body: `{` + weatherTool + `,"messages":[{"role":"user","content":"Will it rain?"}]}`}, name: "tools", asks: true,
			prompt: "Will it rain?", check: toolCalled},
		{opCall: opCall{op: "chatcompletions_create", model: "gpt-4o", body: `{"stream":true,` + weatherTool + `,"messages":[{"role":"user","content":"Will it rain?"}]}`}, name: "tools streamed", asks: true, stream: true,
			prompt: "Will it rain?", check: toolCalled},
		{opCall: opCall{op: "chatcompletions_create", model: "gpt-4o", body: `{"store":true,"metadata":{"k":"v"},"messages":[{"role":"user","content":"Keep this."}]}`}, name: "stored", surfaces: threeOnly, asks: true,
			prompt: "Keep this.", said: messageSay, parameters: "store metadata"},
		{opCall: opCall{op: "extensionschatcompletions_create", version: dataSources, model: "gpt-4o", body: `{"dataSources":[{"type":"AzureCognitiveSearch","parameters":{"indexName":"sea"}}],` + chatBody}, asks: true,
			prompt: "Tell me of the harbour.", said: messageSay, parameters: "temperature"},
		{opCall: opCall{op: "extensionschatcompletions_create", version: dataSources, model: "gpt-4o", body: `{"stream":true,` + chatBody}, name: "streamed", asks: true, stream: true,
			prompt: "Tell me of the harbour.", said: deltaSay},
		{opCall: opCall{op: "completions_create", model: "gpt-35-turbo-instruct", body: `{"prompt":"Once upon a time","max_tokens":20,"stop":["###"]}`}, asks: true,
			prompt: "Once upon a time", said: "choices.0.text", parameters: "max_tokens stop"},
		{opCall: opCall{op: "completions_create", model: "gpt-35-turbo-instruct", body: `{"prompt":"Once upon a time","max_tokens":20,"stream":true}`}, name: "streamed", asks: true, stream: true,
			prompt: "Once upon a time", said: "choices.0.text", parameters: "stream"},
		{opCall: opCall{op: "embeddings_create", model: "text-embedding-3-small", body: `{"input":["the sea","the shore"],"dimensions":8}`}, asks: true,
			prompt: "the shore", parameters: "dimensions"},
		{opCall: opCall{op: "get_image_embeddings", model: "text-embedding-3-small", body: `{"input":[{"image":"data:image/png;base64,iVBORw0KGgo=","text":"a lighthouse"}],"dimensions":8}`}, asks: true,
			prompt: "a lighthouse", parameters: "dimensions"},
		{opCall: opCall{op: "create_moderation", model: "omni-moderation-latest", body: `{"input":"I am cross with the weather."}`}, asks: true,
			prompt: "cross with the weather"},
		{opCall: opCall{op: "create_moderation", body: `{"input":[{"type":"text","text":"I am cross with the rain."}]}`}, name: "without model", asks: true,
			prompt: "cross with the rain"},
		{opCall: opCall{op: "models_list"}},
		{opCall: opCall{op: "models_get", params: "model=gpt-4o"}},
		{opCall: opCall{op: "delete_model", params: "model=$tuned"}, fresh: "fine_tuning_job succeeded_job tuned", home: "north"},
		{opCall: opCall{op: "get_model_info"}},
	}
}

// streamedChat looks at what the gateway added for usage: the backend was asked
// for it, and the client sees none that it did not ask for.
func streamedChat(t *testing.T, m *made, r row) {
	if !strings.Contains(r.text("BackendRequestBody"), `"include_usage":true`) {
		t.Errorf("the backend was not asked for usage: %s", r.text("BackendRequestBody"))
	}
	if u := m.e.usage(); u != nil {
		t.Errorf("the client got usage that it did not ask for: %v", u)
	}
	if r.text("UsageSource") != "backend" {
		t.Errorf("UsageSource %q", r.text("UsageSource"))
	}
}

func toolCalled(t *testing.T, _ *made, r row) {
	if r.number("ToolCalls") != 1 || r.text("FinishReason") != "tool_calls" || !sameJSON(dig(r.dynamic("Parameters"), "tools"), []string{"get_weather"}) {
		t.Errorf("ToolCalls %v, FinishReason %q, Parameters %v", r["ToolCalls"], r.text("FinishReason"), r["Parameters"])
	}
	if got := r.text("BackendResponseBody"); !strings.Contains(got, "get_weather") {
		t.Errorf("the answer's body has no call: %s", got)
	}
}

// imageCases are those of pictures.
func imageCases() []operationCase {
	edit := func(more ...formPart) []formPart {
		return append([]formPart{{"image[]", "one picture", "a.png"}, {"image[]", "another", "b.png"}, {"mask", "a mask", "m.png"},
			{"prompt", "Paint the boat blue", ""}, {"quality", "low", ""}}, more...)
	}
	return []operationCase{
		{opCall: opCall{op: "imagegenerations_create", model: "dall-e-3", body: `{"prompt":"A red fox","style":"vivid"}`}, asks: true,
			prompt: "A red fox", said: "data.0.revised_prompt", parameters: "style", check: images(1)},
		{opCall: opCall{op: "imagegenerations_create", model: "gpt-image-1", body: `{"prompt":"A red fox","quality":"low","n":2}`}, name: "tokens", asks: true,
			prompt: "A red fox", parameters: "quality n", check: images(2)},
		{opCall: opCall{op: "imagegenerations_create", model: "gpt-image-1", body: `{"prompt":"A red fox","quality":"low","stream":true,"partial_images":2}`}, name: "streamed", asks: true, stream: true,
			prompt: "A red fox", parameters: "partial_images", check: images(1)},
		{opCall: opCall{op: "imageedits_create", model: "gpt-image-1", form: edit(formPart{"n", "2", ""})}, asks: true,
			prompt: "Paint the boat blue", parameters: "quality n", check: images(2)},
		{opCall: opCall{op: "imageedits_create", model: "gpt-image-1", form: edit(formPart{"stream", "true", ""}, formPart{"partial_images", "1", ""})}, name: "streamed", asks: true, stream: true,
			prompt: "Paint the boat blue", parameters: "partial_images", check: images(1)},
		{opCall: opCall{op: "create_image_variation", model: "dall-e-2", form: []formPart{{"image", "a picture", "a.png"}, {"n", "2", ""}}}, asks: true,
			parameters: "n", check: images(2)},
		{opCall: opCall{op: "imagegenerations_submit", version: asyncImages, body: `{"prompt":"A red fox","n":1}`}, asks: true, creates: true,
			prompt: "A red fox", parameters: "n", check: polledHere},
		{opCall: opCall{op: "get_image_operation", version: asyncImages}, needs: "image_operation"},
		{opCall: opCall{op: "delete_image_operation", version: asyncImages}, fresh: "image_operation"},
	}
}

func images(n float64) func(*testing.T, *made, row) {
	return func(t *testing.T, _ *made, r row) {
		if r.number("Images") != n {
			t.Errorf("Images %v, want %v", r["Images"], n)
		}
	}
}

// polledHere looks at the address of the result: it is the gateway's.
func polledHere(t *testing.T, m *made, _ row) {
	where := m.e.header.Get("Operation-Location")
	if base, _, _ := strings.Cut(m.e.url, "/openai/"); !strings.HasPrefix(where, base+"/openai/operations/images/") {
		t.Errorf("the result is said to be at %q", where)
	}
}

// audioCases are those of sound.
func audioCases() []operationCase {
	sound := func(more ...formPart) []formPart {
		return append([]formPart{{"file", silence(), "speech.wav"}, {"temperature", "0", ""}}, more...)
	}
	named := formPart{"prompt", "Names: Weir, Kusto.", ""}
	const spoken = `"input":"The tide is high, über all.","voice":"alloy"`
	const talk = `{"modalities":["text","audio"],"voice":"alloy","instructions":"Speak of rivers."}`
	return []operationCase{
		{opCall: opCall{op: "transcriptions_create", model: "whisper-1", form: sound(named, formPart{"language", "en", ""})}, asks: true,
			prompt: "Names: Weir", said: "text", parameters: "temperature language", check: heard},
		{opCall: opCall{op: "transcriptions_create", model: "gpt-4o-transcribe", form: sound(named)}, name: "tokens", asks: true, prompt: "Names: Weir", said: "text"},
		{opCall: opCall{op: "transcriptions_create", model: "gpt-4o-transcribe", form: sound(named, formPart{"stream", "true", ""})}, name: "streamed", asks: true, stream: true,
			prompt: "Names: Weir", said: "delta", parameters: "temperature"},
		{opCall: opCall{op: "transcriptions_create", model: "whisper-1", form: sound(formPart{"response_format", "srt", ""})}, name: "subtitles", asks: true,
			parameters: "response_format", check: subtitled},
		{opCall: opCall{op: "transcriptions_create", model: "whisper-1", form: sound(formPart{"response_format", "verbose_json", ""})}, name: "verbose", asks: true,
			said: "text", parameters: "response_format", check: heard},
		{opCall: opCall{op: "translations_create", model: "whisper-1", form: sound(named)}, asks: true,
			prompt: "Names: Weir", said: "text", parameters: "temperature", check: heard},
		{opCall: opCall{op: "speech_create", model: "tts-1", body: `{` + spoken + `,"response_format":"mp3"}`}, asks: true,
			prompt: "The tide is high", parameters: "voice response_format", check: spokenLength},
		{opCall: opCall{op: "speech_create", model: "gpt-4o-mini-tts", body: `{` + spoken + `,"instructions":"Whisper.","stream_format":"sse"}`}, name: "streamed", asks: true, stream: true,
			prompt: "system: Whisper.", parameters: "stream_format", check: spokenLength},
		{opCall: opCall{op: "speech_create", model: "tts-1", form: []formPart{{"input", "The tide is high, über all.", ""}, {"voice", "alloy", ""}}}, name: "form", asks: true,
			prompt: "The tide is high", parameters: "voice", check: spokenLength},
		{opCall: opCall{op: "realtime_connect", model: "gpt-realtime"}, surfaces: newRoutes, asks: true, creates: true, prompt: "Tell me about rivers.", check: talked},
		{opCall: opCall{op: "realtime_connect", model: "gpt-4o-realtime-preview"}, surfaces: "azure", asks: true, creates: true, prompt: "Tell me about rivers.", check: talked},
		{opCall: opCall{op: "create_realtime_session", model: "gpt-4o-realtime-preview", body: talk}, creates: true,
			prompt: "Speak of rivers.", parameters: "voice modalities", check: keyHidden},
		{opCall: opCall{op: "create_realtime_transcription_session", body: `{"input_audio_format":"pcm16","input_audio_transcription":{"model":"gpt-4o-transcribe"}}`}, creates: true,
			parameters: "input_audio_format", check: keyHidden},
		{opCall: opCall{op: "create_realtime_client_secret", body: `{"session":{"type":"realtime","model":"gpt-realtime","instructions":"Speak of rivers."},"expires_after":{"anchor":"created_at","seconds":60}}`},
			parameters: "expires_after", check: keyHidden},
	}
}

func heard(t *testing.T, _ *made, r row) {
	if r.number("AudioSeconds") != 2 {
		t.Errorf("AudioSeconds %v, want 2", r["AudioSeconds"])
	}
}

func subtitled(t *testing.T, m *made, r row) {
	said := r.text("Completion")
	if said == "" || strings.Contains(said, "-->") || !strings.Contains(strings.ReplaceAll(string(m.e.body), "\n", " "), strings.Fields(said)[0]) {
		t.Errorf("Completion %q of %q", said, m.e.body)
	}
}

func spokenLength(t *testing.T, _ *made, r row) {
	if r.number("Characters") != 27 {
		t.Errorf("Characters %v, want 27", r["Characters"])
	}
}

// keyHidden looks at the answer with a short-lived key: the client has it, the
// record has not.
func keyHidden(t *testing.T, m *made, r row) {
	key := digText(m.e.doc, "client_secret.value") + digText(m.e.doc, "value")
	if !strings.HasPrefix(key, "ek_") {
		t.Errorf("the client got no key: %.300s", m.e.body)
	}
	for column := range r {
		if s := r.text(column); s != "" && key != "" && strings.Contains(s, key) {
			t.Errorf("the key is on the record, in %s", column)
		}
	}
}

// managementCases are those of deployments.
func managementCases() []operationCase {
	const smaller = `{"scale_settings":{"scale_type":"manual","capacity":1}}`
	return []operationCase{
		{opCall: opCall{op: "deployments_list", version: early}, needs: "named_deployment"},
		{opCall: opCall{op: "deployments_create", version: early, body: scaleBody}, creates: true, parameters: "model scale_settings"},
		{opCall: opCall{op: "deployments_get", version: early}, needs: "named_deployment"},
		{opCall: opCall{op: "deployments_update", version: early, body: smaller}, parameters: "scale_settings"},
		{opCall: opCall{op: "deployments_delete", version: early}, fresh: "named_deployment"},
		{opCall: opCall{op: "arm_deployments_list", params: armParams}, needs: "name"},
		{opCall: opCall{op: "arm_deployments_get", params: armParams}, needs: "name", creates: true},
		{opCall: opCall{op: "arm_deployments_createorupdate", params: armParams + "-anew", body: armBody}, creates: true, parameters: "sku properties"},
		{opCall: opCall{op: "arm_deployments_update", params: armParams, body: `{"sku":{"name":"Standard","capacity":20}}`}, needs: "name", creates: true, parameters: "sku"},
		{opCall: opCall{op: "arm_deployments_delete", params: armParams}, needs: "name"}, // whose answer is empty
	}
}
