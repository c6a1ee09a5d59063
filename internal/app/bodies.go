package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"weir/internal/fault"
	"weir/internal/payload"
	"weir/internal/query"
	"weir/internal/record"
	"weir/internal/sink"
)

func openLibrary(ctx context.Context, cfg *Config) (*payload.Library, error) {
	store, err := payload.OpenStore(ctx, cfg.Payload, cfg.payloadDir())
	if err != nil {
		return nil, err
	}
	return &payload.Library{Spool: payload.ReadSpool(cfg.spoolDir()), Store: store, Split: split}, nil
}

func uploadOptions(library *payload.Library, part sink.Store, log *slog.Logger) payload.Options {
	return payload.Options{Spool: library.Spool, Store: library.Store, Split: library.Split, Seal: part.Seal, Logger: log,
		Sealed: func() (epoch, seq uint64) {
			done := part.Cursor().Done
			return done.Epoch, done.Seq
		}}
}

// tellOrphans waits until the store has caught up once, and has it told what the
// spool has that no record named.
func tellOrphans(ctx context.Context, follower *sink.Runner, uploads *payload.Uploader, log *slog.Logger) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for follower.Stats().CaughtUp.IsZero() {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
	if err := uploads.Orphans(time.Now()); err != nil {
		log.Warn("the spool cannot be looked through", "error", err)
	}
}

// bodies finds an exchange's bodies: in a gateway's spool or the payload store, or
// in its row.
type bodies struct {
	libraries func() []*payload.Library // of the gateways, at least one; one payload store
	queries   *query.Service
}

// library gives where to look for an exchange: in the spool that has it, or else
// in any, for the payload store.
func (b *bodies) library(id record.ID) *payload.Library {
	all := b.libraries()
	for _, l := range all {
		if l.Spool.Taken(id) {
			return l
		}
	}
	return all[0]
}

// Open gives the request, the answer or a file of an exchange.
func (b *bodies) Open(ctx context.Context, id record.ID, name string) (*payload.Content, error) {
	row, found, err := b.row(ctx, id)
	if err != nil {
		return nil, err
	}
	library := b.library(id)
	if found && !row.elsewhere(name) && !library.Spool.Taken(id) {
		return row.inline(name) // a payload store that is away is not asked
	}
	c, err := library.Open(ctx, id, name)
	switch {
	case err == nil:
		return c, nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil, &fault.Error{Kind: fault.Unavailable, Message: "The payload store cannot be read now; try again later.", Err: err}
	case !found:
		return nil, &fault.Error{Kind: fault.NotFound, Message: fmt.Sprintf("No exchange %s is on the record.", id)}
	case row.elsewhere(name):
		return nil, &fault.Error{Kind: fault.NotFound, Message: fmt.Sprintf("The %s of the exchange is neither in the spool nor in the payload store.", name)}
	}
	return row.inline(name)
}

// bodyRow is what an exchange's row says of its bodies.
type bodyRow struct {
	body, headers, payload map[string]string // by side; the latter two JSON, "" for none
	files                  string
}

func (b *bodies) row(ctx context.Context, id record.ID) (r bodyRow, found bool, err error) {
	res, err := b.queries.Run(ctx, "WeirExchanges | where CorrelationId == '"+id.String()+
		"' | project RequestBody, RequestHeaders, RequestPayload, ResponseBody, ResponseHeaders, ResponsePayload, Files")
	if err != nil {
		return r, false, fmt.Errorf("look an exchange up: %w", err)
	}
	if len(res.Rows) == 0 {
		return r, false, nil
	}
	text := func(i int) string {
		switch v := res.Rows[0][i].(type) {
		case string:
			return v
		case json.RawMessage:
			return string(v)
		}
		return ""
	}
	sides := func(i int) map[string]string {
		return map[string]string{record.RequestSide: text(i), record.AnswerSide: text(i + 3)}
	}
	return bodyRow{sides(0), sides(1), sides(2), text(6)}, true, nil
}

// elsewhere says whether the row has a body or file only by its digest.
func (r bodyRow) elsewhere(name string) bool {
	switch name {
	case record.AnswerSide:
		return r.payload[name] != ""
	case record.RequestSide:
		return r.payload[name] != "" || r.files != ""
	}
	return r.files != ""
}

// inline gives the body that stands in the row. It is text as the row has it: a
// stream is one object there, and a content coding is undone.
func (r bodyRow) inline(name string) (*payload.Content, error) {
	text, side := r.body[name]
	if !side {
		return nil, &fault.Error{Kind: fault.NotFound, Message: fmt.Sprintf("The exchange has no %s: only multipart requests have files, counted from file-0.", name)}
	}
	body, contentType := rowBody(text, r.headers[name])
	sum := sha256.Sum256(body)
	o := payload.Object{Name: name, Length: int64(len(body)), SHA256: hex.EncodeToString(sum[:]), Type: contentType}
	return &payload.Content{Object: o, ReadSeeker: bytes.NewReader(body), Closer: io.NopCloser(nil)}, nil
}

// rowBody gives the bytes of a body as a row keeps it, and their media type.
func rowBody(text, headers string) (body []byte, contentType string) {
	var all map[string]string
	json.Unmarshal([]byte(headers), &all) // there may be none
	for name, v := range all {
		if strings.EqualFold(name, "Content-Type") {
			contentType = v
		}
	}
	if data, ok := strings.CutPrefix(text, "data:"); ok {
		if _, coded, ok := strings.Cut(data, ";base64,"); ok {
			if raw, err := base64.StdEncoding.DecodeString(coded); err == nil {
				return raw, contentType
			}
		}
	}
	for _, reconstructed := range []string{"text/event-stream", "multipart/form-data"} {
		if strings.HasPrefix(contentType, reconstructed) && strings.HasPrefix(text, "{") {
			contentType = "application/json"
		}
	}
	return []byte(text), contentType
}

func parseExchange(id string) (record.ID, error) {
	return record.ParseID(strings.ToLower(strings.TrimSpace(id)))
}
