package journal

import "fmt"

// Reason says why frames are missing.
type Reason uint8

const (
	Damaged Reason = 1 + iota // what stands in the file isn't what was written
	Removed                   // segments are not there any more
	Unknown                   // whole, but of a version or kind that this program doesn't know
)

func (r Reason) String() string {
	switch r {
	case Damaged:
		return "damaged"
	case Removed:
		return "removed"
	case Unknown:
		return "unknown"
	}
	return fmt.Sprintf("reason-%d", uint8(r))
}

// Gap names the frames that a reader could not return.
type Gap struct {
	From, To Pos    // the first and last; To is before From when damage cost no frame
	Reason   Reason //
	File     string // segment file's name, "" if unknown
	Offset   int64  // where in it the trouble begins
}

func (g Gap) String() string {
	return fmt.Sprintf("frames %v to %v %v (%s at %d)", g.From, g.To, g.Reason, g.File, g.Offset)
}
