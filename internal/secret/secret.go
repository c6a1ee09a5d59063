// Package secret resolves the references to secrets that a config's values may
// hold: ${env:NAME} and ${file:PATH}.
//
// What always holds: an error names the variable or the file, never a value; a
// file is read only if it is a regular one (after symbolic links), and not above
// [MaxFile] bytes.
package secret

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// MaxFile is how many bytes a secret's file may have.
const MaxFile = 1 << 20

// Resolver looks references up. The zero Resolver reads the process's own
// environment and files.
type Resolver struct {
	Env func(name string) (string, bool)
	// File reads a file; default [ReadFile].
	File func(path string) ([]byte, error)
	// Dir is the folder that relative paths start from; default the process's own.
	Dir string
}

// ReadFile reads a secret's file.
func ReadFile(path string) ([]byte, error) {
	// What is no file may have no end, or keep who opens it waiting.
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file, so that it could not be read again", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err == nil && len(b) > MaxFile {
		err = fmt.Errorf("%s has more than %d bytes", path, MaxFile)
	}
	if err != nil {
		return nil, err
	}
	return b, nil
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
			read = ReadFile
		}
		if r.Dir != "" && !filepath.IsAbs(name) {
			name = filepath.Join(r.Dir, name)
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
