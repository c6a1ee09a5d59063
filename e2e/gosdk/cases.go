package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/openai/openai-go/v3"
)

type testCase struct {
	name string
	run  func(ctx context.Context, c openai.Client, p *probe) error
}

func cases() []testCase {
	return []testCase{
		{"chat", chat},
		{"chat_tools", chatTools},
		{"chat_stream", chatStream},
		{"chat_stream_usage", chatStreamUsage},
		{"chat_stream_tools", chatStreamTools},
		{"chat_stream_choices", chatStreamChoices},
		{"completion", completion},
		{"completion_stream", completionStream},
		{"embedding", embedding},
		{"models_list", modelsList},
		{"models_get", modelsGet},
		{"error_401", error401},
		{"error_404", error404},
		{"error_429", error429},
		{"retry_429", retry429},
		{"failover_429", failover429},
		{"error_400_filter", error400Filter},
	}
}

func (p *probe) chat(model, text string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model:    model,
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(text + " (" + p.id + ")")},
		User:     openai.String(p.id),
	}
}

func tools() []openai.ChatCompletionToolUnionParam {
	return []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(openai.FunctionDefinitionParam{
		Name:        "get_weather",
		Description: openai.String("The weather in a city"),
		Parameters: openai.FunctionParameters{
			"type":       "object",
			"properties": map[string]any{"city": map[string]any{"type": "string"}},
			"required":   []string{"city"},
		},
	})}
}

// want gives an error that names what was not so.
func want(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}

func chat(ctx context.Context, c openai.Client, p *probe) error {
	answer, err := c.Chat.Completions.New(ctx, p.chat("gpt-4o", "Good morning"), p.options()...)
	if err != nil {
		return err
	}
	return errors.Join(
		want(len(answer.Choices) == 1 && answer.Choices[0].Message.Content != "", "no content: %s", answer.RawJSON()),
		want(answer.Choices[0].FinishReason == "stop", "finish_reason %q", answer.Choices[0].FinishReason),
		want(strings.HasPrefix(answer.Model, "gpt-4o"), "model %q", answer.Model),
		p.saw(answer.Usage.PromptTokens, answer.Usage.CompletionTokens, answer.Usage.TotalTokens),
	)
}

func chatTools(ctx context.Context, c openai.Client, p *probe) error {
	params := p.chat("gpt-4o", "How is the weather in Oslo?")
	params.Tools = tools()
	answer, err := c.Chat.Completions.New(ctx, params, p.options()...)
	if err != nil {
		return err
	}
	calls := answer.Choices[0].Message.ToolCalls
	if len(calls) != 1 || calls[0].Function.Name != "get_weather" || !json.Valid([]byte(calls[0].Function.Arguments)) {
		return fmt.Errorf("tool calls: %s", answer.RawJSON())
	}
	return p.saw(answer.Usage.PromptTokens, answer.Usage.CompletionTokens, answer.Usage.TotalTokens)
}

// stream reads a chat stream through the SDK's accumulator, each is called with
// every chunk.
func stream(ctx context.Context, c openai.Client, p *probe, params openai.ChatCompletionNewParams, each func(openai.ChatCompletionChunk) error) (*openai.ChatCompletionAccumulator, error) {
	acc := &openai.ChatCompletionAccumulator{}
	s := c.Chat.Completions.NewStreaming(ctx, params, p.options()...)
	defer s.Close()
	for s.Next() {
		chunk := s.Current()
		// Azure's first event has no choices and no id, which the accumulator
		// would take for another answer's.
		if chunk.ID != "" && !acc.AddChunk(chunk) {
			return nil, fmt.Errorf("the accumulator refused %s", chunk.RawJSON())
		}
		if err := each(chunk); err != nil {
			return nil, err
		}
	}
	if len(acc.Choices) == 0 && s.Err() == nil {
		return nil, errors.New("a stream without choices")
	}
	return acc, s.Err()
}

