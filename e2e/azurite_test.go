package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// Azurite's well-known account.
const (
	azuriteAccount = "devstoreaccount1"
	azuriteKey     = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

// azurite is Azure's storage emulator with one container, on one folder and port.
type azurite struct {
	dir, addr string
	cmd       *exec.Cmd
	container *container.Client
}

func newAzurite(t *testing.T) *azurite {
	t.Helper()
	a := &azurite{dir: t.TempDir(), addr: fmt.Sprintf("127.0.0.1:%d", freePort(t))}
	key, err := container.NewSharedKeyCredential(azuriteAccount, azuriteKey)
	if err != nil {
		t.Fatal(err)
	}
	a.container, err = container.NewClientWithSharedKeyCredential("http://"+a.addr+"/"+azuriteAccount+"/weir", key, nil)
	if err != nil {
		t.Fatal(err)
	}
	a.start(t)
	if _, err := a.container.Create(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.stop)
	return a
}

func (a *azurite) start(t *testing.T) {
	t.Helper()
	node, err := exec.LookPath("node")
	main := filepath.Join(os.Getenv("WEIR_SDKS"), "node", "node_modules", "azurite", "dist", "src", "blob", "main.js")
	if _, missing := os.Stat(main); err != nil || os.Getenv("WEIR_SDKS") == "" || missing != nil {
		t.Skip("Azurite is not in WEIR_SDKS; `make sdks` fetches it where node is")
	}
	host, port, _ := net.SplitHostPort(a.addr)
	a.cmd = exec.Command(node, main, "--location", a.dir, "--blobHost", host, "--blobPort", port, "--silent", "--skipApiVersionCheck", "--disableTelemetry")
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, 30*time.Second, "Azurite", func() (bool, string) {
		c, err := net.Dial("tcp", a.addr)
		if err != nil {
			return false, err.Error()
		}
		return true, fmt.Sprint(c.Close())
	})
}

// stop lets Azurite write down what it has, which a kill would lose.
func (a *azurite) stop() {
	a.cmd.Process.Signal(os.Interrupt)
	kill := time.AfterFunc(10*time.Second, func() { a.cmd.Process.Kill() })
	a.cmd.Wait()
	kill.Stop()
}

// blobs gives the digest of every blob, by name.
func (a *azurite) blobs(ctx context.Context) (map[string]string, error) {
	all := map[string]string{}
	for pages := a.container.NewListBlobsFlatPager(nil); pages.More(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, b := range page.Segment.BlobItems {
			got, err := a.container.NewBlobClient(*b.Name).DownloadStream(ctx, nil)
			if err != nil {
				return nil, err
			}
			h := sha256.New()
			_, err = io.Copy(h, got.Body)
			if got.Body.Close(); err != nil {
				return nil, err
			}
			all[*b.Name] = fmt.Sprintf("%x", h.Sum(nil))
		}
	}
	return all, nil
}

// upload sends a file through the gateway, and gives the exchange's id.
func (g *gateway) upload(t *testing.T, file []byte) string {
	t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	w.WriteField("purpose", "batch")
	p, _ := w.CreateFormFile("file", "calls.jsonl")
	p.Write(file)
	w.Close()
	req, _ := http.NewRequest("POST", g.url+"/openai/files?api-version=2024-10-21", &form)
	req.Header.Set("Content-Type", w.FormDataContentType())
	req.Header.Set("api-key", callerKey)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode/100 != 2 {
		t.Fatalf("the upload: status %d, %v, %.500s", resp.StatusCode, err, text)
	}
	return resp.Header.Get("apim-request-id")
}

// whole says that the file of an exchange comes back through API and command
// line.
func (g *gateway) whole(t *testing.T, id string, file []byte) {
	t.Helper()
	resp, err := http.Get(g.api + "/v1/exchanges/" + id + "/files/0")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 200 || !bytes.Equal(got, file) {
		t.Errorf("the API gives %d bytes, status %d, %v; want %d", len(got), resp.StatusCode, err, len(file))
	}
	out := filepath.Join(t.TempDir(), "file")
	if _, stderr, code := runWeir(t, nil, "payload", id, "file-0", "-server", g.api, "-o", out); code != 0 {
		t.Errorf("weir payload: exit %d, %s", code, stderr)
	}
	if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, file) {
		t.Errorf("weir payload wrote %d bytes, %v", len(got), err)
	}
	rows := g.query(t, "WeirExchanges | where CorrelationId == '"+id+"' | project sum = tostring(Files[0].sha256), ResponseCode")
	if want := fmt.Sprintf("%x", sha256.Sum256(file)); len(rows) != 1 || rows[0].text("sum") != want {
		t.Errorf("the record says %v, want %s", rows, want)
	}
}

// TestAzurite brings uploads to Azure's blob storage: byte for byte, once, and
// also when it was away and the gateway was killed meanwhile.
func TestAzurite(t *testing.T) {
	store := newAzurite(t)
	sim := startSim(t, "azure", eastKey)
	g := newGateway(t, []backend{{"east", "azure", sim.url, "2024-10-21", "${env:EAST_KEY}"}}, []route{{"gpt-4o", []string{"east"}}})
	config, err := os.ReadFile(g.config)
	if err != nil {
		t.Fatal(err)
	}
	config = fmt.Appendf(config, "payload: {url: \"azblob://weir?protocol=http&domain=%s&localemu=true\", key_id: %s, key: \"${env:AZURITE_KEY}\"}\n", store.addr, azuriteAccount)
	if err := os.WriteFile(g.config, config, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AZURITE_KEY", azuriteKey)
	g.serve(t)

	files := map[string][]byte{}
	has := func() {
		t.Helper()
		waitFor(t, 2*time.Minute, "the uploads", func() (bool, string) {
			got, err := store.blobs(t.Context())
			found := 0
			for id, file := range files {
				for name, sum := range got {
					if filepath.Base(filepath.Dir(name)) == id && filepath.Base(name) == "file-0" && sum == fmt.Sprintf("%x", sha256.Sum256(file)) {
						found++
					}
				}
			}
			// Of each its request, its file and the manifest, and nothing else.
			return err == nil && found == len(files) && len(got) == 3*len(files), fmt.Sprint(slices.Sorted(maps.Keys(got)), err)
		})
	}
	send := func(n int) {
		t.Helper()
		file := make([]byte, n)
		rand.NewChaCha8([32]byte{byte(n)}).Read(file)
		id := g.upload(t, file)
		files[id] = file
		g.catchUp(t)
		g.whole(t, id, file)
	}
	send(5<<20 + 1)
	send(1000)
	has()

	store.stop()
	send(6<<20 + 2) // the row does not wait for the payload store
	g.kill()
	g.serve(t)
	g.catchUp(t)
	for id, file := range files {
		if len(file) > 6<<20 {
			g.whole(t, id, file)
		}
	}
	store.start(t)
	has()
	for id, file := range files {
		g.whole(t, id, file)
	}
}
