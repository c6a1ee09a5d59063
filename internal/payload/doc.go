// Package payload keeps bodies that are too large for the journal and the
// store's rows. While a body streams through, the gateway's process writes it to
// a file of the spool ([Spool], [File]); when its exchange is on the record, the
// store's process brings the file to the payload store ([Uploader], [Store]),
// from which it can be had whole.
//
// # What always holds
//
//   - Memory does not grow with a body's length, on no way through here.
//   - What [File.Sync] returned for is on stable storage, name and all.
//   - A body leaves the spool only when its manifest lists it, and the payload
//     store has it durably, has given it back with the digest that the record names, and the exchange's row
//     is sealed: until then a restart reads the row from the spool again.
//   - Nothing is deleted that a record might name. A file of the spool that no
//     record names (its gateway was killed before the journal had its begin, or
//     the journal has lost it) is told in the log and kept.
//   - A payload store that is slow or away delays neither rows nor other sinks,
//     only the emptying of the spool.
//
// # The spool
//
//	<exchange id>.request   a request's body, from its first byte
//	<exchange id>.answer    an answer's body; it begins with a hole of the length
//	                        that stands in the journal's frames, which the store
//	                        fills when it has the exchange whole
//	<exchange id>.json      the manifest: what is to be uploaded; written by a
//	                        rename when the files are complete
//
// # The payload store
//
//	2026/01/31/<exchange id>/request        the body as the client sent it
//	                        /answer         as the backend sent it
//	                        /file-0 …       the files of a multipart request
//	                        /manifest.json  lengths, digests, media types; the last
//
// The date is that of the id, a UUID of version 7, in UTC.
package payload
