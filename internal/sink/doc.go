// Package sink is the life of a record in the store process: it follows the
// journal, folds frames to exchanges, has each read into a row, and hands the
// rows in batches to a [Store].
//
// # What always holds
//
//   - An exchange is emitted exactly once: when its delivered frame arrives, or
//     five seconds after its end frame, or when its epoch closes.
//   - Its commit position is that of its end frame; of one that has none, the
//     position after its epoch's last frame. It follows from the journal alone,
//     so that it is the same at every reading.
//   - Every exchange whose commit position is at or before a batch's watermark
//     has been emitted in it or in an earlier batch. A store that keeps the
//     watermark together with the rows up to it, and gives it back as its
//     [Cursor], holds each record exactly once (guarantee G4).
//   - What is unreadable is counted and named by its position, never by its
//     content, and the rest goes on.
//   - A store that is slow or failing makes the follower wait: the journal
//     keeps everything.
package sink
