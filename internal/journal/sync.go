package journal

import "time"

// acquire waits for the token. mu is held; rollers go first.
func (j *Journal) acquire() {
	j.wanted++
	for j.syncing || j.rollers > 0 {
		j.room.Wait()
	}
	j.wanted--
	j.syncing = true
}

// release gives the token back: to the syncer if commits wait and nobody else
// does.
func (j *Journal) release() {
	if j.batch.n > 0 && j.broken == nil && j.rollers+j.wanted == 0 {
		j.handed = true
		signal(j.wake)
		return
	}
	j.syncing = false
	j.room.Broadcast()
	j.wakeIfDue()
}

// due says whether the syncer has to run. mu is held.
func (j *Journal) due() bool {
	if j.broken != nil {
		return false
	}
	unsynced := j.arena.end - j.synced.pos
	return j.batch.n > 0 || unsynced > j.o.syncBytes ||
		unsynced > 0 && time.Since(j.dirty) > syncEvery
}

func (j *Journal) wakeIfDue() {
	if !j.syncing && j.due() {
		signal(j.wake)
	}
}

// syncLoop runs cycles while callers come faster than the disk syncs.
func (j *Journal) syncLoop() {
	for {
		select {
		case <-j.stop:
			return
		case <-j.wake:
		}
		j.mu.Lock()
		for j.handed || !j.syncing && j.rollers == 0 && j.due() {
			j.syncing, j.handed = true, false
			if j.due() {
				j.cycle()
			}
			j.release()
		}
		j.mu.Unlock()
	}
}

// tickLoop writes lazy frames that no other frame took along, and has frames
// synced that no commit follows.
func (j *Journal) tickLoop() {
	t := time.NewTicker(lazyEvery)
	defer t.Stop()
	for {
		select {
		case <-j.stop:
			return
		case <-t.C:
		}
		j.mu.Lock()
		j.drainLazy()
		if j.broken == nil {
			j.flush() // a failure has been noted in broken and logged
		}
		j.wakeIfDue()
		j.mu.Unlock()
	}
}

// cycle makes durable all that is in the stream and tells the commits that
// wait for it. mu and the token are held; mu is released meanwhile.
func (j *Journal) cycle() error {
	b := j.batch
	if b.n == 0 {
		return j.syncAll() // commits that come meanwhile are the next cycle's
	}
	j.batch = newBatch()
	b.err = j.syncAll()
	// Without mu, or those woken would queue for it one by one.
	j.mu.Unlock()
	b.done.Done()
	j.mu.Lock()
	return b.err
}

// syncAll makes durable all that was in the stream when it was called. One
// failure is answered with a new segment, a second one breaks the journal.
func (j *Journal) syncAll() error {
	if j.broken != nil {
		return j.broken
	}
	for failed := false; ; {
		if err := j.flush(); err != nil {
			return err
		}
		target, gen, seg := mark{j.seq, j.arena.end}, j.gen, j.cur
		if target == j.synced {
			return nil
		}
		err := j.syncFile(seg)
		switch {
		case gen != j.gen:
			// A write failed meanwhile and everything stands in a new segment.
		case err == nil:
			j.advance(target)
			return nil
		case failed:
			return j.setBroken(classify("syncing a segment", err))
		default:
			failed = true
			if err := j.failover(classify("syncing a segment", err)); err != nil {
				return err
			}
		}
		if j.broken != nil {
			return j.broken
		}
	}
}

// syncFile is an fdatasync without mu.
func (j *Journal) syncFile(s *segment) error {
	j.mu.Unlock()
	start := time.Now()
	err := s.file.Sync()
	took := time.Since(start)
	j.mu.Lock()
	j.stats.observe(took)
	return err
}

// advance notes that the current segment is durable up to target.
func (j *Journal) advance(target mark) {
	j.synced = target
	j.arena.trim(target.pos)
	j.dirty = time.Now()
	d := j.position()
	j.mu.Unlock()
	err := j.pub.publish(d)
	j.mu.Lock()
	if err != nil {
		// Nothing is lost: readers see these frames with the next commit that
		// can be published, or when the next epoch begins.
		j.stats.publishFailures++
		j.log.Warn("publishing the durable position failed", "error", err)
	}
}

// position is how far the journal is durable.
func (j *Journal) position() durable {
	return durable{
		epoch: j.head.id.epoch, segment: j.cur.num,
		offset: j.cur.offset(j.synced.pos), seq: j.synced.seq,
	}
}

// flush writes what cur hasn't got yet; if that fails, all since the last sync
// to a new segment. mu is held.
func (j *Journal) flush() error {
	if j.written == j.arena.end {
		return nil
	}
	cur := j.cur
	err := j.arena.write(j.written, func(p []byte, pos int64) error {
		_, err := cur.file.WriteAt(p, cur.offset(pos))
		return err
	})
	if err != nil {
		return j.failover(classify("writing a segment", err))
	}
	j.written = j.arena.end
	return nil
}
