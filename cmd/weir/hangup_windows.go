package main

import "os"

// Windows has no signal that asks for a reload.
func hangups() (<-chan os.Signal, func()) { return nil, func() {} }

func ignoreHangups() {}
