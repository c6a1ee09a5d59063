// Command gosdk calls the gateway with openai-go as its users do, and prints one
// JSON line a case: client, case, ok, detail, usage, id.
//
// Env: WEIR_URL (the gateway, no path), WEIR_KEY (a subscription's key). The
// deployments that it calls are described in e2e/sdk_test.go. It is a module of
// its own, so that the gateway's does not depend on the SDK.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/azure"
	"github.com/openai/openai-go/v3/option"
)

const callTimeout = 30 * time.Second

// probe is one case of one client: its id travels as x-ms-client-request-id and
// user.
type probe struct {
	client, name, id string
	usage            *usage
}

type usage struct {
	Prompt     int64 `json:"prompt"`
	Completion int64 `json:"completion"`
	Total      int64 `json:"total"`
}

type line struct {
	Client string `json:"client"`
	Case   string `json:"case"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Usage  *usage `json:"usage"`
	ID     string `json:"id"`
}

// clientOf makes the client of that name.
func clientOf(name, key string, retries int) openai.Client {
	url := os.Getenv("WEIR_URL")
	opts := []option.RequestOption{option.WithMaxRetries(retries), option.WithRequestTimeout(callTimeout)}
	switch name {
	case "openai":
		opts = append(opts, option.WithBaseURL(url+"/v1/"), option.WithAPIKey(key))
	case "azure-v1":
		opts = append(opts, option.WithBaseURL(url+"/openai/v1/"), option.WithAPIKey(key))
	case "azure":
		opts = append(opts, azure.WithEndpoint(url, "2024-10-21"), azure.WithAPIKey(key), azure.WithUnsafeAllowHTTP())
	}
	return openai.NewClient(opts...)
}

func (p *probe) options() []option.RequestOption {
	return []option.RequestOption{
		option.WithHeader("x-ms-client-request-id", p.id),
		option.WithHeader("x-team", "gophers"),
	}
}

func (p *probe) saw(prompt, completion, total int64) error {
	if total <= 0 {
		return fmt.Errorf("no usage: %d tokens in all", total)
	}
	p.usage = &usage{prompt, completion, total}
	return nil
}

func main() {
	key := os.Getenv("WEIR_KEY")
	out := json.NewEncoder(os.Stdout)
	for _, name := range []string{"openai", "azure-v1", "azure"} {
		client := clientOf(name, key, 0)
		for _, c := range cases() {
			p := &probe{client: name, name: c.name, id: "go/" + name + "/" + c.name}
			l := line{Client: name, Case: c.name, OK: true, ID: p.id}
			if err := c.run(context.Background(), client, p); err != nil {
				l.OK, l.Detail = false, err.Error()
			}
			l.Usage = p.usage
			if err := out.Encode(l); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
	}
}
