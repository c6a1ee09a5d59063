package app

import (
	"reflect"
	"strings"

	"weir/internal/fault"
)

// startFields are the fields, or groups of them, that take effect at a start only:
// the journal's place and owner, what the store was started with, and listeners.
// What of them the front has is its own to say.
var startFields = [...]string{
	"data", "gateway.name", "api", "telemetry.listen", "telemetry.log_format", "store", "payload", "labels",
}

// fixedIn gives a problem for each field that next has changed and that a running
// gateway cannot take over.
func (c *Config) fixedIn(next *Config) []fault.Problem {
	var ps []fault.Problem
	fixed := func(field string) {
		ps = append(ps, fault.Problem{Path: field, Message: "it cannot change while the gateway runs", Hint: "restart it"})
	}
	for _, field := range c.changes(next) {
		for _, f := range startFields {
			if field == f || strings.HasPrefix(field, f+".") {
				fixed(field)
			}
		}
	}
	for _, field := range c.Gateway.Config.Fixed(next.Gateway.Config) {
		fixed("gateway." + field)
	}
	return ps
}

// changes lists the fields in which next differs, as paths of the YAML: those of
// mappings with known fields each by itself, lists and others whole.
func (c *Config) changes(next *Config) []string {
	return changes(reflect.ValueOf(c).Elem(), reflect.ValueOf(next).Elem(), "")
}

func changes(was, is reflect.Value, path string) []string {
	if was.Kind() == reflect.Pointer && !was.IsNil() && !is.IsNil() {
		return changes(was.Elem(), is.Elem(), path)
	}
	switch {
	case was.Kind() == reflect.Struct:
	case reflect.DeepEqual(was.Interface(), is.Interface()), empty(was) && empty(is):
		return nil
	default:
		return []string{path}
	}
	var out []string
	for i := range was.NumField() {
		f := was.Type().Field(i)
		name, opts, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case opts == "inline":
			out = append(out, changes(was.Field(i), is.Field(i), path)...)
		case name != "" && name != "-":
			out = append(out, changes(was.Field(i), is.Field(i), join(path, name))...)
		}
	}
	return out
}

// empty says whether v is a list or a map of nothing, left out or not.
func empty(v reflect.Value) bool {
	return (v.Kind() == reflect.Slice || v.Kind() == reflect.Map) && v.Len() == 0
}
