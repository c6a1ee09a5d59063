package payload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// bucket is a Store of a cloud, through gocloud's drivers.
type bucket struct{ b *blob.Bucket }

// What one upload keeps in memory is partBytes times partsAtOnce, and some.
const (
	partBytes   = 8 << 20
	partsAtOnce = 2
)

// stallAfter is how long a transfer may stand still before it is given up. What
// is seen of an upload is the reading of its parts, which on a slow line are far
// apart.
const stallAfter = 10 * time.Minute

var errStalled = fmt.Errorf("the transfer stood still for %s", stallAfter)

// anyType is the media type of bytes of which nothing is known.
const anyType = "application/octet-stream"

// Put uploads in parts, as the driver does. What was not whole at the end is not
// in the store. It is one Upload, not a Writer: when an upload fails, the Azure
// driver's Writer of gocloud 0.47 panics in Close. The content coding stands in
// the manifest only: with it on the object, Go's HTTP client would undo it when
// the object is read back. A media type that cannot be parsed the drivers refuse.
func (s bucket) Put(ctx context.Context, key string, o Object, body io.Reader) error {
	ctx, w := watch(ctx)
	defer w.stop()
	options := &blob.WriterOptions{BufferSize: partBytes, MaxConcurrency: partsAtOnce, ContentType: o.Type}
	if _, _, err := mime.ParseMediaType(o.Type); err != nil {
		options.ContentType = anyType
	}
	if o.SHA256 != "" {
		options.Metadata = map[string]string{"sha256": o.SHA256}
	}
	return s.explain("store a payload", w.why(ctx, s.b.Upload(ctx, key, moving{body, w}, options)))
}

func (s bucket) Open(ctx context.Context, key string, offset int64) (io.ReadCloser, error) {
	ctx, w := watch(ctx)
	r, err := s.b.NewRangeReader(ctx, key, offset, -1, nil)
	if err != nil {
		err = w.why(ctx, err)
		w.stop()
		return nil, s.explain("read a payload", err)
	}
	w.timer.Stop()
	return opened{ctx, r, w}, nil
}

func (s bucket) Length(ctx context.Context, key string) (int64, error) {
	ctx, w := watch(ctx)
	defer w.stop()
	a, err := s.b.Attributes(ctx, key)
	if err != nil {
		return 0, s.explain("find a payload", w.why(ctx, err))
	}
	return a.Size, nil
}

func (s bucket) Close() error { return s.b.Close() }

// explain makes an error of the drivers one of ours: an object that is not there
// is fs.ErrNotExist, a store's refusal is one line, and no URL is told with its
// query, which may be a signature.
func (s bucket) explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	var azure *azcore.ResponseError
	var u *url.Error
	switch {
	case strings.Contains(err.Error(), "ContainerNotFound"), strings.Contains(err.Error(), "NoSuchBucket"):
		return fmt.Errorf("%s: the container or bucket of payload.url does not exist", doing)
	case gcerrors.Code(err) == gcerrors.NotFound:
		return fmt.Errorf("%s: %w", doing, fs.ErrNotExist)
	case s.b.ErrorAs(err, &azure):
		return fmt.Errorf("%s: the store answered %d %s", doing, azure.StatusCode, azure.ErrorCode)
	case errors.As(err, &u):
		return fmt.Errorf("%s: %w", doing, u.Err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// watcher cancels a transfer that stands still.
type watcher struct {
	timer  *time.Timer
	cancel context.CancelCauseFunc
}

func watch(ctx context.Context) (context.Context, *watcher) {
	ctx, cancel := context.WithCancelCause(ctx)
	return ctx, &watcher{time.AfterFunc(stallAfter, func() { cancel(errStalled) }), cancel}
}

// why gives, for the error of a transfer that was cancelled, what it was for.
func (w *watcher) why(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	return err
}

func (w *watcher) moved() { w.timer.Reset(stallAfter) }

func (w *watcher) stop() {
	w.timer.Stop()
	w.cancel(nil)
}

// moving tells the watcher of every read of what is uploaded; the time between
// them is the store's. A body that breaks off ends the upload: some drivers would
// make an object of what there is.
type moving struct {
	io.Reader
	w *watcher
}

func (m moving) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	m.w.moved()
	if err != nil && err != io.EOF {
		m.w.cancel(err)
	}
	return n, err
}

// opened is a reader from a bucket. Only the time inside its reads is the
// store's: who reads may be slow.
type opened struct {
	ctx context.Context // of the watcher: an io.Reader takes none
	r   *blob.Reader
	w   *watcher
}

func (o opened) Read(p []byte) (int, error) {
	o.w.moved()
	n, err := o.r.Read(p)
	o.w.timer.Stop()
	if err == io.EOF {
		return n, err
	}
	return n, o.w.why(o.ctx, err)
}

func (o opened) Close() error {
	o.w.stop()
	return o.r.Close()
}
