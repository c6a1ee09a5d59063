package transcript

// maxCounted is how many bytes of one exchange are tokenised, which takes some
// 400 ns each; the rest is reckoned at the same tokens a byte. It is the text of
// some 250,000 tokens, and keeps hostile bodies from holding up the store.
const maxCounted = 1 << 20

// counter counts tokens for one model and one exchange.
type counter struct {
	model string
	count func(model, text string) int
	bytes int // counted so far
	found int // tokens in them
}

func (c *counter) text(s string) int {
	if s == "" || c.count == nil {
		return 0
	}
	if c.bytes > 0 && c.bytes+len(s) > maxCounted {
		return int(float64(len(s)) * float64(c.found) / float64(c.bytes))
	}
	n := c.count(c.model, s)
	c.bytes += len(s)
	c.found += n
	return n
}
