package sim

import (
	"math/rand/v2"
	"strings"
)

// The word material of answers. A {slot} is filled from slots; {name} is the
// simulator's name and {echo} the beginning of what the caller wrote.

var openings = []string{
	"This is the simulator {name}, not a model, with an answer all the same.",
	"Simulator {name} here; no model was woken for this.",
	"Greetings from {name}, a simulator that has read nothing and regrets it.",
	"A word first: I am the simulator {name} and understand none of this.",
	"Simulator {name} speaking. What follows is weather, not knowledge.",
	"You have reached the simulator {name}; the model is a story we tell.",
	"From the simulator {name}, with more charm than thought:",
}

var echoes = []string{
	` You wrote "{echo}", and I liked the sound of it.`,
	` "{echo}" is a fine way to begin.`,
	` On "{echo}" I have only this to say.`,
	` Nobody has asked me "{echo}" since {time}.`,
	` I kept "{echo}" beside me while I looked out of the window.`,
}

var sentences = []string{
	" {Time} the {place} smells of {smell}.",
	" A {creature} crosses the {place} and takes the {thing} along.",
	" The {trade} mends a {thing} by the light of the {place}.",
	" Somewhere a {trade} counts {things}, and loses count.",
	" If the {creature} comes back, give it the {thing}.",
	" {Things} are cheaper {time}, say those who sell {things}.",
	" The road to the {place} is short, but it is fond of detours.",
	" One {thing} is enough; two would need a {trade}.",
	" Between the {place} and the {place} there is room for {things}.",
	" It rains on the {trade} and on the {creature} alike.",
	" No {creature} was asked, and none complained.",
	" I would trade {number} {things} for a map of the {place}.",
	" The {trade} says that {smell} keeps the {creature} away.",
	" {Time} you can hear the {things} settle.",
	" There were {number} of them, each with a {thing} of its own.",
	" Keep the {thing} dry and the {trade} well fed.",
	" Whoever finds a {thing} at the {place} may keep it until spring.",
	" Behind the {place} the {creature} has a garden of {things}.",
}

var closings = []string{
	" That is all a simulator knows.",
	" More than that only a model could invent.",
	" Here the simulated wisdom ends.",
	" So much for the answer; the tokens at least are counted.",
	" With this the simulator rests.",
}

var slots = map[string][]string{
	"place":    {"harbour", "lighthouse", "orchard", "station", "market", "library", "mill", "observatory", "bakery", "bridge", "ferry", "greenhouse"},
	"creature": {"heron", "fox", "snail", "tortoise", "magpie", "otter", "goat", "moth", "carp", "hedgehog"},
	"trade":    {"baker", "clockmaker", "gardener", "pilot", "surveyor", "glazier", "postman", "cellist", "beekeeper", "cartographer"},
	"thing":    {"lantern", "compass", "kettle", "umbrella", "ladder", "violin", "button", "barometer", "teacup", "key"},
	"things":   {"pears", "letters", "bells", "feathers", "candles", "chess pieces", "postcards", "seeds", "ropes", "spoons"},
	"Things":   {"Pears", "Letters", "Bells", "Feathers", "Candles", "Postcards", "Seeds", "Ropes", "Spoons"},
	"smell":    {"salt", "cardamom", "rain", "fresh bread", "pine", "old paper", "oranges", "coal smoke"},
	"time":     {"on Tuesdays", "at dusk", "in October", "before breakfast", "at low tide", "after the fair", "in the small hours"},
	"Time":     {"On Tuesdays", "At dusk", "In October", "Before breakfast", "At low tide", "After the fair", "In the small hours"},
	"number":   {"three", "seven", "eleven", "forty", "a dozen", "nineteen", "two hundred"},
}

const refusalText = "I'm sorry, but this simulator was asked to refuse, and so it does."

func pick(r *rand.Rand, from []string) string { return from[r.IntN(len(from))] }

// writer strings sentences together.
type writer struct {
	r          *rand.Rand
	name, echo string
	out        strings.Builder
}

// add writes a template with its slots filled.
func (w *writer) add(template string) {
	for {
		before, rest, found := strings.Cut(template, "{")
		w.out.WriteString(before)
		if !found {
			return
		}
		slot, after, _ := strings.Cut(rest, "}")
		switch slot {
		case "name":
			w.out.WriteString(w.name)
		case "echo":
			w.out.WriteString(w.echo)
		default:
			w.out.WriteString(pick(w.r, slots[slot]))
		}
		template = after
	}
}

// compose writes an answer that ends by itself, or, when tokens is positive, one
// of at least so many tokens.
func compose(r *rand.Rand, name, echo string, tokens int) string {
	w := writer{r: r, name: name, echo: echo}
	w.add(pick(r, openings))
	if echo != "" {
		w.add(pick(r, echoes))
	}
	if tokens <= 0 {
		for range 1 + r.IntN(5) {
			w.add(pick(r, sentences))
		}
		w.add(pick(r, closings))
		return w.out.String()
	}
	counted, have := 0, 0
	for {
		// A sentence begins with a space, so that counts of parts add up.
		have += countTokens(w.out.String()[counted:])
		counted = w.out.Len()
		if have >= tokens {
			return w.out.String()
		}
		w.add(pick(r, sentences))
	}
}

const (
	echoWords = 6
	echoBytes = 60
)

// echoOf is the beginning of a prompt, short enough to be quoted.
func echoOf(prompt string) string {
	if len(prompt) > 4*echoBytes {
		prompt = strings.ToValidUTF8(prompt[:4*echoBytes], "")
	}
	var out strings.Builder
	words := 0
	for word := range strings.FieldsSeq(prompt) {
		if words == echoWords || out.Len()+len(word) > echoBytes {
			break
		}
		if words > 0 {
			out.WriteByte(' ')
		}
		out.WriteString(word)
		words++
	}
	return out.String()
}
