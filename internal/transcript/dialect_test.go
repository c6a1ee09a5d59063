package transcript

import (
	"path/filepath"
	"testing"

	"weir/internal/record"
)

// TestDialects: each dialect of the table copes with what others send.
func TestDialects(t *testing.T) {
	files, _ := filepath.Glob("testdata/exchanges/*.txtar")
	if len(files) < 100 {
		t.Fatalf("only %d goldens found", len(files))
	}
	for _, file := range files {
		_, _, x := readGolden(t, file)
		for _, d := range dialects {
			sound(t, Read(x, d.name, words, nil))
		}
	}
}

func TestAsked(t *testing.T) {
	for _, tt := range []struct {
		dialect, method, path string
		want                  bool
	}{
		{Chat, "POST", "/openai/deployments/d/chat/completions?api-version=2024-10-21", true},
		{Chat, "", "", true},
		{StoredChat, "GET", "/v1/chat/completions/chatcmpl-1", false},
		{StoredChat, "POST", "/v1/chat/completions/chatcmpl-1", false},
		{Responses, "POST", "https://gw/openai/v1/responses", true},
		{Responses, "POST", "/openai/responses?api-version=x/y", true},
		{Responses, "POST", "/v1/responses/compact", true},
		{Responses, "POST", "/v1/responses/input_tokens", false},
		{Responses, "POST", "/v1/responses/resp_1/cancel", false},
		{Responses, "GET", "/v1/responses/resp_1", false},
		{Runs, "POST", "/v1/threads/runs", true},
		{Runs, "POST", "/v1/threads/thread_1/runs", true},
		{Runs, "POST", "/v1/threads/thread_1/runs/run_1", false},
		{Runs, "POST", "/v1/threads/thread_1/runs/run_1/submit_tool_outputs", true},
		{Runs, "POST", "/v1/threads/thread_1/runs/run_1/cancel", false},
		{Runs, "GET", "/v1/threads/thread_1/runs", false},
		{Realtime, "GET", "/v1/realtime?model=m", true},
		{RealtimeSessions, "POST", "/v1/realtime/sessions", false},
		{Images, "GET", "/openai/operations/images/op", false},
		{Files, "POST", "/v1/files", false},
		{"", "POST", "/v1/x", false},
	} {
		if got := dialectOf(tt.dialect).asked(&record.Begin{Method: tt.method, URL: tt.path}); got != tt.want {
			t.Errorf("%s: %s %s asks a model: %v", tt.dialect, tt.method, tt.path, got)
		}
	}
}
