package front

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"weir/internal/fault"
)

// The values of client_auth.
const (
	authNone    = "none"
	authRequest = "request"
	authRequire = "require"
)

// maxPEM is more than any file of certificates that is meant holds.
const maxPEM = 4 << 20

// pems is what the files of a TLS hold at one time, in the order certificate, key,
// client authorities.
type pems [3][]byte

// read gives the config that t's files make now, and every reason why they make
// none. t has its defaults.
func (t TLS) read() (*tls.Config, []fault.Problem) {
	files, ps := t.files()
	if len(ps) > 0 {
		return nil, ps
	}
	return t.config(files)
}

// files reads what is named; what is not stays nil.
func (t TLS) files() (p pems, ps []fault.Problem) {
	for i, f := range []struct{ path, name string }{
		{"tls.cert_file", t.CertFile}, {"tls.key_file", t.KeyFile}, {"tls.client_ca_file", t.ClientCAFile},
	} {
		if f.name == "" {
			continue
		}
		var err error
		if p[i], err = readPEM(f.name); err != nil {
			ps = append(ps, fault.Problem{Path: f.path, Message: "cannot be read: " + err.Error(), Hint: "the path of a PEM file, relative to the config file's folder"})
		}
	}
	return p, ps
}

func readPEM(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no file")
	}
	if err == nil && info.Size() > maxPEM {
		err = errors.New("it is too large")
	}
	var data []byte
	if err == nil {
		data, err = os.ReadFile(name)
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return nil, pe.Err // the path stands in the config
	}
	return data, err
}

// config makes the config of what the files hold.
func (t TLS) config(p pems) (*tls.Config, []fault.Problem) {
	var ps []fault.Problem
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	if t.MinVersion == "1.3" {
		cfg.MinVersion = tls.VersionTLS13
	}
	if p[0] != nil && p[1] != nil {
		pair, err := tls.X509KeyPair(p[0], p[1])
		if err != nil {
			ps = append(ps, fault.Problem{Path: "tls.cert_file", Message: "does not work with key_file: " + err.Error(), Hint: "PEM files of a certificate and of its own key, which is not encrypted"})
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	if p[2] != nil {
		pool, err := authorities(p[2])
		if err != nil {
			ps = append(ps, fault.Problem{Path: "tls.client_ca_file", Message: err.Error(), Hint: "a PEM file of CERTIFICATE blocks"})
		}
		cfg.ClientCAs = pool
	}
	switch t.ClientAuth {
	case authRequest:
		cfg.ClientAuth = tls.VerifyClientCertIfGiven
	case authRequire:
		cfg.ClientAuth = tls.RequireAndVerifyClientCert
	}
	if len(ps) > 0 {
		return nil, ps
	}
	return cfg, nil
}

// authorities reads a pool; unlike x509's own way it does not pass over what it
// cannot read, since nobody would know why a client is refused.
func authorities(data []byte) (*x509.CertPool, error) {
	pool, n := x509.NewCertPool(), 0
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("has a block that is no certificate: %.40q", block.Type)
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("has a certificate that cannot be read, number %d: %w", n+1, err)
		}
		pool.AddCert(cert)
		n++
	}
	if n == 0 {
		return nil, errors.New("has no certificate")
	}
	return pool, nil
}

// sum identifies contents.
func (p pems) sum() [sha256.Size]byte {
	h := sha256.New()
	for _, data := range p {
		_ = binary.Write(h, binary.BigEndian, int64(len(data))) // a hash takes everything
		h.Write(data)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// asError joins problems to one error.
func asError(ps []fault.Problem) error {
	var errs []error
	for _, p := range ps {
		errs = append(errs, fmt.Errorf("%s %s", p.Path, p.Message))
	}
	return errors.Join(errs...)
}
