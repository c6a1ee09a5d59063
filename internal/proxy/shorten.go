package proxy

import (
	"slices"
	"strings"

	"weir/internal/record"
)

// What is recorded at most of a caller who is not known, in bytes: such callers
// must not fill the disk.
const (
	shortURL   = 2 << 10
	shortAsked = 4 << 10 // of the request's header fields, names and values
	shortTold  = 1 << 10 // of the answer's
	shortField = 256     // of any other text
)

// cutMark ends a text that is not recorded whole.
const cutMark = "…"

func short(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return s[:limit] + cutMark
}

// shorten limits what a stranger's request puts on the record.
func shorten(b *record.Begin) {
	b.URL = short(b.URL, shortURL)
	b.Method = short(b.Method, shortField)
	b.Resource = short(b.Resource, shortField)
	b.Deployment = short(b.Deployment, shortField)
	b.APIVersion = short(b.APIVersion, shortField)
	b.ClientCertificate = short(b.ClientCertificate, shortField)
	b.ClientRequestID = short(b.ClientRequestID, shortField)
	b.Headers = shortHeaders(b.Headers, shortAsked)
}

// shortHeaders keeps the first fields by name; the last one may be cut.
func shortHeaders(list []record.Header, limit int) []record.Header {
	left := limit
	for _, h := range list {
		left -= len(h.Name) + len(h.Value)
	}
	if left >= 0 {
		return list
	}
	slices.SortFunc(list, func(a, b record.Header) int { return strings.Compare(a.Name, b.Name) })
	left = limit
	for i := range list {
		h := &list[i]
		left -= len(h.Name) + len(h.Value)
		if left < 0 {
			h.Name = short(h.Name, shortField)
			h.Value = short(h.Value, max(0, len(h.Value)+left))
			return list[:i+1]
		}
	}
	return list
}
