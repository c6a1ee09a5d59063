package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// about is what a data folder must say of itself to be read without its config:
// the file about.json, written by the store at its start.
type about struct {
	Gateway string            `json:"gateway"`
	Labels  map[string]string `json:"labels,omitempty"`
	Payload string            `json:"payload,omitempty"` // the payload store's URL, which has no credentials
	// Gateways are the further ones that the store has records of. A store file of
	// a gateway that does not stand here is not read: it may be what a gateway
	// left that was renamed since.
	Gateways []known `json:"gateways,omitempty"`
}

// known is a further gateway.
type known struct {
	Name string `json:"name"`
	Data string `json:"data,omitempty"` // its data folder; empty when it is read no more
}

func (c *Config) aboutFile() string { return filepath.Join(c.Data, "about.json") }

// writeAbout writes the file durably and by a rename, so that no reader, and no
// store after a power loss, sees half of it.
func (c *Config) writeAbout(gateways ...known) error {
	text, err := json.MarshalIndent(about{c.Gateway.Proxy.Name, c.Labels, c.Payload.URL, gateways}, "", "  ")
	if err == nil {
		err = os.MkdirAll(c.Data, 0o700)
	}
	if err == nil {
		err = writeSynced(c.aboutFile()+".tmp", append(text, '\n'))
	}
	if err == nil {
		err = os.Rename(c.aboutFile()+".tmp", c.aboutFile())
	}
	if err != nil {
		return fmt.Errorf("describe the data folder: %w", err)
	}
	return nil
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
		err = json.Unmarshal(text, &a)
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
