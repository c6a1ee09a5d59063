package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"weir/internal/app"
	weirterm "weir/internal/term"
)

// source says where a question goes: to a running server, or to a data folder.
type source struct {
	Server string `help:"The query API of a running server; default ${api}." placeholder:"URL" xor:"source"`
	Data   string `help:"A data folder to read instead; the server need not run." placeholder:"DIR" type:"path" xor:"source"`
}

// open gives what answers, and what to close afterwards.
func (s *source) open(ctx context.Context) (weirterm.Querier, func(), error) {
	if s.Data != "" {
		return app.OpenFolder(ctx, s.Data)
	}
	if s.Server == "" {
		s.Server = "http://" + app.DefaultAPI
	}
	if !strings.Contains(s.Server, "://") {
		s.Server = "http://" + s.Server
	}
	return &weirterm.Client{Server: s.Server, HTTP: http.DefaultClient}, func() {}, nil
}

// explain adds the mend to the errors that asking gives most.
func (s *source) explain(err error) error {
	var refused *weirterm.QueryError
	var unreachable *net.OpError
	switch {
	case err == nil || s.Data != "":
		return err
	case errors.As(err, &refused) && refused.Status == http.StatusNotFound:
		return fmt.Errorf("%s is not a query API (it answered 404); the default is http://%s", s.Server, app.DefaultAPI)
	case errors.As(err, &refused) || !errors.As(err, &unreachable) || unreachable.Op != "dial":
		return err
	}
	return fmt.Errorf("no server answers at %s; `weir demo` starts one, -server names another, -data DIR reads its folder", s.Server)
}

type queryCmd struct {
	source
	Format string `help:"How to print the result: table, json or csv." enum:"table,json,csv" default:"table"`
	File   string `help:"Read the query from a file." placeholder:"FILE" type:"path"`
	Wide   bool   `help:"Show every cell whole in a table."`
	KQL    string `arg:"" optional:"" name:"KQL" help:"The query; without it and -file it is read from standard input."`
}

// Help gives the example.
func (queryCmd) Help() string {
	return `Example:
  weir query 'ApiManagementGatewayLlmLog | summarize sum(TotalTokens) by ModelName'
  weir query -file top.kql -format csv > top.csv`
}

// Run asks and prints.
func (c *queryCmd) Run(ctx context.Context) error {
	text, err := c.text()
	if err != nil {
		return err
	}
	q, done, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer done()
	t, err := q.Query(ctx, text)
	if err != nil {
		return c.explain(err)
	}
	return weirterm.Write(os.Stdout, t, c.Format, style(c.Wide))
}

func (c *queryCmd) text() (string, error) {
	switch {
	case c.KQL != "" && c.File != "":
		return "", errors.New("the query stands on the command line and in -file; give one of them")
	case c.KQL != "" && c.KQL != "-":
		return c.KQL, nil
	case c.File != "":
		b, err := os.ReadFile(c.File)
		return string(b), err
	}
	if c.KQL == "" && term.IsTerminal(int(os.Stdin.Fd())) {
		return "", errors.New("there is no query; write it in quotes: weir query 'WeirExchanges | take 5'")
	}
	b, err := io.ReadAll(os.Stdin)
	if err == nil && strings.TrimSpace(string(b)) == "" {
		err = errors.New("the query on standard input is empty")
	}
	return string(b), err
}

// cellWidth is what a cell of a table shows unless -wide asks for all.
const cellWidth = 80

func style(wide bool) weirterm.Style {
	s := weirterm.Style{Cell: cellWidth}
	if wide {
		s.Cell = 0
	} else if w, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
		s.Width = w
	}
	return s
}

type tailCmd struct {
	Server string        `help:"The query API of the running server; default ${api}." placeholder:"URL"`
	N      int           `short:"n" help:"Begin with the last N exchanges." default:"10"`
	Where  string        `help:"Show only those for which this KQL predicate holds." placeholder:"KQL"`
	Poll   time.Duration `help:"How often to look." default:"500ms"`
}

// Help gives the example.
func (tailCmd) Help() string {
	return `Example:
  weir tail -where 'ResponseCode >= 400'`
}

// Run follows until the program is told to stop.
func (c *tailCmd) Run(ctx context.Context) error {
	s := source{Server: c.Server}
	q, done, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer done()
	return s.explain(weirterm.Tail(ctx, q, os.Stdout, c.N, c.Where, max(c.Poll, 50*time.Millisecond)))
}

type showCmd struct {
	source
	ID string `arg:"" help:"The exchange's id: its apim-request-id, CorrelationId in the log."`
}

// Help gives the example.
func (showCmd) Help() string {
	return `Example:
  weir show 019ab0c2-7d1e-7c3a-9a55-0f6f1f0e8d11`
}

// Run prints the exchange.
func (c *showCmd) Run(ctx context.Context) error {
	q, done, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer done()
	return c.explain(weirterm.Show(ctx, q, os.Stdout, c.ID))
}
