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
}

func (c *Config) aboutFile() string { return filepath.Join(c.Data, "about.json") }

// writeAbout writes the file by a rename, so that a reader never sees half of it.
func (c *Config) writeAbout() error {
	text, err := json.MarshalIndent(about{c.Gateway.Proxy.Name, c.Labels, c.Payload.URL}, "", "  ")
	if err == nil {
		err = os.MkdirAll(c.Data, 0o700)
	}
	if err == nil {
		err = os.WriteFile(c.aboutFile()+".tmp", append(text, '\n'), 0o600)
	}
	if err == nil {
		err = os.Rename(c.aboutFile()+".tmp", c.aboutFile())
	}
	if err != nil {
		return fmt.Errorf("describe the data folder: %w", err)
	}
	return nil
}

// readAbout takes the gateway's name and the labels from the folder; a folder
// whose store never started has no such file and needs none.
func (c *Config) readAbout() error {
	text, err := os.ReadFile(c.aboutFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var a about
	if err == nil {
		err = json.Unmarshal(text, &a)
	}
	if err != nil {
		return fmt.Errorf("read what the data folder says of itself: %w", err)
	}
	c.Gateway.Proxy.Name, c.Labels, c.Payload.URL = a.Gateway, a.Labels, a.Payload
	return nil
}
