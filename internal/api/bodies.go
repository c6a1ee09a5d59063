package api

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"weir/internal/fault"
	"weir/internal/payload"
	"weir/internal/record"
)

// Bodies finds the bodies of exchanges.
type Bodies interface {
	// Open gives the "request", the "answer" or a "file-0", … of an exchange. A
	// *fault.Error says what is not there.
	Open(ctx context.Context, id record.ID, name string) (*payload.Content, error)
}

// body streams one body of an exchange, whole or a range of it (RFC 9110, 14),
// with its digest (RFC 9530).
func (s *Server) body(w http.ResponseWriter, r *http.Request) {
	activity := record.NewID(time.Now()).String()
	id, err := record.ParseID(strings.ToLower(r.PathValue("id")))
	if err != nil {
		writeError(w, r, activity, badRequest("The path does not name an exchange: "+err.Error()+"."))
		return
	}
	name := path.Base(r.URL.Path)
	if index := r.PathValue("index"); index != "" {
		i, err := strconv.Atoi(index)
		if err != nil || i < 0 {
			writeError(w, r, activity, badRequest("The files of a request are numbered from 0: /v1/exchanges/{id}/files/0."))
			return
		}
		name = payload.FileName(i)
	}
	c, err := s.Bodies.Open(r.Context(), id, name)
	if err != nil {
		writeError(w, r, activity, s.explainBody(err))
		return
	}
	defer c.Close()
	headers(w.Header(), c.Object)
	http.ServeContent(w, r, "", time.Time{}, c)
}

// headers describes a body. What a stranger sent must not act as a page of this
// server's, whatever its media type.
func headers(h http.Header, o payload.Object) {
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Type", o.Type)
	if o.Type == "" {
		h.Set("Content-Type", "application/octet-stream")
	}
	if o.Coding != "" {
		h.Set("Content-Encoding", o.Coding)
		h.Set("Content-Length", strconv.FormatInt(o.Length, 10)) // which ServeContent leaves out then
	}
	if sum, err := hex.DecodeString(o.SHA256); err == nil && len(sum) > 0 {
		h.Set("Repr-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(sum)+":")
		h.Set("ETag", `"`+o.SHA256+`"`)
	}
	if o.File != "" {
		h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": o.File}))
	}
}

func (s *Server) explainBody(err error) *apiError {
	var f *fault.Error
	if !errors.As(err, &f) {
		return s.explain(err)
	}
	e := &apiError{status: f.Kind.Status(), code: "General_NotFound", kind: "KustoNotFoundException", message: f.Message}
	if f.Kind != fault.NotFound {
		e.code, e.kind = "ServiceUnavailable", "KustoServiceUnavailableException"
		s.log.Error("a body cannot be read", "error", f.Err)
	}
	return e
}
