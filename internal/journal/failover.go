package journal

import (
	"fmt"
	"time"
)

// roll makes the standby the current segment, after what is in the current one
// has become durable; small frames that came meanwhile are repeated. When the token is taken or the standby is being made
// it waits instead; the caller looks again. mu is held, and released meanwhile.
func (j *Journal) roll() error {
	switch {
	case j.standby == nil && j.spareErr != nil:
		return j.spareErr
	case j.standby == nil:
		signal(j.refill)
		j.room.Wait()
		return nil
	case j.syncing:
		j.rollers++
		j.room.Wait()
		j.rollers--
		j.room.Broadcast()
		j.wakeIfDue() // commits stood back for the roller
		return nil
	}
	j.syncing = true
	err := j.syncAll()
	if err == nil && j.standby != nil && j.arena.end > j.cur.base {
		old := j.cur
		s := j.standby
		j.standby = nil
		if err = j.switchTo(s); err != nil {
			j.drop(s)
			err = j.failover(err)
		} else {
			j.retire(old, old.offset(j.synced.pos))
		}
		signal(j.refill)
	}
	j.release()
	return err
}

// switchTo writes everything since the last sync to s and makes s current. The
// header comes last: before it, the segment before is still the one that
// counts. mu is held.
//
// Even when it fails, what is in doubt in the segment before may have become
// void: the header may be on the disk. So a sync of that segment which is under
// way must not acknowledge anything, and gen changes in any case.
func (j *Journal) switchTo(s *segment) error {
	j.gen++
	s.base = j.synced.pos
	err := j.arena.write(j.synced.pos, func(p []byte, pos int64) error {
		_, err := s.file.WriteAt(p, s.offset(pos))
		return err
	})
	if err != nil {
		return classify("writing a new segment", err)
	}
	h := j.head
	h.id.num, h.first, h.created = s.num, j.synced.seq+1, time.Now().UnixNano()
	if _, err := s.file.WriteAt(h.encode(), 0); err != nil {
		return classify("writing a segment's header", err)
	}
	j.cur, j.written = s, j.arena.end
	j.stats.segments++
	return nil
}

// failover answers a failed write or sync of cur: that file isn't trusted any
// more, and all since the last sync is written to another one. mu is held.
func (j *Journal) failover(cause error) error {
	j.stats.failovers++
	j.log.Warn("a segment failed, going on in a new one", "segment", j.cur.num, "error", cause)
	s := j.standby
	j.standby = nil
	if s == nil {
		if j.spareErr != nil {
			return j.setBroken(fmt.Errorf("%w; no segment to go on in: %w", cause, j.spareErr))
		}
		var err error
		if s, err = j.create(j.nextNum()); err != nil {
			return j.setBroken(err)
		}
	}
	signal(j.refill)
	old := j.cur
	if err := j.switchTo(s); err != nil {
		j.drop(s)
		return j.setBroken(err)
	}
	j.retire(old, old.offset(j.synced.pos))
	return nil
}

// retire hands a segment that gets no more frames to the keeper.
func (j *Journal) retire(s *segment, keep int64) {
	j.retired = append(j.retired, retired{segment: s, keep: keep})
	signal(j.refill)
}

// setBroken refuses everything until the keeper has restored the journal. The
// frames since the last sync stay in memory. mu is held.
func (j *Journal) setBroken(err error) error {
	if j.broken == nil {
		j.log.Error("the journal cannot write, new exchanges are refused", "error", err)
	}
	j.broken = err
	j.updateReady()
	if b := j.batch; b.n > 0 {
		j.batch = newBatch()
		b.err = err
		b.done.Done()
	}
	j.room.Broadcast()
	return err
}

// restore tries to go on in the standby after the journal broke. mu and the
// token are held, mu is released meanwhile; nothing is admitted until the end.
func (j *Journal) restore() {
	s, old := j.standby, j.cur
	j.standby = nil
	if err := j.switchTo(s); err != nil {
		j.drop(s)
		j.setBroken(err)
		return
	}
	j.retire(old, old.offset(j.synced.pos))
	target := mark{j.seq, j.arena.end}
	if err := j.syncFile(s); err != nil {
		j.setBroken(classify("syncing a new segment", err))
		return
	}
	j.advance(target)
	j.broken = nil
	j.updateReady()
	j.room.Broadcast()
	j.log.Info("the journal works again", "segment", s.num)
}
