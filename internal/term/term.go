// Package term is the surface for people at a terminal: results of queries as
// aligned tables, exchanges as they end, and one exchange as a conversation.
//
// What always holds: it asks only what any client of the query API can ask; what
// it shows of a person's text is made safe for a terminal (no control bytes
// pass); a cut cell ends in "…", and JSON and CSV are never cut.
package term

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Column is a result's column: its name and KQL type.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Table is a query's result. Values are as Kusto encodes them: text for
// datetime, timespan, decimal and guid, json.Number for numbers, any JSON for a
// dynamic.
type Table struct {
	Columns []Column `json:"columns"`
	Rows    [][]any  `json:"rows"`
}

// Index gives the position of the named column, or -1.
func (t *Table) Index(name string) int {
	for i, c := range t.Columns {
		if c.Name == name {
			return i
		}
	}
	return -1
}

// Querier answers KQL.
type Querier interface {
	Query(ctx context.Context, text string) (*Table, error)
}

// Client asks a running server's query API, as Kusto's REST clients do.
type Client struct {
	// Server is the API's base URL, such as http://127.0.0.1:8081.
	Server string
	HTTP   *http.Client
}

// QueryError is an error that the server gave for a query.
type QueryError struct {
	Status  int
	Code    string
	Message string
}

func (e *QueryError) Error() string { return e.Message }

// Query posts text to /v1/rest/query. A *QueryError says what the server
// refused; any other error, that it could not be asked.
func (c *Client) Query(ctx context.Context, text string) (*Table, error) {
	u, err := url.JoinPath(c.Server, "/v1/rest/query")
	if err != nil {
		return nil, fmt.Errorf("the server's address %q is not a URL: %w", c.Server, err)
	}
	body, err := json.Marshal(map[string]string{"db": "weir", "csl": text})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the server: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, readError(resp)
	}
	return readV1(resp.Body)
}

func readError(resp *http.Response) error {
	var out struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
			Long    string `json:"@message"`
		} `json:"error"`
	}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if json.Unmarshal(text, &out) != nil || out.Error.Message == "" {
		return &QueryError{Status: resp.StatusCode, Message: "the server answered " + resp.Status}
	}
	if out.Error.Long != "" {
		out.Error.Message = out.Error.Long
	}
	return &QueryError{resp.StatusCode, out.Error.Code, out.Error.Message}
}

func readV1(r io.Reader) (*Table, error) {
	var out struct {
		Tables []struct {
			Columns []struct{ ColumnName, ColumnType string }
			Rows    [][]any
		}
	}
	dec := json.NewDecoder(r)
	dec.UseNumber()
	if err := dec.Decode(&out); err != nil {
		return nil, fmt.Errorf("read the server's answer: %w", err)
	}
	if len(out.Tables) == 0 {
		return nil, fmt.Errorf("the server's answer has no table")
	}
	t := &Table{Rows: out.Tables[0].Rows}
	for _, c := range out.Tables[0].Columns {
		t.Columns = append(t.Columns, Column{c.ColumnName, c.ColumnType})
	}
	return t, nil
}

// safe makes text harmless on a terminal and one line: control characters
// become escapes, so that recorded text cannot steer the reader's screen.
func safe(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return '⏎'
		case r == '\t':
			return ' '
		case r < ' ' || r >= 0x7f && r < 0xa0:
			return '�'
		}
		return r
	}, s)
}

// safeLines is safe for text of several lines.
func safeLines(s string) string {
	lines := strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
	for i, l := range lines {
		lines[i] = safe(l)
	}
	return strings.Join(lines, "\n")
}

func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		if v {
			return "true"
		}
		return "false"
	case json.RawMessage:
		return string(v)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}
