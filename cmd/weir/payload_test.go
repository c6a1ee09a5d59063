package main

import "testing"

// TestPayloadName: a file is counted as it is named in the payload store.
func TestPayloadName(t *testing.T) {
	for name, ok := range map[string]bool{"request": true, "answer": true, "file-0": true, "file-10": true, "file-007": false, "file-": false, "file-0/x": false} {
		if payloadName.MatchString(name) != ok {
			t.Errorf("%s: want %v", name, ok)
		}
	}
}
