package transcript

import (
	"testing"

	"weir/internal/record"
)

// TestUsageSpellings: details that stand in a usage twice count once a side.
func TestUsageSpellings(t *testing.T) {
	const in, out = `{"cached_tokens":3,"audio_tokens":2,"image_tokens":1}`, `{"reasoning_tokens":5,"audio_tokens":4}`
	want := [4]int64{3, 5, 6, 1}
	for _, usage := range []string{
		`"prompt_tokens_details":` + in + `,"completion_tokens_details":` + out,
		`"prompt_tokens_details":` + in + `,"input_tokens_details":` + in + `,"input_token_details":` + in + `,"output_tokens_details":` + out + `,"completion_tokens_details":` + out,
		`"prompt_tokens_details":{},"input_tokens_details":` + in + `,"output_tokens_details":null,"output_token_details":` + out,
	} {
		r := &record.Row{ModelCall: true}
		readUsage(r, `{"prompt_tokens":9,"completion_tokens":9,`+usage+`}`)
		if got := [4]int64{r.CachedTokens, r.ReasoningTokens, r.AudioTokens, r.ImageTokens}; got != want {
			t.Errorf("%s gives %d, want %d", usage, got, want)
		}
	}
}
