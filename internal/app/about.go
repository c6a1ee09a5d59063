package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
)

// about is what a data folder must say of itself to be read without its config:
// the file about.json, written by the store at its start.
type about struct {
	Gateway string            `json:"gateway"`
	Labels  map[string]string `json:"labels,omitempty"`
	Payload string            `json:"payload,omitempty"` // the payload store's URL, which has no credentials
	Journal origin            `json:"journal,omitzero"`  // what its journal is known by
	// Gateways are the further ones that the store has records of. A store file of
	// a gateway that does not stand here is not read: it may be what a gateway
	// left that was renamed since.
	Gateways []known `json:"gateways,omitempty"`
}

// known is a further gateway.
type known struct {
	Name string `json:"name"`
	Data string `json:"data,omitempty"` // its data folder; empty when it is read no more
	// Journal is what its journal is known by.
	Journal origin `json:"journal,omitzero"`
}

func (c *Config) aboutFile() string { return filepath.Join(c.Data, "about.json") }

// writeAbout writes the file durably and by a rename, so that no reader, and no
// store after a power loss, sees half of it. Of the store's own gateway, which may
// be among gateways, it takes what the journal is known by.
func (c *Config) writeAbout(gateways ...known) error {
	a := about{Gateway: c.Gateway.Proxy.Name, Labels: c.Labels, Payload: c.Payload.URL}
	for _, k := range gateways {
		if k.Name == a.Gateway {
			a.Journal = k.Journal
		} else {
			a.Gateways = append(a.Gateways, k)
		}
	}
	text, err := json.MarshalIndent(a, "", "  ")
	if err == nil {
		err = os.MkdirAll(c.Data, 0o700)
	}
	if err == nil {
		err = writeSynced(c.aboutFile()+".tmp", append(text, '\n'))
	}
	if err == nil {
		err = os.Rename(c.aboutFile()+".tmp", c.aboutFile())
	}
	if err == nil {
		err = syncFolder(c.Data)
	}
	if err != nil {
		return fmt.Errorf("describe the data folder: %w", err)
	}
	return nil
}

// syncFolder makes a rename in a folder hold after a power loss. Windows has no
// such call, and needs none.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// errDamaged: about.json is there and can be read, but is not what a store wrote.
var errDamaged = errors.New("the file is damaged")

// knownBefore is loadAbout for a store that starts: a damaged file is laid aside,
// so that what it says can still be looked at.
func (c *Config) knownBefore(log *slog.Logger) (about, error) {
	a, _, err := c.loadAbout()
	if err == nil {
		return a, nil
	}
	if !errors.Is(err, errDamaged) {
		return a, err // it may be whole, and must not be written over
	}
	aside := c.aboutFile() + ".damaged"
	if failed := os.Rename(c.aboutFile(), aside); failed != nil {
		return a, fmt.Errorf("lay the damaged about.json aside: %w", failed)
	}
	log.Warn("which further gateways the store had cannot be read; records of one that is read no more are not shown until it is read again", "error", err, "kept", aside)
	return a, nil
}

func writeSynced(file string, text []byte) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// loadAbout reads what the folder says of itself: nothing when its store never
// started.
func (c *Config) loadAbout() (a about, found bool, err error) {
	text, err := os.ReadFile(c.aboutFile())
	if errors.Is(err, fs.ErrNotExist) {
		return a, false, nil
	}
	if err == nil {
		if failed := json.Unmarshal(text, &a); failed != nil {
			err = fmt.Errorf("%w: %w", errDamaged, failed)
		}
	}
	if err != nil {
		return about{}, false, fmt.Errorf("read what the data folder says of itself: %w", err)
	}
	return a, true, nil
}

// readAbout takes the gateway's name and the labels from the folder, and gives the
// further gateways that its store has.
func (c *Config) readAbout() ([]known, error) {
	a, found, err := c.loadAbout()
	if err != nil || !found {
		return nil, err
	}
	c.Gateway.Proxy.Name, c.Labels, c.Payload.URL = a.Gateway, a.Labels, a.Payload
	return a.Gateways, nil
}
