package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// sdkCases lists what every SDK does with every one of its clients, and what the
// log must then have. Their scripts are python/sdk.py, node/sdk.cjs and gosdk.
//
// The deployments: gpt-4o is on both simulators (one of kind azure, one of kind
// openai), gpt-4o-mini and text-embedding-3-small on the azure one, gpt-35-turbo
// on the openai one; limited is on a backend that says 429 when the prompt asks
// for it; shared is on that one and on the openai simulator.
var sdkCases = []struct {
	name       string
	operation  string
	deployment string
	codes      []int // one record each
	stream     bool
	outcome    string
	known      bool // the caller's key was right
}{
	{"chat", chatOp, "gpt-4o", []int{200}, false, "completed", true},
	{"chat_tools", chatOp, "gpt-4o", []int{200}, false, "completed", true},
	{"chat_stream", chatOp, "gpt-4o", []int{200}, true, "completed", true},
	{"chat_stream_usage", chatOp, "gpt-4o", []int{200}, true, "completed", true},
	{"chat_stream_tools", chatOp, "gpt-4o", []int{200}, true, "completed", true},
	{"chat_stream_choices", chatOp, "gpt-4o", []int{200}, true, "completed", true},
	{"completion", "completions_create", "gpt-35-turbo", []int{200}, false, "completed", true},
	{"completion_stream", "completions_create", "gpt-35-turbo", []int{200}, true, "completed", true},
	{"embedding", "embeddings_create", "text-embedding-3-small", []int{200}, false, "completed", true},
	{"models_list", "models_list", "", []int{200}, false, "", true},
	{"models_get", "models_get", "", []int{200}, false, "", true},
	{"error_401", chatOp, "", []int{401}, false, "refused", false},
	{"error_404", chatOp, "no-such-deployment", []int{404}, false, "refused", true},
	{"error_429", chatOp, "limited", []int{429}, false, "completed", true},
	{"retry_429", chatOp, "limited", []int{200, 429}, false, "completed", true},
	{"failover_429", chatOp, "shared", []int{200, 200, 200, 200}, false, "completed", true},
	{"error_400_filter", chatOp, "gpt-4o-mini", []int{400}, false, "completed", true},
}

const chatOp = "chatcompletions_create"

// sdkClients are the clients of each SDK, and the surface that each calls.
var sdkClients = []struct{ name, surface string }{
	{"openai", "openai"}, {"azure-v1", "azure-v1"}, {"azure", "azure"},
}

// sdkLine is what a script says of one case.
type sdkLine struct {
	Client, Case, Detail, ID string
	OK                       bool
	Usage                    *struct{ Prompt, Completion, Total float64 }
}

// TestSDKs calls the gateway with every SDK and reads the log; then it asks the
// article's two queries and holds their sums against the simulators' own count.
func TestSDKs(t *testing.T) {
	east, west := startSim(t, "azure", eastKey), startSim(t, "openai", westKey)
	g := newGateway(t, []backend{
		{"east", "azure", east.url, "2024-10-21", "${env:EAST_KEY}"},
		{"west", "openai", west.url + "/v1", "", "${env:WEST_KEY}"},
		{"flaky", "azure", flakyBackend(t, east), "2024-10-21", "${env:EAST_KEY}"},
	}, []route{
		{"gpt-4o", []string{"east", "west"}},
		{"gpt-4o-mini", []string{"east"}},
		{"gpt-35-turbo", []string{"west"}},
		{"text-embedding-3-small", []string{"east"}},
		{"limited", []string{"flaky=gpt-4o"}},
		{"shared", []string{"flaky=gpt-4o", "west=gpt-4o"}},
	})
	g.calm(t)
	g.serve(t)
	ran := 0
	for _, sdk := range []struct {
		name, team string
		command    func(t *testing.T) *exec.Cmd
	}{
		{"python", "snakes", pythonSDK}, {"node", "nodes", nodeSDK}, {"go", "gophers", goSDK},
	} {
		t.Run(sdk.name, func(t *testing.T) {
			cmd := sdk.command(t)
			ran++
			lines := runSDK(t, g, cmd)
			checkSDK(t, g, sdk.name, sdk.team, lines)
		})
	}
	if ran == 0 {
		t.Skip("no SDK is here, so there is no traffic to ask for")
	}
	t.Run("failover", func(t *testing.T) { checkFailover(t, g) })
	t.Run("sums", func(t *testing.T) { checkSums(t, g, east, west) })
	t.Run("article", func(t *testing.T) { checkArticle(t, g, east, west) })
}

