package journal

// Published is how far the journal in dir has been made durable, as its gateway
// has told: the position of the last durable frame, with Seq 0 while an epoch
// has none yet; the zero Pos when there is no journal.
func Published(dir string) (Pos, error) {
	d, err := readDurableFile(osFS{}, dir)
	return Pos{Epoch: d.epoch, Seq: d.seq}, err
}
