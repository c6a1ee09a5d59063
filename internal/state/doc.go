// Package state is what the gateway must remember besides the journal: which
// backend owns which resource. It is a SQLite database in one file, weir.db,
// in write-ahead mode.
//
//	owners (key TEXT PRIMARY KEY, backend TEXT, seen INTEGER)
//	    key      the resource's id, or a prefixed name; 256 bytes at most
//	    backend  the backend's name in the config
//	    seen     the day it was last asked for, in days since 1970
//
// What always holds:
//
//   - No caller waits for the disk to write: a change is seen at once and is
//     written within 50 ms, together with all others of that time. A kill loses
//     at most those; so does a loss of power, and what the disk itself had not
//     written since the last checkpoint (synchronous=NORMAL), never the file.
//   - Memory is bounded, whatever callers, backends or the disk do.
//   - A file that is no database of ours is moved aside and begun anew: what is
//     in it can be learned again. A file by a newer Weir is left alone.
//
// One process at a time has the folder; the journal's lock sees to that.
package state
