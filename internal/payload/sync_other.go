//go:build !linux

package payload

import (
	"os"
	"runtime"
)

func syncData(f *os.File) error { return f.Sync() }

func startWriteback(*os.File, int64, int64) {}

// dataBegin would be where a file's hole ends; it is not asked for here.
func dataBegin(*os.File, int64) int64 { return 0 }

// syncDir makes a folder's entries durable, where a folder can be synced.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