func chatStream(ctx context.Context, c openai.Client, p *probe) error {
	acc, err := stream(ctx, c, p, p.chat("gpt-4o", "Tell a story"), func(chunk openai.ChatCompletionChunk) error {
		// The usage event that the gateway asked for is not the client's.
		return want(chunk.Usage.TotalTokens == 0, "usage that nobody asked for: %s", chunk.RawJSON())
	})
	if err != nil {
		return err
	}
	return errors.Join(
		want(acc.Choices[0].Message.Content != "", "no content"),
		want(acc.Choices[0].FinishReason == "stop", "finish_reason %q", acc.Choices[0].FinishReason),
	)
}

func chatStreamUsage(ctx context.Context, c openai.Client, p *probe) error {
	params := p.chat("gpt-4o", "Tell a story")
	params.StreamOptions.IncludeUsage = openai.Bool(true)
	var last openai.ChatCompletionChunk
	acc, err := stream(ctx, c, p, params, func(chunk openai.ChatCompletionChunk) error {
		last = chunk
		return nil
	})
	if err != nil {
		return err
	}
	return errors.Join(
		want(acc.Choices[0].Message.Content != "", "no content"),
		want(len(last.Choices) == 0, "the last chunk has choices: %s", last.RawJSON()),
		p.saw(last.Usage.PromptTokens, last.Usage.CompletionTokens, last.Usage.TotalTokens),
	)
}

func chatStreamTools(ctx context.Context, c openai.Client, p *probe) error {
	params := p.chat("gpt-4o", "How is the weather?")
	params.Tools = tools()
	acc, err := stream(ctx, c, p, params, func(openai.ChatCompletionChunk) error { return nil })
	if err != nil {
		return err
	}
	calls := acc.Choices[0].Message.ToolCalls
	return errors.Join(
		want(len(calls) == 1 && calls[0].Function.Name == "get_weather" && json.Valid([]byte(calls[0].Function.Arguments)), "tool calls: %+v", calls),
		want(acc.Choices[0].FinishReason == "tool_calls", "finish_reason %q", acc.Choices[0].FinishReason),
	)
}

func chatStreamChoices(ctx context.Context, c openai.Client, p *probe) error {
	params := p.chat("gpt-4o", "Name a colour")
	params.N = openai.Int(3)
	texts := map[int64]string{}
	_, err := stream(ctx, c, p, params, func(chunk openai.ChatCompletionChunk) error {
		for _, choice := range chunk.Choices {
			texts[choice.Index] += choice.Delta.Content
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range int64(3) {
		if texts[i] == "" {
			return fmt.Errorf("choice %d has no text; there are %v", i, slices.Sorted(maps.Keys(texts)))
		}
	}
	return want(len(texts) == 3, "%d choices", len(texts))
}

func (p *probe) completion() openai.CompletionNewParams {
	return openai.CompletionNewParams{
		Model:  "gpt-35-turbo",
		Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String("Once upon a time " + p.id)},
		User:   openai.String(p.id),
	}
}

func completion(ctx context.Context, c openai.Client, p *probe) error {
	answer, err := c.Completions.New(ctx, p.completion(), p.options()...)
	if err != nil {
		return err
	}
	return errors.Join(
		want(answer.Choices[0].Text != "", "no text"),
		p.saw(answer.Usage.PromptTokens, answer.Usage.CompletionTokens, answer.Usage.TotalTokens),
	)
}

func completionStream(ctx context.Context, c openai.Client, p *probe) error {
	s := c.Completions.NewStreaming(ctx, p.completion(), p.options()...)
	defer s.Close()
	text := ""
	for s.Next() {
		for _, choice := range s.Current().Choices {
			text += choice.Text
		}
	}
	return errors.Join(s.Err(), want(text != "", "no text"))
}

func embedding(ctx context.Context, c openai.Client, p *probe) error {
	answer, err := c.Embeddings.New(ctx, openai.EmbeddingNewParams{
		Model: "text-embedding-3-small",
		Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"a gull", "a weir " + p.id}},
		User:  openai.String(p.id),
	}, p.options()...)
	if err != nil {
		return err
	}
	return errors.Join(
		want(len(answer.Data) == 2 && len(answer.Data[0].Embedding) == 1536, "%d embeddings", len(answer.Data)),
		p.saw(answer.Usage.PromptTokens, 0, answer.Usage.TotalTokens),
	)
}

