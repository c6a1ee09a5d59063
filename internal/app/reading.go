package app

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"

	"weir/internal/fault"
	"weir/internal/secret"
)

// maxConfig is how many bytes a config file may have.
const maxConfig = 16 << 20

// contents tells what files hold, by their paths; the zero sum stands for a file
// that cannot be read, or is no regular one.
type contents map[string][sha256.Size]byte

// reading is one reading of a config: its file and those that it refers to, with
// what stood in them.
type reading struct {
	file  string
	found contents
	parts []string // the files that the config's parts read
}

func newReading(file string) *reading { return &reading{file: file, found: contents{file: {}}} }

// config reads the config's own file.
func (r *reading) config() ([]byte, error) {
	text, regular, err := readConfigFile(r.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no config file %s; `weir demo` runs without one, and README.md has one to begin with", r.file)
	}
	if err != nil {
		return nil, fmt.Errorf("read the config: %w", err)
	}
	if regular {
		r.found[r.file] = sha256.Sum256(text)
	}
	return text, nil
}

// secret reads a file that the config refers to. What it holds is noted first, so
// that a change in between is seen at the next look.
func (r *reading) secret(path string) ([]byte, error) {
	r.found[path] = digest(path)
	return secret.ReadFile(path)
}

// named notes the files that a config names, before its parts read them.
func (r *reading) named(c *Config) []fault.Problem {
	tls := c.Gateway.TLS
	files := []string{tls.CertFile, tls.KeyFile, tls.ClientCAFile}
	for _, b := range c.Backends {
		files = append(files, b.CAFile, b.ClientCertFile, b.ClientKeyFile)
		if b.Entra != nil {
			files = append(files, b.Entra.CertificateFile)
		}
	}
	for _, path := range files {
		if path != "" {
			r.found[path] = digest(path) // what is wrong with it, its part says
			r.parts = append(r.parts, path)
		}
	}
	return nil
}

// changed lists the files that hold something else now than they did before, of
// those that the config's parts read.
func (r *reading) changed(next *reading) (files []string) {
	for _, path := range next.parts {
		if was, known := r.found[path]; known && was != next.found[path] && !slices.Contains(files, path) {
			files = append(files, path)
		}
	}
	return files
}

// now reads the same files again, and only tells what they hold.
func (r *reading) now() contents {
	next := reading{file: r.file, found: contents{r.file: {}}}
	if regular(r.file) {
		_, _ = next.config() // one that cannot be read has the zero sum
	}
	for path := range r.found {
		if path != r.file {
			next.found[path] = digest(path)
		}
	}
	return next.found
}

// digest sums up what a file holds, of a huge one its beginning; it is zero for
// what cannot be read.
func digest(path string) (sum [sha256.Size]byte) {
	if !regular(path) {
		return sum
	}
	f, err := os.Open(path)
	if err != nil {
		return sum
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, io.LimitReader(f, maxConfig)); err != nil {
		return sum
	}
	return [sha256.Size]byte(h.Sum(nil))
}

func (c contents) equal(other contents) bool { return maps.Equal(c, other) }

// regular says whether a path leads to a file that can be read again and again,
// which a pipe cannot.
func regular(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func readConfigFile(path string) (text []byte, regular bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil {
		regular = info.Mode().IsRegular()
	}
	text, err = io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err == nil && len(text) > maxConfig {
		err = fmt.Errorf("%s has more than %d bytes", path, maxConfig)
	}
	return text, regular, err
}
