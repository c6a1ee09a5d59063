package transcript

import (
	"iter"
	"strings"
)

// assistantsInput reads what an assistant is made of.
func assistantsInput(req string) input {
	var t talk
	t.note("name", text(get(req, "name")))
	t.note("description", text(get(req, "description")))
	t.say("system", text(get(req, "instructions")))
	return t.input()
}

// messageInput reads a request that is one message.
func messageInput(req string) input {
	var t talk
	if content := get(req, "content"); content != "" {
		b := appendString([]byte(`{"role":`), text(get(req, "role")))
		t.add(string(append(append(append(b, `,"content":`...), content...), '}')))
	}
	return t.input()
}

// messagesOutput reads an answer that is a thread's message, or a list of them.
func messagesOutput(ans string) []choice {
	if get(ans, "content") != "" {
		return threadMessages(inputItems(ans))
	}
	return threadMessages(elements(get(ans, "data")))
}

// threadMessages reads messages of a thread. Only those of an assistant are what
// was answered.
func threadMessages(messages iter.Seq[string]) []choice {
	var all []choice
	for raw := range messages {
		role, said := text(get(raw, "role")), contentText(get(raw, "content"))
		if role == "" && said == "" {
			continue
		}
		c := choice{message: string(appendMessage([]byte{'['}, role, said)[1:])}
		if role == "assistant" {
			c.text, c.counted = said, []string{said}
		}
		all = append(all, c)
	}
	return all
}

// factsInput reads requests whose text is a few members, named as dotted paths:
// a paragraph each.
func factsInput(paths ...string) func(req string) input {
	return func(req string) input {
		var t talk
		for _, path := range paths {
			names := strings.Split(path, ".")
			t.note(names[len(names)-1], contentText(get(req, names...)))
		}
		return t.input()
	}
}
