package upstream

import (
	"crypto/tls"
	"os"
	"sync"
	"time"
)

// clientPair is a client's certificate in two files, as new as they are.
type clientPair struct {
	cert, key string

	mu      sync.Mutex
	stamp   [2]stamp
	current *tls.Certificate
}

// stamp tells one content of a file from the next.
type stamp struct {
	changed time.Time
	size    int64
}

func newClientPair(cert, key string) (*clientPair, error) {
	p := &clientPair{cert: cert, key: key}
	return p, p.load()
}

// get is tls.Config's GetClientCertificate. Where the files cannot be used, the
// pair before stays: they may be half written.
func (p *clientPair) get(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.load()
	return p.current, nil
}

// load reads the files when they are others than before.
func (p *clientPair) load() error {
	var now [2]stamp
	for i, file := range []string{p.cert, p.key} {
		info, err := os.Stat(file)
		if err != nil {
			return err
		}
		now[i] = stamp{info.ModTime(), info.Size()}
	}
	if p.current != nil && now == p.stamp {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(p.cert, p.key)
	if err != nil {
		return err
	}
	p.current, p.stamp = &pair, now
	return nil
}
