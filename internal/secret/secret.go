// Package secret resolves the references to secrets that a config's values may
// hold: ${env:NAME} and ${file:PATH}.
//
// What always holds: an error names the variable or the file, never a value.
package secret

import (
	"fmt"
	"os"
	"strings"
)

// Resolver looks references up. The zero Resolver reads the process's own
// environment and files.
type Resolver struct {
	Env  func(name string) (string, bool)
	File func(path string) ([]byte, error)
}

// Expand replaces every reference in s. A file's value is its content without
// the line end at its end. "$${" stands for "${" itself.
func (r Resolver) Expand(s string) (string, error) {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(s, "${")
		if !found {
			out.WriteString(s)
			return out.String(), nil
		}
		if strings.HasSuffix(before, "$") {
			out.WriteString(before[:len(before)-1] + "${")
			s = rest
			continue
		}
		out.WriteString(before)
		ref, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "", fmt.Errorf("a reference that begins with ${ has no closing brace")
		}
		v, err := r.lookup(ref)
		if err != nil {
			return "", err
		}
		out.WriteString(v)
		s = after
	}
}

func (r Resolver) lookup(ref string) (string, error) {
	kind, name, _ := strings.Cut(ref, ":")
	switch {
	case name == "":
		return "", fmt.Errorf("a reference is written ${env:NAME} or ${file:PATH}")
	case kind == "env":
		env := r.Env
		if env == nil {
			env = os.LookupEnv
		}
		if v, ok := env(name); ok && v != "" {
			return v, nil
		}
		return "", fmt.Errorf("the environment variable %s is not set", name)
	case kind == "file":
		read := r.File
		if read == nil {
			read = os.ReadFile
		}
		b, err := read(name)
		if err != nil {
			return "", fmt.Errorf("reading the secret's file: %w", err)
		}
		if v := strings.TrimRight(string(b), "\r\n"); v != "" {
			return v, nil
		}
		return "", fmt.Errorf("the secret's file %s is empty", name)
	}
	return "", fmt.Errorf("no secrets come from %q: a reference is written ${env:NAME} or ${file:PATH}", kind)
}
