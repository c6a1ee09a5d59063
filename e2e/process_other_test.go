//go:build !linux

package e2e

import (
	"errors"
	"syscall"
)

func ownGroup() *syscall.SysProcAttr { return nil }

func killGroup(int) {}

func marked(string) ([]int, bool) { return nil, false }

func parent(int) int { return 0 }

func mountTmpfs(string, int) (func() error, error) {
	return nil, errors.New("tmpfs is Linux's")
}
