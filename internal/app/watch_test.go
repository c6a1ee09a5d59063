package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// watched runs test beside a gateway that watches its config. Time passes by look.
func watched(t *testing.T, test func(t *testing.T, r *reloading, look func(n int))) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newReloading(t, "http://127.0.0.1:1")
		defer func() { r.stop.run() }()
		r.follow(t.Context(), &r.stop)
		time.Sleep(time.Second) // looks come in the middle between the test's steps
		test(t, r, func(n int) {
			time.Sleep(time.Duration(n) * defaultWatch)
			synctest.Wait()
		})
	})
}

func TestWatch(t *testing.T) {
	watched(t, func(t *testing.T, r *reloading, look func(n int)) {
		look(3)
		r.counted(0, 0, 1)

		// Half written at one look, whole at the next: taken at the one after.
		r.write("weir.yaml", r.text[:len(r.text)/2])
		look(1)
		r.edit("weight: 2", "weight: 5")
		look(1)
		r.counted(0, 0, 1)
		look(1)
		r.counted(1, 0, 1)
		if w := r.config.Load().Deployments[0].Backends[0].Weight; w != 5 {
			t.Errorf("weight %d", w)
		}

		// The same contents again are no change.
		r.edit("weight: 2", "weight: 5")
		look(3)
		r.counted(1, 0, 1)

		// Broken: said once, until it changes again.
		r.edit("kind: azure", "kind: azur")
		look(10)
		r.counted(1, 1, 0)
		r.edit("weight: 2", "weight: 6")
		look(2)
		r.counted(2, 1, 1)
	})
}

// TestWatchSecret: a secret's file that changes, goes and comes back.
func TestWatchSecret(t *testing.T) {
	watched(t, func(t *testing.T, r *reloading, look func(n int)) {
		r.write("key", "east-key-2\n")
		look(2)
		r.counted(1, 0, 1)
		if err := os.Remove(filepath.Join(r.dir, "key")); err != nil {
			t.Fatal(err)
		}
		look(5)
		r.counted(1, 1, 0)
		if r.config.Load().Backends[0].Key != "east-key-2" {
			t.Error("the key is not the former one")
		}
		r.write("key", "east-key-3\n")
		look(2)
		r.counted(2, 1, 1)
		if r.config.Load().Backends[0].Key != "east-key-3" {
			t.Error("the key is not the new one")
		}
	})
}

// TestWatchSwap: files behind symbolic links that are swapped, as Kubernetes
// mounts ConfigMaps and Secrets; modification times are the same throughout.
func TestWatchSwap(t *testing.T) {
	watched(t, func(t *testing.T, r *reloading, look func(n int)) {
		version := func(name, key string) {
			t.Helper()
			for _, err := range []error{
				os.Mkdir(filepath.Join(r.dir, name), 0o700),
				os.WriteFile(filepath.Join(r.dir, name, "key"), []byte(key), 0o600),
				os.Chtimes(filepath.Join(r.dir, name, "key"), time.Unix(1, 0), time.Unix(1, 0)),
				os.Symlink(name, filepath.Join(r.dir, "..new")),
				os.Rename(filepath.Join(r.dir, "..new"), filepath.Join(r.dir, "..data")),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		version("v1", "east-key-1")
		if err := os.Remove(filepath.Join(r.dir, "key")); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join("..data", "key"), filepath.Join(r.dir, "key")); err != nil {
			t.Fatal(err)
		}
		look(2)
		version("v2", "east-key-2")
		look(2)
		if got := r.config.Load().Backends[0].Key; got != "east-key-2" {
			t.Errorf("the key is %s", got)
		}
	})
}

// TestWatchNamed: a file that the config names for its parts, half written, then
// whole, then another one beside a mistake in the config.
func TestWatchNamed(t *testing.T) {
	watched(t, func(t *testing.T, r *reloading, look func(n int)) {
		first, second := authority(t), authority(t)
		named := strings.Replace(r.text, `key: "${env:WEIR_TEST_WEST}"`, `key: k, ca_file: ca.pem`, 1)
		named = strings.Replace(named, "name: west, kind: azure, url: \"http:", "name: west, kind: azure, url: \"https:", 1)
		r.write("ca.pem", first[:len(first)/2])
		r.write("weir.yaml", named)
		look(10)
		r.counted(0, 1, 0)
		r.write("ca.pem", first)
		look(2)
		r.counted(1, 1, 1)
		look(10)
		r.counted(1, 1, 1)

		r.write("ca.pem", second)
		r.write("weir.yaml", named+"nonsense: 1\n")
		look(2)
		r.counted(1, 2, 0)
		r.write("weir.yaml", named)
		look(2)
		r.counted(2, 2, 1)
		if want := "changed=[" + filepath.Join(r.dir, "ca.pem") + "]"; !strings.Contains(r.logs.text(), want) {
			t.Errorf("no %s in\n%s", want, r.logs.text())
		}
	})
}

// authority makes a certificate, as a PEM file has it.
func authority(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// TestWatchOff: watching can be switched off and on by a reload.
func TestWatchOff(t *testing.T) {
	watched(t, func(t *testing.T, r *reloading, look func(n int)) {
		off := "telemetry: {listen: none}\nreload: {watch: 0s}"
		r.edit("telemetry: {listen: none}", off)
		look(2)
		r.counted(1, 0, 1)
		r.write("key", "east-key-2")
		look(100)
		r.counted(1, 0, 1)
		r.write("weir.yaml", r.text)
		look(100)
		r.counted(1, 0, 1)
		if _, err := r.reload(byAdmin); err != nil {
			t.Fatal(err)
		}
		r.write("key", "east-key-3")
		look(2)
		r.counted(3, 0, 1)
	})
}
