package lake

import "context"

// Rewind readies the part for a follower that begins anew at its cursor: it seals
// what it can and lets go of the other fresh rows, which the journal has still.
// Queries miss these until they are read again. No follower may write meanwhile;
// after an error everything is as it was.
func (p *Part) Rewind(ctx context.Context) error {
	if err := p.Seal(ctx); err != nil {
		return err
	}
	l := p.lake
	l.sealing.Lock() // a seal that runs has taken its rows
	defer l.sealing.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	c := p.files.cursor()
	p.rows, p.bytes, p.target = nil, 0, nil
	p.watermark, p.from = c.Done, c.From
	return nil
}
