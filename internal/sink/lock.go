package sink

import "errors"

// ErrLocked: another process holds the lock, or this one does already.
var ErrLocked = errors.New("it is in use by another process")
