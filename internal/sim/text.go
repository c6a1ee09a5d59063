package sim

import (
	"strings"
)

// text is what an answer says, cut into the parts that a stream sends. A huge one
// is a block said many times over, so that it costs no memory.
type text struct {
	parts  []string
	tokens int
	// block comes repeat times before parts.
	block       string
	blockTokens int
	repeat      int
}

func textOf(s string) text {
	parts := splitTokens(s)
	return text{parts: parts, tokens: len(parts)}
}

// hugeBlock is about the size of a block.
const hugeBlock = 4096

// hugeText is a text of exactly size bytes.
func hugeText(seed digest, name, echo string, size int64) text {
	// A block ends in line feeds and starts with a letter, so that no token
	// spans two.
	block := compose(seed.rand(), name, echo, hugeBlock/5) + "\n\n"
	t := text{block: block, blockTokens: countTokens(block), repeat: int(size / int64(len(block)))}
	rest := int(size % int64(len(block)))
	if tail := strings.ToValidUTF8(block[:rest], ""); rest > 0 {
		// A character cut in two is replaced by stops.
		tail += strings.Repeat(".", rest-len(tail))
		t.parts = []string{tail}
		t.tokens = countTokens(tail)
	}
	t.tokens += t.repeat * t.blockTokens
	return t
}

// size is the number of parts.
func (t *text) size() int { return t.repeat + len(t.parts) }

// part is the i-th part and its tokens.
func (t *text) part(i int) (string, int) {
	if i < t.repeat {
		return t.block, t.blockTokens
	}
	s := t.parts[i-t.repeat]
	return s, countTokens(s)
}

// halve cuts the text to half its parts, as far as it is not a huge one.
func (t *text) halve() {
	if t.repeat == 0 && len(t.parts) == t.tokens {
		t.limit((len(t.parts) + 1) / 2)
	}
}

// limit cuts the text to n tokens and reports whether anything was lost. Only for
// texts that are not huge and still have one token in each part.
func (t *text) limit(n int) bool {
	if n >= len(t.parts) {
		return false
	}
	t.parts = t.parts[:n]
	t.tokens = n
	return true
}

// stopAt cuts the text before the first of the stop sequences that it contains.
func (t *text) stopAt(stops []string) {
	whole := t.String()
	end := len(whole)
	for _, stop := range stops {
		if i := strings.Index(whole, stop); stop != "" && i >= 0 {
			end = min(end, i)
		}
	}
	if end < len(whole) {
		*t = textOf(whole[:end])
	}
}

// regroup cuts the text anew into n parts, as even as its tokens allow.
func (t *text) regroup(n int) {
	have := len(t.parts)
	if n >= have || n <= 0 {
		return
	}
	grouped := make([]string, n)
	for i := range grouped {
		grouped[i] = strings.Join(t.parts[i*have/n:(i+1)*have/n], "")
	}
	t.parts = grouped
}

// String is the parts together; of a huge text only what follows the blocks.
func (t *text) String() string { return strings.Join(t.parts, "") }
