// Package weir_test keeps the architecture: what may import what, that every
// package says what it is for, and that no file grows past reading.
package weir_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// floors orders the packages under internal/, lowest first. A package imports
// only packages of lower floors; the packages of one list entry form a tower
// whose order is their order in it.
var floors = [][]string{
	{"fault", "record"},
	{"secret", "state", "payload", "telemetry", "kql", "kql/plan", "kql/sql"},
	{"front", "identity", "catalog", "upstream", "pages", "capture", "journal", "transcript", "tokens", "sim"},
	{"proxy", "sink", "sink/sinktest", "sink/lake", "query"},
	{"api", "term"},
	{"app"},
}

// within lists the imports that are right inside one floor: a tower's lower
// parts, and a leaf's parent.
var within = map[string][]string{
	"kql/plan":  {"kql"},
	"kql/sql":   {"kql", "kql/plan"},
	"sink/lake": {"sink"},
	// The conformance test that every store passes.
	"sink/sinktest": {"sink"},
}

// onlyIn names the one package that may import a library. Each heavy library
// has one door, so that it can be changed behind it.
var onlyIn = map[string]string{
	"github.com/duckdb/duckdb-go/v2":                                 "sink/lake",
	"github.com/parquet-go/parquet-go":                               "sink/lake",
	"github.com/tiktoken-go/tokenizer":                               "tokens",
	"github.com/alecthomas/kong":                                     "cmd/weir",
	"go.yaml.in/yaml/v3":                                             "app",
	"github.com/prometheus/client_golang/prometheus/promhttp":        "telemetry",
	"modernc.org/sqlite":                                             "state",
	"github.com/pires/go-proxyproto":                                 "front",
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity":               "upstream",
	"gocloud.dev/aws":                                                "payload",
	"gocloud.dev/blob":                                               "payload",
	"gocloud.dev/blob/azureblob":                                     "payload",
	"gocloud.dev/blob/s3blob":                                        "payload",
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container": "payload",
	"github.com/aws/aws-sdk-go-v2/credentials":                       "payload",
	"github.com/aws/aws-sdk-go-v2/service/s3":                        "payload",
}

const longestFile = 800

type source struct {
	dir, name string
	file      *ast.File
	lines     int
}

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	fset := token.NewFileSet()
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && p != "." || d.Name() == "node_modules" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(fset, p, text, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		all = append(all, source{path.Dir(filepath.ToSlash(p)), p, f, bytes.Count(text, []byte("\n"))})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Fatalf("found only %d Go files: the walk is broken", len(all))
	}
	return all
}

func floorOf(pkg string) int {
	for i, floor := range floors {
		for _, p := range floor {
			if p == pkg {
				return i
			}
		}
	}
	return -1
}

func allowed(from, to string) bool {
	if floorOf(to) < floorOf(from) {
		// Only app knows the leaves.
		return !strings.HasPrefix(to, "sink/") || from == "app"
	}
	for _, p := range within[from] {
		if p == to {
			return true
		}
	}
	return false
}

func TestImports(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range sources(t) {
		pkg, ours := strings.CutPrefix(s.dir, "internal/")
		if ours && floorOf(pkg) < 0 && !strings.HasPrefix(pkg, "app/") {
			t.Errorf("%s: package %s has no floor: add it to floors in arch_test.go", s.name, pkg)
		}
		seen[pkg] = true
		for _, i := range s.file.Imports {
			to := strings.Trim(i.Path.Value, `"`)
			if door, ok := onlyIn[to]; ok && !strings.HasSuffix(s.name, "_test.go") && door != pkg && door != s.dir {
				t.Errorf("%s imports %s: only %s may", s.name, to, door)
			}
			to, ok := strings.CutPrefix(to, "weir/internal/")
			if !ok || !ours || to == pkg || strings.HasSuffix(s.name, "_test.go") {
				continue
			}
			if !allowed(pkg, to) {
				t.Errorf("%s: %s (floor %d) imports %s (floor %d)", s.name, pkg, floorOf(pkg), to, floorOf(to))
			}
		}
	}
	for _, floor := range floors {
		for _, p := range floor {
			if !seen[p] {
				t.Errorf("floors names %s, which is not there", p)
			}
		}
	}
}

func TestPackageComments(t *testing.T) {
	documented, all := map[string]bool{}, map[string]bool{}
	for _, s := range sources(t) {
		if strings.HasSuffix(s.name, "_test.go") {
			continue
		}
		all[s.dir] = true
		if s.file.Doc != nil && len(s.file.Doc.Text()) > 80 {
			documented[s.dir] = true
		}
	}
	for dir := range all {
		if !documented[dir] {
			t.Errorf("%s has no package comment that says what it is for and what always holds", dir)
		}
	}
}

func TestFileLength(t *testing.T) {
	for _, s := range sources(t) {
		if s.lines > longestFile {
			t.Errorf("%s has %d lines; %d is the end", s.name, s.lines, longestFile)
		}
	}
}
