package main

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"weir/internal/app"
	"weir/internal/catalog"
	"weir/internal/record"
	"weir/internal/transcript"
)

var update = flag.Bool("update", false, "write the reference pages anew")

// TestReference keeps the generated pages of docs/ current: the command line,
// the config, the tables.
func TestReference(t *testing.T) {
	for name, page := range map[string]string{
		"cli.md": cliPage(t), "config.md": configPage(t), "tables.md": tablesPage(), "operations.md": operationsPage(),
	} {
		file := filepath.Join("..", "..", "docs", name)
		if *update {
			if err := os.WriteFile(file, []byte(page), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		old, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if string(old) != page {
			t.Errorf("docs/%s is not current; `make docs` writes it", name)
		}
	}
}

func tablesPage() string {
	var b strings.Builder
	b.WriteString("# Tables\n\nGenerated from `internal/record`; `make docs` writes it anew. What `labels` of the\nconfig names stands in WeirExchanges as further string columns.\n")
	docs := map[string]string{}
	for _, c := range record.Columns() {
		docs[c.Name] = c.Doc
	}
	for _, t := range record.Tables() {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| column | type | meaning |\n|---|---|---|\n", t.Name, t.Doc)
		for _, c := range t.Columns {
			doc := c.Doc
			if doc == "" {
				doc = docs[c.From]
			}
			if doc == "" && c.Const != "" {
				doc = "Always `" + c.Const + "`."
			}
			if doc == "" {
				doc = "Always null: nothing here corresponds to it."
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", c.Name, c.Type, strings.ReplaceAll(doc, "|", `\|`))
		}
	}
	return b.String()
}

// operationsPage lists the catalog: what passes the gateway, and what of it is
// known.
func operationsPage() string {
	var b strings.Builder
	b.WriteString(`# Operations

Generated from ` + "`internal/catalog`; `make docs` writes it anew." + ` Every call of one of these
passes the gateway and is on the record under its ` + "`OperationId`" + `, whatever the surface;
any other path is answered with 404, or passed and recorded as ` + "`unknown`" + ` where
` + "`gateway.unknown_operations: pass`" + ` says so.

- *streams*: asks for server-sent events end with the event named; a WebSocket's
  answers likewise.
- *state*: what is made stays on its backend: *makes* an object whose backend is
  remembered, *uses* the one that the path or the body names, *merges* the lists of
  all backends.
- *read by*: the reader that fills Prompt, Completion, Usage and the other columns
  of WeirExchanges from the bodies.

`)
	ops := catalog.Operations()
	fmt.Fprintf(&b, "%d operations.\n\n| OperationId | method and paths | surface: its operationId | streams | state | read by |\n|---|---|---|---|---|---|\n", len(ops))
	for _, op := range ops {
		var paths, ids []string
		for _, r := range op.Routes {
			paths = append(paths, "`"+r.Pattern+"`")
			ids = append(ids, r.Surface.String()+": "+r.OperationID)
		}
		fmt.Fprintf(&b, "| %s | %s %s | %s | %s | %s | %s |\n", op.ID, op.Method, strings.Join(paths, "<br>"),
			strings.Join(ids, "<br>"), strings.Join(op.Terminal, "<br>"), state(op), op.Dialect)
	}
	b.WriteString("\n## What is read out of the bodies\n\nParameters has every other member of a request; Usage the usage object as it came.\n\n| read by | Prompt is made of | Completion | tokens |\n|---|---|---|---|\n")
	told := map[string]bool{}
	for _, op := range ops {
		if told[op.Dialect] {
			continue
		}
		told[op.Dialect] = true
		prompt, completion, usage := transcript.Extracted(op.Dialect)
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", op.Dialect, prompt, completion, usage)
	}
	return b.String()
}

func state(op catalog.Operation) string {
	var words []string
	if op.Own {
		words = append(words, "the gateway answers")
	}
	if len(op.Learns) > 0 {
		words = append(words, "makes")
	}
	if op.Lists != "" {
		words = append(words, "merges")
	}
	if len(op.Names) > 0 || op.Stateful && op.Lists == "" && len(op.Learns) == 0 {
		words = append(words, "uses")
	}
	return strings.Join(words, ", ")
}

func cliPage(t *testing.T) string {
	var b strings.Builder
	b.WriteString("# Commands\n\nGenerated from the program's own help; `make docs` writes it anew. A long flag may\nbe written with one dash or two.\n")
	for _, args := range [][]string{{}, {"serve"}, {"demo"}, {"query"}, {"tail"}, {"show"}, {"payload"}, {"keys", "new"}, {"check"}, {"reload"}, {"backends"}, {"sim"}, {"version"}} {
		parser, err := newParser()
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		parser.Stdout = &out
		parser.Exit = func(int) { panic(helpPrinted{}) }
		func() {
			defer func() {
				if _, ok := recover().(helpPrinted); !ok {
					t.Fatalf("weir %s --help did not print help", strings.Join(args, " "))
				}
			}()
			_, err = parser.Parse(append(args, "--help"))
		}()
		fmt.Fprintf(&b, "\n## %s\n\n```\n%s\n```\n", strings.TrimSpace("weir "+strings.Join(args, " ")), strings.TrimSpace(out.String()))
	}
	return b.String()
}

type helpPrinted struct{}

// TestExamples: every command's help has an example, and the example parses.
func TestExamples(t *testing.T) {
	parser, err := newParser()
	if err != nil {
		t.Fatal(err)
	}
	kong.Visit(parser.Model, func(node kong.Visitable, next kong.Next) error {
		if n, ok := node.(*kong.Node); ok && n.Type == kong.CommandNode && n.Leaf() && n.Name != "version" {
			if !strings.Contains(n.Detail, "Example:\n  weir ") {
				t.Errorf("weir %s --help has no example", n.Path())
			}
		}
		return next(nil)
	})
}

func TestDoubleDashes(t *testing.T) {
	got := doubleDashes([]string{"query", "-server", "http://x", "-n", "5", "--data=d", "-format=csv", "-", "-5", "--", "-raw"})
	want := []string{"query", "--server", "http://x", "-n", "5", "--data=d", "--format=csv", "-", "-5", "--", "-raw"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func configPage(t *testing.T) string {
	var b strings.Builder
	b.WriteString("# Config\n\nGenerated from the config's own types; `make docs` writes it anew. The file is YAML,\n`weir.yaml` unless `-config` names another. `weir check` names every mistake in it at\nonce. Any text may refer to a secret as `${env:NAME}` or `${file:PATH}`; a relative path\nstarts beside the config file, here and in every field that names a file.\n\nA running gateway takes over a changed file, see `reload`. What it cannot change\nthen it refuses, with the whole file: `data`, `gateway.name`, `gateway.listen`,\n`gateway.tls` between on and off, `gateway.h2c`, `gateway.header_timeout`,\n`gateway.idle_timeout`, `gateway.max_header_bytes`, `api`, `telemetry.listen`,\n`telemetry.log_format`, `store`, `payload` and `labels` need a restart.\n\n| field | type | meaning |\n|---|---|---|\n")
	c := commentReader{t: t, files: map[string]map[string]string{}}
	c.fields(&b, reflect.TypeFor[app.Config](), "")
	return b.String()
}

// commentReader finds the comments of struct fields in the source.
type commentReader struct {
	t     *testing.T
	files map[string]map[string]string // by package, then Type.Field
}

func (c *commentReader) fields(b *strings.Builder, typ reflect.Type, prefix string) {
	docs := c.docs(typ.PkgPath())
	for i := range typ.NumField() {
		f := typ.Field(i)
		if f.Type.Kind() == reflect.Pointer { // what may be left out
			f.Type = f.Type.Elem()
		}
		name, opts, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if opts == "inline" {
			c.fields(b, f.Type, prefix)
			continue
		}
		if name == "" || name == "-" {
			continue
		}
		doc := docs[typ.Name()+"."+f.Name]
		if doc == "" {
			c.t.Errorf("config field %s%s (%s.%s) has no comment", prefix, name, typ, f.Name)
		}
		fmt.Fprintf(b, "| `%s%s` | %s | %s |\n", prefix, name, kindName(f.Type), strings.ReplaceAll(strings.Join(strings.Fields(doc), " "), "|", `\|`))
		switch elem := f.Type; {
		case elem.Kind() == reflect.Struct:
			c.fields(b, elem, prefix+name+".")
		case elem.Kind() == reflect.Slice && elem.Elem().Kind() == reflect.Struct:
			c.fields(b, elem.Elem(), prefix+name+"[].")
		}
	}
}

func kindName(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "duration"
	case t.Kind() == reflect.Slice:
		return "list"
	case t.Kind() == reflect.Map, t.Kind() == reflect.Struct:
		return "mapping"
	case t.Kind() == reflect.String:
		return "text"
	case t.Kind() == reflect.Bool:
		return "true or false"
	}
	return "number"
}

func (c *commentReader) docs(pkg string) map[string]string {
	if d := c.files[pkg]; d != nil {
		return d
	}
	out := map[string]string{}
	c.files[pkg] = out
	files, err := filepath.Glob(filepath.Join("..", "..", strings.TrimPrefix(pkg, "weir/"), "*.go"))
	if err != nil {
		c.t.Fatal(err)
	}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			c.t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if st, ok := spec.Type.(*ast.StructType); ok {
				for _, field := range st.Fields.List {
					text := field.Doc.Text()
					if text == "" {
						text = field.Comment.Text()
					}
					for _, id := range field.Names {
						out[spec.Name.Name+"."+id.Name] = text
					}
				}
			}
			return true
		})
	}
	return out
}
