package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"golang.org/x/term"

	weirterm "weir/internal/term"
)

type payloadCmd struct {
	source
	ID   string `arg:"" help:"The exchange's id: its apim-request-id, CorrelationId in the log."`
	Name string `arg:"" optional:"" default:"answer" help:"What of it: request, answer, or file-0, file-1, … of a multipart request; default ${default}."`
	Out  string `short:"o" name:"output" help:"The file to write; standard output without it." placeholder:"FILE" type:"path"`
}

// Help gives the example.
func (payloadCmd) Help() string {
	return `Bodies above payload.inline_limit and the files of multipart requests are given
byte for byte, and held against the record's SHA-256. What stands in the store's
rows is given as the row has it: a stream is one JSON object.

Example:
  weir payload 019ab0c2-7d1e-7c3a-9a55-0f6f1f0e8d11 file-0 -o meeting.wav`
}

var payloadName = regexp.MustCompile(`^(request|answer|file-(0|[1-9]\d*))$`)

// Run writes the body.
func (c *payloadCmd) Run(ctx context.Context) error {
	if !payloadName.MatchString(c.Name) {
		return fmt.Errorf("%q is no part of an exchange; it may be request, answer, or file-0 and so on", c.Name)
	}
	q, done, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer done()
	from, ok := q.(weirterm.Payloads)
	if !ok {
		return errors.New("this source has no bodies")
	}
	p, err := from.Payload(ctx, c.ID, c.Name)
	if err != nil {
		return c.explain(err)
	}
	defer p.Close()
	if p.Coding != "" {
		fmt.Fprintf(os.Stderr, "weir: the bytes are in the content coding that the backend used: %s\n", p.Coding)
	}
	if c.Out == "" {
		if !readable(p.Type) && term.IsTerminal(int(os.Stdout.Fd())) {
			return fmt.Errorf("this is %s, which a terminal cannot show; write it to a file with -o FILE", p.Type)
		}
		_, err = p.WriteTo(os.Stdout)
		return err
	}
	f, err := os.Create(c.Out)
	if err != nil {
		return err
	}
	_, err = p.WriteTo(f)
	return errors.Join(err, f.Close())
}

func readable(mediaType string) bool {
	return strings.HasPrefix(mediaType, "text/") || strings.Contains(mediaType, "json")
}
