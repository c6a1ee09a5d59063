package proxy

import (
	"crypto/sha256"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"weir/internal/catalog"
	"weir/internal/identity"
)

// A realtime session's answer carries a key that lives for minutes, with
// which a browser connects (OpenAI, "Realtime API", ephemeral tokens). Who shows
// it to the gateway is the caller who made the session, and goes to the backend
// that made the key, with that key.

// ticketPrefix begins every such key.
const ticketPrefix = "ek_"

const (
	ticketLife = 2 * time.Hour // the longest that can be asked for; the backend judges
	maxTickets = 100_000
)

type ticket struct {
	caller  *identity.Caller
	backend string
	key     string
	until   time.Time
}

// tickets are the short-lived keys that have passed, by hash.
type tickets struct {
	mu sync.Mutex
	by map[[sha256.Size]byte]*ticket
}

func (t *tickets) find(key string) *ticket {
	if !strings.HasPrefix(key, ticketPrefix) {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	found := t.by[sha256.Sum256([]byte(key))]
	if found == nil || time.Now().After(found.until) {
		return nil
	}
	return found
}

func (t *tickets) add(k ticket) {
	now := time.Now()
	k.until = now.Add(ticketLife)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.by == nil {
		t.by = map[[sha256.Size]byte]*ticket{}
	}
	if len(t.by) >= maxTickets {
		for hash, old := range t.by {
			if now.After(old.until) {
				delete(t.by, hash)
			}
		}
	}
	if len(t.by) < maxTickets {
		t.by[sha256.Sum256([]byte(k.key))] = &k
	}
}

// maxTicket is the longest answer with a key that is passed.
const maxTicket = 1 << 20

// passTicket passes an answer with a key. The record has it without the key.
func (x *exchange) passTicket(resp *http.Response) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxTicket+1))
	x.firstByte(time.Now())
	if err == nil && len(body) > maxTicket {
		err = errTooLarge
	}
	kept := ticketKey.ReplaceAll(body, []byte(`"`+mask+`"`))
	if err != nil {
		x.broken(err, kept)
		return
	}
	x.keepTicket(body)
	if x.commit(kept) != nil {
		x.cut = true
		return
	}
	x.write(body)
	x.trailers(resp)
}

// ticketKey finds the keys in an answer.
var ticketKey = regexp.MustCompile(`"` + ticketPrefix + `[^"]*("|$)`)

// keepTicket remembers the key in a realtime session's answer.
func (x *exchange) keepTicket(body []byte) {
	catalog.Learned(body, []string{"client_secret.value", "value"}, func(_, key string) {
		if strings.HasPrefix(key, ticketPrefix) && x.end.Status/100 == 2 {
			x.p.tickets.add(ticket{caller: x.caller, backend: x.end.Backend, key: key})
		}
	})
}