// sdkFolder is where `make sdks` put the SDKs.
func sdkFolder(t *testing.T, what string) string {
	dir := os.Getenv("WEIR_SDKS")
	if dir == "" {
		t.Skip("WEIR_SDKS is not set: `make test` sets it to the folder of the fetched SDKs")
	}
	file := filepath.Join(dir, what)
	if _, err := os.Stat(file); err != nil {
		t.Skipf("the SDK is not here: %v; `make sdks` fetches it where its language is installed", err)
	}
	return file
}

func pythonSDK(t *testing.T) *exec.Cmd {
	if found, _ := filepath.Glob(filepath.Join(os.Getenv("WEIR_SDKS"), "python/lib/*/site-packages/openai")); len(found) == 0 && os.Getenv("WEIR_SDKS") != "" {
		t.Skip("openai-python is not in WEIR_SDKS; `make sdks` fetches it where python3 has venv")
	}
	return exec.Command(sdkFolder(t, "python/bin/python"), "python/sdk.py")
}

func nodeSDK(t *testing.T) *exec.Cmd {
	modules := filepath.Dir(sdkFolder(t, "node/node_modules/openai"))
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("there is no node here")
	}
	cmd := exec.Command(node, "node/sdk.cjs")
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
	return cmd
}

// goSDK builds the nested module that has openai-go.
func goSDK(t *testing.T) *exec.Cmd {
	bin := filepath.Join(t.TempDir(), "gosdk")
	build := exec.Command("go", "build", "-o", bin, ".")
	build.Dir = "gosdk"
	if out, err := build.CombinedOutput(); err != nil {
		if os.Getenv("WEIR_SDKS") == "" {
			t.Skipf("openai-go cannot be built here: %v\n%s", err, out)
		}
		t.Fatalf("build the calls of openai-go: %v\n%s", err, out)
	}
	return exec.Command(bin)
}

// runSDK runs a script and gives its lines, by client and case.
func runSDK(t *testing.T, g *gateway, made *exec.Cmd) map[string]sdkLine {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, made.Path, made.Args[1:]...)
	cmd.Env = append(append(os.Environ(), made.Env...), "WEIR_URL="+g.url, "WEIR_KEY="+callerKey)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		t.Errorf("%s: %v\n%s", made.Path, err, stderr.String())
	}
	lines := map[string]sdkLine{}
	for s := bufio.NewScanner(&out); s.Scan(); {
		var l sdkLine
		if err := json.Unmarshal(s.Bytes(), &l); err != nil {
			t.Fatalf("not a line of JSON: %s\n%s", s.Text(), stderr.String())
		}
		if !l.OK {
			t.Errorf("%s: %s", l.ID, l.Detail)
		}
		lines[l.Client+"/"+l.Case] = l
	}
	return lines
}

const sdkColumns = `OperationId, SurfaceOperationId, Surface, ApiVersion, DeploymentName, ModelName, BackendId, ApimSubscriptionId, ProductId,
	EndUser, Team, ResponseCode, Outcome, IsStream, PromptTokens, CompletionTokens, TotalTokens, UsageSource, Prompt, Completion, ToolCalls,
	ContentFiltered, LastErrorReason, AttemptCount`

