// Package lake is the embedded store: a folder of Parquet files that DuckDB
// queries, together with the rows in memory that are not in a file yet.
//
// # What always holds
//
//   - A query sees each row exactly once: fresh in memory or sealed in a file,
//     never both, never neither, also while rows are sealed and files merged.
//   - A file is complete when it has its name. It is written under another
//     name, fsynced, renamed, and the folder fsynced; the rename is the commit,
//     the cursor and the proof that its rows are stored exactly once.
//   - Nothing in a file that cannot be read is used or deleted: the file is set
//     aside under the name *.damaged, reported, and its range is filled from
//     the journal, as far as that still has it.
//   - The memory for fresh rows is bounded: when sealing fails (a full disk),
//     it is tried again and again, and [Lake.Write] blocks at the bound.
//   - Each gateway has rows, files and a cursor of its own ([Part]), whose
//     positions mean nothing beside another's. One that stands still holds up no
//     other, and takes none of the others' room in memory.
//   - SQL reaches no file outside the folder, and cannot change that.
//
// # Files
//
//	weir_00000001-00000000000000000000_00000002-00000000000000004711.parquet
//
// holds the exchanges that the gateway weir committed after position 1/0, up to
// and including 2/4711 (epoch, in 8 digits, and sequence, in 20). The ranges of
// a gateway's files don't overlap, save that a file's range may lie inside
// another's: then the inner one was merged into the outer, and goes. The cursor
// of a gateway is the end of its ranges that join from zero on. Files of gateways
// that are not known (Options.Gateway, Options.Others, [Lake.Part]) are not looked at.
//
// Columns are those of record.Columns under their own names (string, int32,
// int64, bool, timestamp in microseconds of UTC, dynamic as annotated JSON),
// and _request_chunks and _response_chunks: how many rows the messages take in a
// PerMessage table. Hidden, dynamic and Else columns are optional, null when
// empty. Rows stand by TimeGenerated; pages are zstd-compressed; CorrelationId
// has a bloom filter. A file that lacks a column which came later shows its
// empty value. Key-value metadata:
//
//	weir.format   1
//	weir.from     epoch/sequence; as in the name, a file whose name says
//	weir.to       something else is damaged
//	weir.resume   epoch/sequence behind which the journal must be read to go on
//	              after this file
//	weir.first    TimeGenerated of the first and the last row, in Unix
//	weir.last     microseconds
//
//	*.parquet.tmp      being written; removed by the next start
//	*.parquet.damaged  set aside
//	.lock              held (flock) by the process that writes
//	.spill             DuckDB's, for queries that need more than its memory
package lake
