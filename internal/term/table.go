package term

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Style says how wide a table may be.
type Style struct {
	Width int // of the terminal; 0 = no terminal, never turned on its side
	Cell  int // characters a cell shows at most; 0 = all
}

// Write writes t in a format: "table", "json" or "csv".
func Write(w io.Writer, t *Table, format string, s Style) error {
	switch format {
	case "json":
		return writeJSON(w, t)
	case "csv":
		return writeCSV(w, t)
	case "table":
		return writeTable(w, t, s)
	}
	return fmt.Errorf("there is no format %q; use table, json or csv", format)
}

func writeJSON(w io.Writer, t *Table) error {
	if t.Rows == nil {
		t.Rows = [][]any{}
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(t)
}

func writeCSV(w io.Writer, t *Table) error {
	out := csv.NewWriter(w)
	line := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		line[i] = c.Name
	}
	if err := out.Write(line); err != nil {
		return err
	}
	for _, row := range t.Rows {
		for i, v := range row {
			line[i] = text(v)
		}
		if err := out.Write(line); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func cut(s string, n int) string {
	if n <= 0 || utf8.RuneCountInString(s) <= n {
		return s
	}
	r := []rune(s)
	return string(r[:n-1]) + "…"
}

func numeric(kind string) bool {
	switch kind {
	case "int", "long", "real", "decimal", "timespan":
		return true
	}
	return false
}

func writeTable(w io.Writer, t *Table, s Style) error {
	cells := make([][]string, 0, len(t.Rows)+1)
	head := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		head[i] = safe(c.Name)
	}
	cells = append(cells, head)
	for _, row := range t.Rows {
		line := make([]string, len(row))
		for i, v := range row {
			line[i] = cut(safe(text(v)), s.Cell)
		}
		cells = append(cells, line)
	}
	widths := make([]int, len(head))
	total := 0
	for i := range head {
		for _, line := range cells {
			widths[i] = max(widths[i], utf8.RuneCountInString(line[i]))
		}
		total += widths[i] + 2
	}
	out := bufio.NewWriter(w)
	if s.Width > 0 && total > s.Width && len(t.Rows) > 0 {
		writeOnItsSide(out, cells, s)
	} else {
		writeUpright(out, t, cells, widths)
	}
	fmt.Fprintf(out, "(%d %s)\n", len(t.Rows), plural(len(t.Rows), "row"))
	return out.Flush()
}

func writeUpright(out *bufio.Writer, t *Table, cells [][]string, widths []int) {
	for n, line := range cells {
		var b strings.Builder
		for i, c := range line {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c))
			if numeric(t.Columns[i].Type) {
				b.WriteString(pad + c + "  ")
			} else {
				b.WriteString(c + pad + "  ")
			}
		}
		fmt.Fprintln(out, strings.TrimRight(b.String(), " "))
		if n == 0 {
			for i, w := range widths {
				if i > 0 {
					out.WriteString("  ")
				}
				out.WriteString(strings.Repeat("─", w))
			}
			out.WriteString("\n")
		}
	}
}

// writeOnItsSide gives each row a block of name and value lines: what is left
// when a table is wider than the terminal.
func writeOnItsSide(out *bufio.Writer, cells [][]string, s Style) {
	widest := 0
	for _, name := range cells[0] {
		widest = max(widest, utf8.RuneCountInString(name))
	}
	for n, line := range cells[1:] {
		fmt.Fprintf(out, "── row %d ──\n", n+1)
		for i, v := range line {
			if v == "" {
				continue
			}
			name := cells[0][i]
			fmt.Fprintf(out, "%s%s  %s\n", name, strings.Repeat(" ", widest-utf8.RuneCountInString(name)), cut(v, max(20, s.Width-widest-2)))
		}
	}
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}
