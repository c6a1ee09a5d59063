package sim

import (
	"fmt"
	"strings"
)

// Annotations of Azure's content filter, in the vocabulary of
// concepts/content-filter-annotations. Azure sorts the keys.

const safeAnswer = `{"hate":{"filtered":false,"severity":"safe"},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}`

const filteredAnswer = `{"hate":{"filtered":false,"severity":"safe"},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":true,"severity":"medium"}}`

const safePrompt = `{"hate":{"filtered":false,"severity":"safe"},"jailbreak":{"detected":false,"filtered":false},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}`

const detectedJailbreak = `{"hate":{"filtered":false,"severity":"safe"},"jailbreak":{"detected":true,"filtered":true},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}`

// promptResults is prompt_filter_results of so many prompts.
func promptResults(prompts int) string {
	var b []byte
	for i := range prompts {
		b = fmt.Appendf(b, `,{"prompt_index":%d,"content_filter_results":%s}`, i, safePrompt)
	}
	if prompts > 0 {
		b[0] = '['
	} else {
		b = append(b, '[')
	}
	return string(append(b, ']'))
}

// The phrases that decide an answer; see the package comment.
type phrases struct {
	filter, invalid, filtered, refusal, tool, everyTool, plain bool
}

const phrasePrefix = "trigger "

// find notes the phrases of a part of the prompt.
func (p *phrases) find(prompt string) {
	if !containsFold(prompt, phrasePrefix) {
		return
	}
	prompt = strings.ToLower(prompt)
	for phrase, found := range map[string]*bool{
		"trigger the content filter": &p.filter,
		"trigger an invalid prompt":  &p.invalid,
		"trigger a filtered answer":  &p.filtered,
		"trigger a refusal":          &p.refusal,
		"trigger a tool call":        &p.tool,
		"trigger every tool":         &p.everyTool,
		"trigger plain text":         &p.plain,
	} {
		*found = *found || strings.Contains(prompt, phrase)
	}
}

// refused is the error that a phrase asks for.
func (p *phrases) refused(on surface) error {
	switch {
	case p.filter && on == native:
		return errInvalid("prompt", "content_policy_violation", "Your request was rejected as a result of our safety system.")
	case p.filter:
		return errFiltered(detectedJailbreak)
	case p.invalid:
		return errInvalidPrompt()
	}
	return nil
}

// containsFold is strings.Contains without regard to ASCII case; part is lower.
func containsFold(s, part string) bool {
	for i := 0; i+len(part) <= len(s); i++ {
		if s[i]|0x20 == part[0] && strings.EqualFold(s[i:i+len(part)], part) {
			return true
		}
	}
	return false
}