func modelsList(ctx context.Context, c openai.Client, p *probe) error {
	list, err := c.Models.List(ctx, p.options()...)
	if err != nil {
		return err
	}
	var names []string
	for _, m := range list.Data {
		names = append(names, m.ID)
	}
	return want(slices.Contains(names, "gpt-4o") && slices.Contains(names, "text-embedding-3-small"), "models %v", names)
}

func modelsGet(ctx context.Context, c openai.Client, p *probe) error {
	model, err := c.Models.Get(ctx, "gpt-4o", p.options()...)
	if err != nil {
		return err
	}
	return want(model.ID == "gpt-4o", "model %q", model.ID)
}

// raises checks that err is the SDK's error with that status and code.
func raises(err error, status int, code string) (*openai.Error, error) {
	var e *openai.Error
	if !errors.As(err, &e) {
		return nil, fmt.Errorf("no *openai.Error but %v", err)
	}
	return e, errors.Join(
		want(e.StatusCode == status, "status %d", e.StatusCode),
		want(code == "" || e.Code == code, "code %q in %s", e.Code, e.RawJSON()),
		want(e.Response.Header.Get("apim-request-id") != "", "no apim-request-id"),
	)
}

func error401(ctx context.Context, _ openai.Client, p *probe) error {
	wrong := clientOf(p.client, "not-a-key", 0)
	_, err := wrong.Chat.Completions.New(ctx, p.chat("gpt-4o", "Hello"), p.options()...)
	e, err := raises(err, 401, "")
	if err != nil {
		return err
	}
	return want(strings.Contains(e.Message, "subscription key"), "message %q", e.Message)
}

func error404(ctx context.Context, c openai.Client, p *probe) error {
	_, err := c.Chat.Completions.New(ctx, p.chat("no-such-deployment", "Hello"), p.options()...)
	_, err = raises(err, 404, "DeploymentNotFound")
	return err
}

func error429(ctx context.Context, c openai.Client, p *probe) error {
	_, err := c.Chat.Completions.New(ctx, p.chat("limited", "always say 429"), p.options()...)
	e, err := raises(err, 429, "429")
	if err != nil {
		return err
	}
	return want(e.Response.Header.Get("Retry-After") == "1", "Retry-After %q", e.Response.Header.Get("Retry-After"))
}

func retry429(ctx context.Context, _ openai.Client, p *probe) error {
	patient := clientOf(p.client, os.Getenv("WEIR_KEY"), 2)
	start := time.Now()
	answer, err := patient.Chat.Completions.New(ctx, p.chat("limited", "say 429 once"), p.options()...)
	if err != nil {
		return err
	}
	return errors.Join(
		want(time.Since(start) > 900*time.Millisecond, "Retry-After of 1 s, yet answered after %v", time.Since(start)),
		p.saw(answer.Usage.PromptTokens, answer.Usage.CompletionTokens, answer.Usage.TotalTokens),
	)
}

func failover429(ctx context.Context, c openai.Client, p *probe) error {
	for range 4 {
		answer, err := c.Chat.Completions.New(ctx, p.chat("shared", "always say 429"), p.options()...)
		if err != nil {
			return err
		}
		if err := p.saw(answer.Usage.PromptTokens, answer.Usage.CompletionTokens, answer.Usage.TotalTokens); err != nil {
			return err
		}
	}
	return nil
}

func error400Filter(ctx context.Context, c openai.Client, p *probe) error {
	_, err := c.Chat.Completions.New(ctx, p.chat("gpt-4o-mini", "please trigger the content filter"), p.options()...)
	e, err := raises(err, 400, "content_filter")
	if err != nil {
		return err
	}
	inner := e.JSON.ExtraFields["innererror"].Raw() + e.JSON.ExtraFields["inner_error"].Raw()
	return want(strings.Contains(inner, "ResponsibleAIPolicyViolation") && strings.Contains(inner, "content_filter_result"), "innererror %q in %s", inner, e.RawJSON())
}
