package term

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// Payload is a body of an exchange, byte for byte.
type Payload struct {
	io.ReadCloser
	Type   string // media type, as its sender said
	Coding string // content codings that the bytes have
	SHA256 string // hexadecimal
}

// Payloads gives bodies: "request", "answer", or "file-0" and so on.
type Payloads interface {
	Payload(ctx context.Context, id, name string) (*Payload, error)
}

var digest = regexp.MustCompile(`\bsha-256=:([A-Za-z0-9+/=]+):`)

// Payload asks the server for a body.
func (c *Client) Payload(ctx context.Context, id, name string) (*Payload, error) {
	if i, ok := strings.CutPrefix(name, "file-"); ok {
		name = "files/" + i
	}
	u, err := url.JoinPath(c.Server, "/v1/exchanges", url.PathEscape(strings.TrimSpace(id)), name)
	if err != nil {
		return nil, fmt.Errorf("the server's address %q is not a URL: %w", c.Server, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept-Encoding", "identity") // or the client undoes what the body was
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the server: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		var refused *QueryError
		if err := readError(resp); !errors.As(err, &refused) || refused.Code == "" {
			return nil, err
		}
		return nil, errors.New(refused.Message)
	}
	p := &Payload{ReadCloser: resp.Body, Type: resp.Header.Get("Content-Type"), Coding: resp.Header.Get("Content-Encoding")}
	if m := digest.FindStringSubmatch(resp.Header.Get("Repr-Digest")); m != nil {
		if sum, err := base64.StdEncoding.DecodeString(m[1]); err == nil {
			p.SHA256 = hex.EncodeToString(sum)
		}
	}
	return p, nil
}

// WriteTo writes the body and holds it against its digest.
func (p *Payload) WriteTo(w io.Writer) (int64, error) {
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, h), p.ReadCloser)
	if err == nil && p.SHA256 != "" && hex.EncodeToString(h.Sum(nil)) != p.SHA256 {
		err = errors.New("what came is not what is on the record: its SHA-256 differs")
	}
	return n, err
}