// checkSDK holds the log against what the scripts did and saw.
func checkSDK(t *testing.T, g *gateway, sdk, team string, lines map[string]sdkLine) {
	t.Helper()
	var ids []string
	for _, l := range lines {
		ids = append(ids, l.ID)
	}
	records := g.settle(t, sdkColumns, ids)
	for _, client := range sdkClients {
		for _, c := range sdkCases {
			l, ran := lines[client.name+"/"+c.name]
			if !ran {
				t.Errorf("%s/%s: the script did not run it", client.name, c.name)
				continue
			}
			got := records[l.ID]
			var codes []int
			for _, r := range got {
				codes = append(codes, int(r.number("ResponseCode")))
			}
			slices.Sort(codes)
			if !slices.Equal(codes, c.codes) {
				t.Errorf("%s: the log has records with status %v, want %v", l.ID, codes, c.codes)
				continue
			}
			for _, r := range got {
				expect := map[string]string{
					"OperationId": c.operation, "Surface": client.surface, "Team": team,
					"ApimSubscriptionId": "team-a", "ProductId": "standard",
				}
				if !c.known {
					expect["ApimSubscriptionId"], expect["ProductId"] = "", ""
				} else if strings.HasSuffix(c.operation, "_create") {
					expect["EndUser"] = l.ID
					expect["DeploymentName"] = c.deployment
				}
				if c.outcome != "" {
					expect["Outcome"] = c.outcome
				}
				if client.surface == "azure" {
					expect["ApiVersion"] = "2024-10-21"
				}
				for column, want := range expect {
					if r.text(column) != want {
						t.Errorf("%s: %s is %q, want %q", l.ID, column, r.text(column), want)
					}
				}
				checkTokens(t, l, c.stream, r)
			}
		}
	}
}

// checkTokens compares the tokens of a record with what the client was told.
func checkTokens(t *testing.T, l sdkLine, stream bool, r row) {
	t.Helper()
	if strings.HasPrefix(l.Case, "models") || r.number("ResponseCode") != 200 {
		return
	}
	if l.Case != "failover_429" && l.Usage != nil {
		got := fmt.Sprint(r.number("PromptTokens"), r.number("CompletionTokens"), r.number("TotalTokens"))
		if want := fmt.Sprint(l.Usage.Prompt, l.Usage.Completion, l.Usage.Total); got != want {
			t.Errorf("%s: tokens %s, the client was told %s", l.ID, got, want)
		}
	}
	if r.number("TotalTokens") <= 0 || r.text("UsageSource") != "backend" {
		t.Errorf("%s: %v tokens by %q, want the backend's usage", l.ID, r.number("TotalTokens"), r.text("UsageSource"))
	}
	if streamed, _ := r["IsStream"].(bool); streamed != stream {
		t.Errorf("%s: IsStream is %v", l.ID, r["IsStream"])
	}
	if !strings.Contains(r.text("Prompt"), l.ID) {
		t.Errorf("%s: the prompt on the record is %q", l.ID, r.text("Prompt"))
	}
	if strings.HasSuffix(l.Case, "tools") {
		if r.number("ToolCalls") != 1 {
			t.Errorf("%s: %v tool calls on the record", l.ID, r.number("ToolCalls"))
		}
	} else if l.Case != "embedding" && r.text("Completion") == "" {
		t.Errorf("%s: no completion on the record", l.ID)
	}
	if model := r.text("ModelName"); !strings.HasPrefix(model, "gpt-") && !strings.HasPrefix(model, "text-embedding-3") {
		t.Errorf("%s: model %q", l.ID, model)
	}
}

// checkFailover sees that calls went on to the second backend after a 429, and
// that a filtered prompt is marked.
func checkFailover(t *testing.T, g *gateway) {
	rows := g.query(t, `WeirExchanges | where DeploymentName == 'shared' | extend attempt = Attempts[0]
		| project AttemptCount, BackendId, FirstBackend = tostring(attempt.backend), FirstStatus = toint(attempt.status), Reason = tostring(attempt.reason)`)
	over := 0
	for _, r := range rows {
		if r.text("BackendId") != "west" {
			t.Errorf("a call of shared was answered by %q", r.text("BackendId"))
		}
		if r.number("AttemptCount") == 2 {
			over++
			if r.text("FirstBackend") != "flaky" || r.number("FirstStatus") != 429 || r.text("Reason") == "" {
				t.Errorf("the first attempt on the record: %v", r)
			}
		}
	}
	if over == 0 {
		t.Errorf("none of %d calls of shared went from one backend to the other", len(rows))
	}
	rows = g.query(t, `WeirExchanges | where ClientRequestId endswith '/error_400_filter' | where not(ContentFiltered) | project ClientRequestId`)
	if len(rows) > 0 {
		t.Errorf("%d filtered prompts are not marked as such", len(rows))
	}
}
