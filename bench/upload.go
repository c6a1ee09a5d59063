package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"strings"
	"time"
)

// blockBytes is the piece that an upload repeats, with its number in front.
const blockBytes = 1 << 20

// file is what is uploaded: so many random blocks, each with its number.
type file struct {
	block  []byte
	blocks int
	sum    string // SHA-256 of all of it
}

func newFile(size int64) *file {
	f := &file{block: make([]byte, blockBytes), blocks: int(size / blockBytes)}
	rand.Read(f.block)
	h := sha256.New()
	f.write(h) // a hash takes everything
	f.sum = hex.EncodeToString(h.Sum(nil))
	return f
}

func (f *file) write(w io.Writer) error {
	for i := range f.blocks {
		copy(f.block, fmt.Sprintf("%08d", i))
		if _, err := w.Write(f.block); err != nil {
			return err
		}
	}
	return nil
}

// takeUpload is the upstream's end of an upload: it says what it got.
func takeUpload(w http.ResponseWriter, r *http.Request) {
	parts, err := r.MultipartReader()
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	h := sha256.New()
	buf := make([]byte, 256<<10)
	for {
		p, err := parts.NextPart()
		if err == io.EOF {
			break
		}
		if err == nil && p.FileName() != "" {
			_, err = io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{p}, buf)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"id":"file-%s","object":"file","purpose":"batch","filename":"bench.bin","status":"processed"}`, hex.EncodeToString(h.Sum(nil)))
}

// upload sends the file and gives the id of the exchange, if there is one.
func (f *file) upload(base string) (exchange string, took time.Duration, err error) {
	var head, tail bytes.Buffer
	form := multipart.NewWriter(&head)
	_ = form.WriteField("purpose", "batch") // a buffer takes everything
	if _, err := form.CreateFormFile("file", "bench.bin"); err != nil {
		return "", 0, err
	}
	fmt.Fprintf(&tail, "\r\n--%s--\r\n", form.Boundary())
	pr, pw := io.Pipe()
	go func() {
		_, err := pw.Write(head.Bytes())
		if err == nil {
			err = f.write(pw)
		}
		if err == nil {
			_, err = pw.Write(tail.Bytes())
		}
		pw.CloseWithError(err)
	}()
	req, err := http.NewRequest(http.MethodPost, base+"/v1/files", pr)
	if err != nil {
		return "", 0, err
	}
	req.ContentLength = int64(head.Len()) + int64(f.blocks)*blockBytes + int64(tail.Len())
	req.Header.Set("Content-Type", form.FormDataContentType())
	req.Header.Set("Authorization", "Bearer "+benchKey)
	begin := time.Now()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", 0, err
	}
	defer resp.Body.Close()
	var made struct{ ID string }
	if err := json.NewDecoder(resp.Body).Decode(&made); err != nil {
		return "", 0, fmt.Errorf("the answer was %s: %w", resp.Status, err)
	}
	took = time.Since(begin)
	if made.ID != "file-"+f.sum {
		return "", 0, errors.New("the upstream got another file than was sent")
	}
	return resp.Header.Get("Apim-Request-Id"), took, nil
}

// uploads measures one large upload, in turn: its throughput, how much the
// gateway's memory grows by it, and whether the payload store has the same file.
func (b *bench) uploads(mib int) ([]row, error) {
	f := newFile(int64(mib) << 20)
	var base, ours, grown []float64
	for range b.rounds {
		p, err := startSelf(nil, "-role", "proxy", "-target", b.upstream.addr)
		if err != nil {
			return nil, err
		}
		_, took, err := f.upload("http://" + p.addr)
		p.stop()
		if err != nil {
			return nil, fmt.Errorf("proxy: %w", err)
		}
		base = append(base, float64(mib)/took.Seconds())
		speed, more, err := b.uploadOnce(f)
		if err != nil {
			return nil, fmt.Errorf("gateway: %w", err)
		}
		ours = append(ours, float64(mib)/speed.Seconds())
		grown = append(grown, more)
		fmt.Fprintf(os.Stderr, "  upload: proxy %.0f MiB/s, gateway %.0f MiB/s, memory +%.0f MiB\n", last(base), last(ours), last(grown))
	}
	what := fmt.Sprintf("upload of %d MiB: MiB/s", mib)
	return []row{{what, "proxy", base, nil}, {what, "gateway", ours, base},
		{fmt.Sprintf("upload of %d MiB: most resident MiB above idle", mib), "gateway", grown, nil}}, nil
}

func (b *bench) uploadOnce(f *file) (took time.Duration, grown float64, err error) {
	g, err := b.startGateway(nil)
	if err != nil {
		return 0, 0, err
	}
	defer os.RemoveAll(g.dir)
	defer g.stop()
	idle, err := memory(g.pid(), "VmRSS:")
	if err != nil {
		return 0, 0, err
	}
	id, took, err := f.upload(g.url)
	if err != nil {
		return 0, 0, err
	}
	most, err := memory(g.pid(), "VmHWM:")
	if err != nil {
		return 0, 0, err
	}
	b.made++
	if err := g.sameFile(id, f.sum); err != nil {
		return 0, 0, err
	}
	b.recorded++
	return took, most - idle, nil
}

// sameFile asks the API for the file of an exchange until it is in the payload
// store, and compares it.
func (g *gateway) sameFile(id, sum string) error {
	var err error
	for range 300 {
		var got string
		if got, err = hashOf(g.api + "/v1/exchanges/" + id + "/files/0"); err == nil {
			if got != sum {
				return errors.New("the payload store has another file than was sent")
			}
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
}

func hashOf(url string) (string, error) {
	resp, err := http.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s", strings.TrimPrefix(url, "http://"), resp.Status)
	}
	h := sha256.New()
	_, err = io.Copy(h, resp.Body)
	return hex.EncodeToString(h.Sum(nil)), err
}
