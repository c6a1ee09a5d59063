package proxy

import (
	"encoding/json"
	"net/http"
	"strings"

	"weir/internal/catalog"
	"weir/internal/fault"
	"weir/internal/record"
	"weir/internal/upstream"
)

// openAIModel is a model as OpenAI and Azure's v1 surface list it.
type openAIModel struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
}

// azureModel is a model as Azure's classic surface lists it (authoring
// specification, GA 2024-10-21).
type azureModel struct {
	ID              string       `json:"id"`
	Object          string       `json:"object"`
	Model           string       `json:"model"`
	Status          string       `json:"status"`
	LifecycleStatus string       `json:"lifecycle_status"`
	CreatedAt       int64        `json:"created_at"`
	Capabilities    capabilities `json:"capabilities"`
}

type capabilities struct {
	FineTune       bool `json:"fine_tune"`
	Inference      bool `json:"inference"`
	Completion     bool `json:"completion"`
	ChatCompletion bool `json:"chat_completion"`
	Embeddings     bool `json:"embeddings"`
}

type modelList struct {
	Object string `json:"object"`
	Data   []any  `json:"data"`
}

// answerModels answers the models operations: clients see the public
// deployments, under the names by which they call them.
func (x *exchange) answerModels() {
	var v any
	if x.match.Object == "" {
		list := modelList{Object: "list", Data: []any{}}
		for _, p := range x.set.Upstream.Pools() {
			list.Data = append(list.Data, x.model(p))
		}
		v = list
	} else {
		p := x.set.Upstream.Pool(x.match.Object)
		if p == nil {
			x.refuse(deploymentNotFound())
			return
		}
		v = x.model(p)
	}
	body, err := json.Marshal(v)
	if err != nil {
		x.fail(fault.Of(err))
		return
	}
	x.end.Outcome = record.Completed
	x.answer(http.StatusOK, nil, body)
}

// model shows a deployment in the surface's shape. What a deployment can do is
// told by its model's name, as far as the classic shape asks.
func (x *exchange) model(p *upstream.Pool) any {
	created := x.p.started.Unix()
	if x.match.Surface != catalog.Azure {
		return openAIModel{ID: p.Name, Object: "model", Created: created, OwnedBy: "azure-openai"}
	}
	embeds := strings.Contains(p.Model, "embedding")
	return azureModel{
		ID: p.Name, Object: "model", Model: p.Model, Status: "succeeded",
		LifecycleStatus: "generally-available", CreatedAt: created,
		Capabilities: capabilities{Inference: true, Completion: !embeds, ChatCompletion: !embeds, Embeddings: embeds},
	}
}
