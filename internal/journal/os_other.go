//go:build !linux

package journal

import "os"

func syncData(f *os.File) error { return f.Sync() }

func allocate(f *os.File, size int64) error { return fillZeros(f, size) }
