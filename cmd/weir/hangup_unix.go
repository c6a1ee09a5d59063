//go:build !windows

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// hangups tells each SIGHUP; several that come together are told as one.
func hangups() (<-chan os.Signal, func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	return c, func() { signal.Stop(c) }
}

// ignoreHangups lets SIGHUP, which means a reload, not end a process that has
// nothing to reload.
func ignoreHangups() { signal.Ignore(syscall.SIGHUP) }
