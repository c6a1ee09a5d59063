package catalog

import (
	"cmp"
	"net/url"
	"testing"
)

func TestMatch(t *testing.T) {
	c := New()
	for _, tt := range []struct {
		method, path string
		id, param    string
		surface      Surface
	}{
		{"POST", "/openai/deployments/gpt/chat/completions", "chatcompletions_create", "gpt", Azure},
		{"POST", "/openai/deployments/gpt/chat/completions/", "chatcompletions_create", "gpt", Azure},
		{"POST", "/openai/deployments/gpt%20x/completions", "completions_create", "gpt x", Azure},
		{"POST", "/openai/deployments/%67pt/embeddings", "embeddings_create", "gpt", Azure},
		{"POST", "/openai/deployments/gpt/%63hat/completions", "chatcompletions_create", "gpt", Azure},
		{"POST", "/openai/deployments/v1/embeddings", "embeddings_create", "v1", Azure},
		{"POST", "/openai/v1/chat/completions", "chatcompletions_create", "", AzureV1},
		{"POST", "/v1/chat/completions", "chatcompletions_create", "", OpenAI},
		{"GET", "/openai/models", "models_list", "", Azure},
		{"GET", "/openai/models/gpt", "models_get", "gpt", Azure},
		{"GET", "/openai/v1/models/gpt", "models_get", "gpt", AzureV1},
		{"GET", "/v1/models", "models_list", "", OpenAI},

		{"PUT", "/v1/chat/completions", "", "", OpenAI}, // the method
		{"POST", "/v1/models", "", "", OpenAI},
		{"HEAD", "/v1/models", "", "", OpenAI},
		{"POST", "/", "", "", None},
		{"POST", "", "", "", None},
		{"POST", "*", "", "", None},
		{"POST", "/v1", "", "", None},
		{"POST", "/v1/chat", "", "", OpenAI},
		{"POST", "/v1//chat/completions", "", "", OpenAI},
		{"POST", "/v1/chat/completions//", "", "", OpenAI},
		{"POST", "/openai/deployments//chat/completions", "", "", Azure},
		{"POST", "/openai/deployments/../chat/completions", "", "", Azure},
		{"POST", "/openai/deployments/%2e%2e/chat/completions", "", "", Azure},
		{"POST", "/openai/deployments/a%2Fb/chat/completions", "", "", Azure},
		{"POST", "/openai/deployments/a%5Cb/chat/completions", "", "", Azure},
		{"POST", "/openai/deployments/a%00/chat/completions", "", "", Azure},
		{"GET", "/v1/models/a%2F..%2F..", "", "", OpenAI},
		{"POST", "/openai/deployments/gpt/chat/completions/more", "", "", Azure},
	} {
		u, err := url.ParseRequestURI(tt.path)
		if err != nil {
			u = &url.URL{Path: tt.path}
		}
		m := c.Match(tt.method, u)
		id := ""
		if m.Found() {
			id = m.Op.ID
			if &c.Operations()[m.Index] != m.Op {
				t.Errorf("%s: index %d is not the operation", tt.path, m.Index)
			}
		}
		if id != tt.id || cmp.Or(m.Deployment, m.Params[0]) != tt.param || m.Surface != tt.surface {
			t.Errorf("%s %s: %q %q %v, want %q %q %v", tt.method, tt.path, id, cmp.Or(m.Deployment, m.Params[0]), m.Surface, tt.id, tt.param, tt.surface)
		}
	}
}

func TestMatchAllocatesNothing(t *testing.T) {
	c := New()
	u := &url.URL{Path: "/openai/deployments/gpt/chat/completions"}
	if n := testing.AllocsPerRun(100, func() { c.Match("POST", u) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestOperations keeps the rows consistent.
func TestOperations(t *testing.T) {
	seen := map[string]bool{}
	for _, op := range Operations() {
		if op.ID == "" || seen[op.ID] || op.Method == "" || op.Dialect == "" || len(op.Routes) == 0 {
			t.Errorf("row %+v", op)
		}
		seen[op.ID] = true
		if len(op.Terminal) > 0 && !op.Streams && !op.Socket {
			t.Errorf("%s: a terminal event without a stream", op.ID)
		}
		for _, r := range op.Routes {
			if surfaceOf(r.Pattern) != r.Surface || r.OperationID == "" {
				t.Errorf("%s: route %+v", op.ID, r)
			}
		}
	}
}

func TestVersions(t *testing.T) {
	for _, tt := range []struct {
		s    Surface
		v    string
		want bool
	}{
		{Azure, "", false}, {Azure, "2024-10-21", true}, {Azure, "2025-04-01-preview", true}, {Azure, "2024-10-22", false}, {Azure, "v1", false},
		{AzureV1, "", true}, {AzureV1, "v1", true}, {AzureV1, "preview", true}, {AzureV1, "latest", true}, {AzureV1, "2024-10-21", false},
		{OpenAI, "", true}, {OpenAI, "2024-10-21", true},
	} {
		if got := KnownVersion(tt.s, tt.v); got != tt.want {
			t.Errorf("KnownVersion(%v, %q) = %v", tt.s, tt.v, got)
		}
	}
	for v, want := range map[string]bool{
		"2024-06-01": false, "2024-08-01-preview": false, "2024-09-01-preview": true, "2024-10-21": true, "2023-05-15": false,
		"2025-01-01-preview": true, "": true, "v1": true, "preview": true,
	} {
		if got := SupportsStreamOptions(v); got != want {
			t.Errorf("SupportsStreamOptions(%q) = %v", v, got)
		}
	}
}
