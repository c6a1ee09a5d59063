// Package journal is Weir's append-only segment log with group commit: the
// place where an exchange becomes durable before its answer may end.
//
// One process writes (it holds an exclusive lock on the folder), any number of
// processes follow. Each [Open] starts a new epoch and a new segment; a frame
// is known by its gateway, epoch and sequence number, and sequence numbers
// count from 1 in each epoch without gaps.
//
// # What always holds
//
//   - A frame whose [Journal.Commit] returned nil is on stable storage. A frame
//     whose [Journal.Append] returned nil survives the death of the process.
//   - A frame whose Commit returned an error may be in the journal or not, at
//     most once. A frame whose Append returned an error is not, unless the
//     process dies before the journal works again.
//   - A file on which a write or an fdatasync failed is never written or synced
//     again: the kernel may have dropped the pages and cleared the error.
//     Everything since the last good fdatasync is kept in memory and written
//     again, with the same sequence numbers, to the next segment.
//   - A segment is begun only when all frames of the one before it are durable
//     or repeated in it, so only the last segment of an epoch has a soft end.
//   - The next segment exists, allocated, before it is needed. When it cannot be
//     made, [Journal.Ready] says so and new exchanges are refused, while those
//     in flight end in the space that is there.
//   - Readers see durable frames only, each once, in order. Damage is reported
//     as a value and reading goes on behind it.
//
// # Files
//
//	00000007-000003.wj   epoch 7, segment 3; sizes vary, zeros behind the end
//	durable              how far the journal is durable, for readers
//	lock                 locked (flock) while a process writes
//
// All integers are little-endian; CRC is CRC-32C (Castagnoli).
//
// A segment begins with a header of 128 bytes. A header of zeros marks the
// standby segment: allocated, not yet part of the log.
//
//	  0  magic "weir-jnl"
//	  8  u16 version (1)       10  u16 header bytes (128)   12  u32 marker
//	 16  u64 epoch             24  u64 segment, from 1
//	 32  u64 sequence number of the first frame
//	 40  i64 created, Unix nanoseconds
//	 48  u64 epoch before      56  u64 its last sequence number
//	 64  gateway, 32 bytes, zero padded
//	 96  zeros
//	124  u32 CRC of bytes 0 to 123
//
// The marker is random, one for an epoch. It opens every frame, so that a
// reader who lost its place finds the next frame, and no body that a stranger
// sends can pass for one. The first sequence number ends the segment before:
// what stands there with that number or a later one is void (it was in doubt
// and is repeated here).
//
// Frames follow without padding:
//
//	 0  u32 marker            4  u32 CRC of bytes 32 to the end, then 0–3, 8–31
//	 8  u32 length of the whole frame, at most 64 MiB
//	12  u8 kind              13  u8 version (1)            14  u16 flags (0)
//	16  u64 sequence number  24  i64 time, Unix nanoseconds
//	32  id, 16 bytes
//	48  u32 length of meta   52  u16 number of blocks      54  u16 zero
//	56  meta, then the blocks:
//	      0  u8 kind          1  u8 flags                   2  u16 zero
//	      4  u32 key id (0 = not sealed)
//	      8  u32 length      12  data
//
// The first 32 bytes and the CRC rule are the same in every version, so that a
// reader passes over, and reports, frames of a version or kind it doesn't know.
// The CRC takes the body before the head because the body's part is computed
// before a sequence number is assigned, outside the lock.
//
// The durable file holds two slots at 0 and 512, written in turn; the valid one
// with the higher generation counts. It is not fsynced with each commit: after
// a power loss it may be behind, never ahead.
//
//	 0  magic "weir-dur"      8  u64 generation
//	16  u64 epoch            24  u64 segment   32  u64 offset of the end
//	40  u64 last sequence number               48  u32 1 = epoch closed
//	60  u32 CRC of bytes 0 to 59
package journal
