package sim

// body is a plain answer: runs of bytes, of which some are said many times over,
// so that a huge answer costs no memory and has its Content-Length all the same.
type body struct {
	runs []run
	// open is the run in the making.
	open []byte
}

type run struct {
	data  []byte
	times int
}

// repeat ends the run in the making and adds data so many times.
func (b *body) repeat(data []byte, times int) {
	b.runs = append(b.runs, run{b.open, 1}, run{data, times})
	b.open = nil
}

// all is the runs, with the one in the making at the end.
func (b *body) all() []run { return append(b.runs, run{b.open, 1}) }

// size is the length in bytes.
func (b *body) size() int64 {
	var n int64
	for _, r := range b.all() {
		n += int64(len(r.data)) * int64(r.times)
	}
	return n
}

// appendText adds a text as a JSON string.
func (b *body) appendText(t *text) {
	b.open = append(b.open, '"')
	if t.repeat > 0 {
		b.repeat(appendText(nil, t.block), t.repeat)
	}
	for _, part := range t.parts {
		b.open = appendText(b.open, part)
	}
	b.open = append(b.open, '"')
}
