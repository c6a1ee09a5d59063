package payload

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gocloud.dev/blob/memblob"

	"weir/internal/record"
)

// testStore is what every Store passes.
func testStore(t *testing.T, s Store) {
	ctx := t.Context()
	k := key(record.NewID(time.Now()), "request")
	if _, err := s.Length(ctx, k); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("the length of nothing: %v", err)
	}
	if _, err := s.Open(ctx, k, 0); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("nothing opens: %v", err)
	}
	for _, n := range []int{0, 1, 5 << 20, 20<<20 + 3} {
		body := noise(n)
		o := Object{Name: "request", Length: int64(n), SHA256: sum(body), Type: "audio/wav"}
		if err := s.Put(ctx, k, o, bytes.NewReader(body)); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Length(ctx, k); err != nil || got != int64(n) {
			t.Fatalf("the length is %d, %v; want %d", got, err, n)
		}
		for _, from := range []int{0, n / 3, n} {
			r, err := s.Open(ctx, k, int64(from))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got, body[from:]) {
				t.Fatalf("%d of %d bytes from %d, %v", len(got), n, from, err)
			}
			r.Close()
		}
	}
	// What breaks off leaves what was there.
	broken := io.MultiReader(bytes.NewReader(noise(9<<20)), failing{})
	if err := s.Put(ctx, k, Object{}, broken); err == nil {
		t.Fatal("a body that broke off was stored")
	}
	if got, err := s.Length(ctx, k); err != nil || got != 20<<20+3 {
		t.Fatalf("after a body that broke off the length is %d, %v", got, err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the disk is sick") }

func TestFolder(t *testing.T) { testStore(t, folder{filepath.Join(t.TempDir(), "a", "b")}) }

func TestBucket(t *testing.T) {
	s := bucket{memblob.OpenBucket(nil)}
	defer s.Close()
	testStore(t, s)
}

// TestAzure runs against a container that the environment names, as the test in
// e2e does with Azurite: WEIR_TEST_AZBLOB is its URL, WEIR_TEST_AZBLOB_KEY_ID and
// WEIR_TEST_AZBLOB_KEY its account.
func TestAzure(t *testing.T) {
	c := Config{URL: os.Getenv("WEIR_TEST_AZBLOB"), KeyID: os.Getenv("WEIR_TEST_AZBLOB_KEY_ID"), Key: os.Getenv("WEIR_TEST_AZBLOB_KEY")}
	if c.URL == "" {
		t.Skip("WEIR_TEST_AZBLOB names no container")
	}
	if ps := c.Check(); len(ps) > 0 {
		t.Fatal(ps)
	}
	s, err := OpenStore(t.Context(), c, "")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	testStore(t, s)
}

// TestLink shares the spool's file with the store, also where it stands there.
func TestLink(t *testing.T) {
	dir := t.TempDir()
	s, file := folder{filepath.Join(dir, "payload")}, filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("body"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Link("a/b/c", file); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadDir(filepath.Join(dir, "payload", "a", "b")); err != nil || len(got) != 1 {
			t.Fatalf("%v, %v", got, err)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Length(t.Context(), "a/b/c"); n != 4 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

// TestOpenStore: a store that is elsewhere is not asked when it is opened, and a
// wrong parameter is named.
func TestOpenStore(t *testing.T) {
	for _, c := range []Config{
		{URL: "s3://bucket?region=eu-central-1&endpoint=http://127.0.0.1:1&use_path_style=true", KeyID: "id", Key: "secret"},
		{URL: "s3://bucket?region=eu-central-1&anonymous=true"},
		{URL: "azblob://container?protocol=http&domain=127.0.0.1:1&localemu=true", KeyID: "account", Key: "c2VjcmV0"},
		{URL: "azblob://container?storage_account=account", SASToken: "sv=2026&sig=secret"},
		{URL: "file:///nowhere/at/all"},
		{},
	} {
		if ps := c.Check(); len(ps) > 0 {
			t.Errorf("%s: %v", c.URL, ps)
		}
		s, err := OpenStore(t.Context(), c, "")
		if err != nil {
			t.Errorf("%s: %v", c.URL, err)
			continue
		}
		s.Close()
	}
	if _, err := OpenStore(context.Background(), Config{URL: "s3://bucket?nonsense=1"}, ""); err == nil {
		t.Error("a wrong parameter was taken")
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		config Config
		path   string
	}{
		{Config{InlineLimit: 10}, "inline_limit"},
		{Config{InlineLimit: 1 << 30}, "inline_limit"},
		{Config{URL: "gs://bucket"}, "url"},
		{Config{URL: "payloads"}, "url"},
		{Config{URL: "file://relative/path"}, "url"},
		{Config{URL: "azblob://"}, "url"},
		{Config{URL: "azblob://a/b"}, "url"},
		{Config{URL: "s3://bucket?regoin=x"}, "url"},
		{Config{URL: "s3://id:secret@bucket"}, "url"},
		{Config{URL: "s3://bucket", KeyID: "id"}, "key"},
		{Config{URL: "s3://bucket", SASToken: "x"}, "sas_token"},
		{Config{URL: "azblob://c", Key: "x"}, "key_id"},
		{Config{URL: "azblob://c", KeyID: "account"}, "key_id"},
		{Config{URL: "azblob://c", KeyID: "account", Key: "y", SASToken: "z"}, "sas_token"},
		{Config{Key: "x"}, "key"},
	} {
		ps := c.config.Check()
		if len(ps) != 1 || ps[0].Path != c.path || ps[0].Hint == "" {
			t.Errorf("%+v: %v", c.config, ps)
		}
	}
}
