package secret

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestExpand(t *testing.T) {
	r := Resolver{
		Env: func(name string) (string, bool) {
			v, ok := map[string]string{"KEY": "s3cret", "EMPTY": "", "ODD": "${env:KEY}"}[name]
			return v, ok
		},
		File: func(path string) ([]byte, error) {
			if path == "/run/key" {
				return []byte("from file\r\n"), nil
			}
			if path == "/run/blank" {
				return []byte("\n"), nil
			}
			return nil, errors.New("no such file: " + path)
		},
	}
	for in, want := range map[string]string{
		"":                                  "",
		"plain $ text}":                     "plain $ text}",
		"${env:KEY}":                        "s3cret",
		"a ${env:KEY} b ${file:/run/key} c": "a s3cret b from file c",
		"$${env:KEY}":                       "${env:KEY}",
		"${env:ODD}":                        "${env:KEY}",
	} {
		if got, err := r.Expand(in); err != nil || got != want {
			t.Errorf("%q: %q %v, want %q", in, got, err, want)
		}
	}
	for in, says := range map[string]string{
		"${env:KEY}${env:NONE}": "NONE", "${env:EMPTY}": "EMPTY", "${env:}": "${env:NAME}", "${vault:x}": "vault", "${env:KEY": "closing",
		"${env:KEY}${file:/nowhere}": "/nowhere", "${file:/run/blank}": "/run/blank",
	} {
		got, err := r.Expand(in)
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "s3cret") || got != "" {
			t.Errorf("%q: %q %v", in, got, err)
		}
	}
}

func TestExpandReadsTheProcess(t *testing.T) {
	t.Setenv("WEIR_SECRET_TEST", "x")
	if got, err := (Resolver{}).Expand("${env:WEIR_SECRET_TEST}"); err != nil || got != "x" {
		t.Errorf("%q %v", got, err)
	}
	if _, err := (Resolver{}).Expand("${file:" + t.TempDir() + "/none}"); err == nil {
		t.Error("a file that is not there gives a value")
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	for name, size := range map[string]int{"key": 7, "huge": MaxFile + 1} {
		if err := os.WriteFile(filepath.Join(dir, name), bytes.Repeat([]byte("k"), size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := Resolver{Dir: dir}
	for _, ref := range []string{"${file:key}", "${file:./key}", "${file:" + dir + "/key}"} {
		if got, err := r.Expand(ref); err != nil || got != "kkkkkkk" {
			t.Errorf("%s: %q %v", ref, got, err)
		}
	}
	for ref, says := range map[string]string{"${file:huge}": "huge", "${file:.}": "not a regular file", "${file:none}": "none"} {
		if _, err := r.Expand(ref); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "kkk") {
			t.Errorf("%s: %v", ref, err)
		}
	}
}
