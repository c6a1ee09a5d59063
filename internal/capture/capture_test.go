package capture

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// keep is a log in memory.
type keep struct {
	mu      sync.Mutex
	parts   [][]byte
	at      []time.Time
	end     []byte
	ended   bool
	partErr error
	syncs   int
}

func (k *keep) Ready() error                                    { return nil }
func (k *keep) Begin([16]byte, time.Time, []byte, []byte) error { return nil }
func (k *keep) Delivered([16]byte, time.Time, []byte)           {}

func (k *keep) Part(_ [16]byte, at time.Time, content []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.partErr != nil {
		return k.partErr
	}
	k.parts = append(k.parts, bytes.Clone(content))
	k.at = append(k.at, at)
	return nil
}

func (k *keep) Sync(id [16]byte, at time.Time, content []byte) error {
	err := k.Part(id, at, content)
	k.mu.Lock()
	k.syncs++
	k.mu.Unlock()
	return err
}

func (k *keep) End(_ [16]byte, _ time.Time, _, content, more []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.end = append(bytes.Clone(content), more...)
	k.ended = true
	return nil
}

func (k *keep) all() string { return string(bytes.Join(append(k.parts, k.end), nil)) }

func TestShortAnswerIsOneFrame(t *testing.T) {
	log := &keep{}
	c := NewRecorder(log, Spool{Inline: 1 << 40}).Start([16]byte{1})
	if err := c.End(time.Now(), nil, []byte("all of it")); err != nil || len(log.parts) != 0 || log.all() != "all of it" {
		t.Errorf("%v, %d parts, %q", err, len(log.parts), log.all())
	}
}

func TestLongAnswerInParts(t *testing.T) {
	log := &keep{}
	r := NewRecorder(log, Spool{Inline: 1 << 40})
	var want strings.Builder
	c := r.Start([16]byte{1})
	for i := range 100 {
		p := bytes.Repeat([]byte{byte('a' + i%26)}, 10<<10)
		want.Write(p)
		if err := c.Write(p); err != nil {
			t.Fatal(err)
		}
		if len(c.pending) > partBytes {
			t.Fatalf("%d bytes pending", len(c.pending))
		}
	}
	if c.Total() != 100*10<<10 {
		t.Errorf("%d bytes in all", c.Total())
	}
	if err := c.End(time.Now(), nil, []byte("rest")); err != nil || len(log.parts) != 3 || log.all() != want.String()+"rest" {
		t.Errorf("%v, %d parts, %d bytes", err, len(log.parts), len(log.all()))
	}
}

// TestSlowAnswerInParts: nothing that was written waits longer than half a second.
func TestSlowAnswerInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &keep{}
		r := NewRecorder(log, Spool{Inline: 1 << 40})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { r.Run(ctx) })
		captures := []*Capture{r.Start([16]byte{1}), r.Start([16]byte{2})}
		begin := time.Now()
		captures[0].Write([]byte("a"))
		time.Sleep(500 * time.Millisecond)
		synctest.Wait()
		if len(log.parts) != 1 || log.at[0].Sub(begin) > 500*time.Millisecond {
			t.Errorf("%d parts, %v", len(log.parts), log.at)
		}
		captures[0].Write([]byte("b"))
		captures[1].Write([]byte("other"))
		captures[1].End(time.Now(), nil, nil)
		time.Sleep(500 * time.Millisecond)
		synctest.Wait()
		if len(log.parts) != 2 || string(log.parts[1]) != "b" {
			t.Errorf("parts %q", log.parts)
		}
		time.Sleep(time.Minute)
		if len(log.parts) != 2 {
			t.Errorf("parts without content: %q", log.parts)
		}
		captures[0].End(time.Now(), nil, []byte("c"))
		if string(log.end) != "c" {
			t.Errorf("end %q", log.end)
		}
		if r.ring.next != &r.ring {
			t.Error("an ended capture is still watched")
		}
		cancel()
		wg.Wait()
	})
}

// TestLostPart: an answer with a hole has no end.
func TestLostPart(t *testing.T) {
	log := &keep{partErr: errors.New("disk full")}
	c := NewRecorder(log, Spool{Inline: 1 << 40}).Start([16]byte{1})
	if err := c.Write(make([]byte, partBytes)); !errors.Is(err, log.partErr) {
		t.Errorf("write: %v", err)
	}
	if err := c.End(time.Now(), nil, nil); !errors.Is(err, log.partErr) || log.ended {
		t.Errorf("end: %v, written %v", err, log.ended)
	}
}

func TestConcurrentCaptures(t *testing.T) {
	r := NewRecorder(&keep{}, Spool{Inline: 1 << 40})
	ctx, cancel := context.WithCancel(t.Context())
	var run, wg sync.WaitGroup
	run.Go(func() { r.Run(ctx) })
	for i := range 8 {
		wg.Go(func() {
			for j := range 10 {
				c := r.Start([16]byte{byte(i), byte(j)})
				for range 20 {
					c.Write(make([]byte, 20<<10))
					c.tick()
				}
				if err := c.End(time.Now(), nil, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	cancel()
	run.Wait()
}
