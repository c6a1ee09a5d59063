package transcript

import "strings"

// Extracted says, for the reference page, what is read out of a dialect's
// bodies: the members of the request that become Prompt and RequestMessages,
// whether answers fill Completion and ResponseMessages, and what usage there is.
func Extracted(name string) (prompt, completion, usage string) {
	d := dialectOf(name)
	prompt = strings.Join(d.content, ", ")
	if d.socket {
		prompt = "the client's events"
	}
	if d.output != nil || d.socket {
		completion = "yes"
		if d.events != nil || d.typed != nil || d.socket {
			completion = "yes, streams too"
		}
	}
	switch {
	case d.cost != nil:
		usage = "the backend's, else counted"
	case d.model:
		usage = "the backend's"
	case d.used != "":
		usage = d.used
	}
	if d.measure != nil && usage != "" {
		usage += "; also images, seconds or characters"
	}
	return prompt, completion, usage
}
