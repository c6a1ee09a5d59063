package transcript

import (
	"errors"
	"fmt"
	"iter"
	"strings"
)

// event is one event of a stream (HTML Living Standard, 9.2.6).
type event struct {
	name string // of its event field
	data string // its data lines, joined by LF
	cut  bool   // the stream ended before the blank line that ends an event
}

// events ranges over the events of a stream that have data. Comments, ids and
// retry times are passed over. Unlike a browser it gives the last event even when
// the stream breaks off in it.
func events(s string) iter.Seq[event] {
	s = strings.TrimPrefix(s, "\uFEFF")
	if strings.IndexByte(s, '\r') >= 0 {
		s = strings.ReplaceAll(s, "\r\n", "\n")
		s = strings.ReplaceAll(s, "\r", "\n")
	}
	return func(yield func(event) bool) {
		var e event
		var more []string // data lines after the first
		has := false
		flush := func(cut bool) bool {
			e.cut = cut
			if len(more) > 0 {
				e.data += "\n" + strings.Join(more, "\n")
			}
			ok := !has || e.data == "" || yield(e)
			e, more, has = event{}, more[:0], false
			return ok
		}
		for s != "" {
			line, rest, ended := strings.Cut(s, "\n")
			s = rest
			if line == "" {
				if !flush(false) {
					return
				}
				continue
			}
			name, value, _ := strings.Cut(line, ":")
			value = strings.TrimPrefix(value, " ")
			switch {
			case name == "event" && ended:
				e.name = value
			case name == "data" && has:
				more = append(more, value)
			case name == "data":
				e.data, has = value, true
			}
		}
		flush(true)
	}
}

// looksStreamed reports whether an answer plainly is a stream of events: whether
// its first line is a field of one, or a comment.
func looksStreamed(s string) bool {
	s = strings.TrimLeft(strings.TrimPrefix(s, "\uFEFF"), "\r\n")
	for _, field := range []string{"data:", ":", "event:", "id:", "retry:"} {
		if strings.HasPrefix(s, field) {
			return true
		}
	}
	return false
}

// folded is what a stream came to.
type folded struct {
	body   string   // one JSON object, without its usage; "" when no event could be read
	usage  string   // raw, the backend's last; "" without
	errors []string // raw
	reason string   // why the stream could not be read whole; "" if it could
}

// folding is an answer in the making: a [node] where all of a stream's events
// have one form, a [typedFold] where they have types.
type folding interface {
	// addEvent folds an event in. It reports whether the event had more than an
	// error, and gives that error, raw, or "".
	addEvent(name, data string) (more bool, fault string)
	// ended reports whether an event came that is the last of an answer.
	ended() bool
	usage() string // raw, "" without
	// body writes the answer without its usage; when there was none but an error,
	// that alone.
	body(answered bool) string
}

func (d *dialect) folding() folding {
	if d.typed != nil {
		return newTypedFold(d.typed)
	}
	n := newNode(d.events, "")
	return &n
}

// fold reads a stream to its end, whatever is in between.
func fold(d *dialect, s string) folded {
	in := d.folding()
	var f folded
	var firstBad string
	count, bad, answers := 0, 0, 0
	done, cut := false, false
	for e := range events(s) {
		if strings.TrimSpace(e.data) == doneData {
			done = true
			continue
		}
		count++
		data := strings.Trim(e.data, " \t\r\n")
		err := check(data)
		if err == nil && !isObject(data) {
			err = errNoObject
		}
		switch {
		case err != nil && e.cut:
			cut = true
			count--
		case err != nil:
			if bad++; bad == 1 {
				firstBad = fmt.Sprintf("event %d: %v", count, err)
			}
		default:
			more, fault := in.addEvent(e.name, data)
			if more {
				answers++
			}
			if fault != "" {
				f.errors = append(f.errors, compact(fault))
			}
		}
	}
	f.usage = in.usage()
	if bad == 0 || bad < count {
		f.body = in.body(answers > 0 || len(f.errors) == 0)
	}
	f.reason = reason(firstBad, count, bad, cut, done || in.ended())
	return f
}

// doneData is the data of the event that ends a stream of every dialect whose
// events have one form, and of some others.
const doneData = "[DONE]"

var errNoObject = errors.New("not a JSON object")

func (n *node) addEvent(name, data string) (more bool, fault string) {
	if name == "error" || strings.Contains(data, `"error"`) {
		fault = eventError(name, data)
	}
	switch fault {
	case "":
	case data:
		n.kid("error").add(fault)
		return false, fault
	default:
		for k := range members(data) {
			more = more || k != "error"
		}
		n.readMembers(data, 0)
		return more, fault
	}
	n.readMembers(data, 0)
	return true, ""
}

// eventError gives the error that an event reports, raw, or "". Some servers send
// it as a member, some as an event that is one, by its name or its object.
func eventError(name, data string) string {
	if fault := get(data, "error"); !isNothing(fault) {
		return fault
	}
	if name == "error" || get(data, "object") == `"error"` {
		return data
	}
	return ""
}

func (n *node) ended() bool   { return false }
func (n *node) usage() string { return n.value("usage") }

func (n *node) body(answered bool) string {
	if answered {
		return string(n.appendMembers(make([]byte, 0, 1024)))
	}
	return `{"error":` + compact(n.value("error")) + "}"
}

// reason says in words what of a stream could not be read.
func reason(firstBad string, count, bad int, cut, done bool) string {
	var parts []string
	if bad == 1 {
		parts = append(parts, firstBad)
	} else if bad > 1 {
		parts = append(parts, fmt.Sprintf("%s; %d of %d events could not be read", firstBad, bad, count))
	}
	switch {
	case cut:
		parts = append(parts, fmt.Sprintf("the stream ended inside event %d", count+1))
	case !done && count == 0:
		parts = append(parts, "the stream ended before its first event")
	case !done:
		parts = append(parts, fmt.Sprintf("the stream ended after event %d, before its last", count))
	}
	return strings.Join(parts, "; ")
}
