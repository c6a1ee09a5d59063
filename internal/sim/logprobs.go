package sim

import (
	"math"
	"strconv"
)

// logprobOf is the made-up logarithmic probability of the i-th part of a text,
// and of its rank-th alternative: rank 0 is the part itself.
func logprobOf(d digest, i, rank int) float64 {
	p := 0.55 + 0.44*d.text("logprob").number(uint64(i)).share()
	for range rank {
		p = (1 - p) / 2
	}
	return math.Round(math.Log(p)*1e6) / 1e6
}

// alternative is a token that the text might have had in place of another.
func alternative(d digest, i, rank int) string {
	r := d.text("alternative").number(uint64(i)).number(uint64(rank)).rand()
	return " " + pick(r, slots["thing"])
}

// appendLogprobs adds the logprobs of the parts from..to of a chat's choice, null
// where they were not asked for or there is no text.
func (q *chat) appendLogprobs(b []byte, ch *chatChoice, from, to int) []byte {
	if !q.logprobs || from == to || ch.text.repeat > 0 {
		return append(b, "null"...)
	}
	none, some := `{"content":[`, `],"refusal":null}`
	if ch.refusal {
		none, some = `{"content":null,"refusal":[`, `]}`
	}
	b = append(b, none...)
	for i := from; i < to; i++ {
		if i > from {
			b = append(b, ',')
		}
		said, _ := ch.text.part(i)
		b = append(b, '{')
		b = appendLogprob(b, said, logprobOf(ch.digest, i, 0))
		b = append(b, `,"top_logprobs":[`...)
		for rank := range q.top {
			if rank > 0 {
				b = append(b, ',')
				said = alternative(ch.digest, i, rank)
			}
			b = append(b, '{')
			b = appendLogprob(b, said, logprobOf(ch.digest, i, rank))
			b = append(b, '}')
		}
		b = append(b, "]}"...)
	}
	return append(b, some...)
}

// appendLogprob adds the members of one token.
func appendLogprob(b []byte, token string, logprob float64) []byte {
	b = append(b, `"token":`...)
	b = appendString(b, token)
	b = append(b, `,"logprob":`...)
	b = strconv.AppendFloat(b, logprob, 'f', -1, 64)
	b = append(b, `,"bytes":[`...)
	for i := range len(token) {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(token[i]), 10)
	}
	return append(b, ']')
}
