package journal

import (
	"errors"
	"time"
)

// nextNum is the number for a new segment; mu is held.
func (j *Journal) nextNum() uint64 {
	n := max(j.cur.num, j.making)
	if j.standby != nil {
		n = max(n, j.standby.num)
	}
	return n + 1
}

// create makes a segment file, allocated and durable as a standby.
func (j *Journal) create(num uint64) (*segment, error) {
	id := segmentID{j.head.id.epoch, num}
	f, err := j.fs.Create(id.path(j.o.Dir))
	if err != nil {
		return nil, classify("creating a segment", err)
	}
	s := &segment{num: num, file: f}
	err = f.Allocate(j.o.SegmentBytes)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = j.fs.SyncDir(j.o.Dir)
	}
	if err != nil {
		j.drop(s)
		return nil, classify("allocating a segment", err)
	}
	return s, nil
}

// discard removes a segment that never became part of the log.
func (j *Journal) discard(s *segment) error {
	return errors.Join(s.file.Close(), j.fs.Remove(segmentID{j.head.id.epoch, s.num}.path(j.o.Dir)))
}

// drop is discard where there is a graver error to report. A file that stays
// is harmless: its header is zeros, or what it holds is void.
func (j *Journal) drop(s *segment) {
	if err := j.discard(s); err != nil {
		j.log.Debug("a segment could not be removed", "segment", s.num, "error", err)
	}
}

// keepLoop keeps a standby ready, restores a broken journal and cuts retired
// segments.
func (j *Journal) keepLoop() {
	retry := time.NewTimer(retryEvery)
	defer retry.Stop()
	for {
		select {
		case <-j.stop:
			return
		case <-j.refill:
			if j.Ready() != nil {
				continue // at the pace of retry
			}
		case <-retry.C:
		}
		j.keepStandby()
		j.mu.Lock()
		if j.broken != nil && j.standby != nil && !j.closed {
			j.acquire()
			if j.broken != nil && j.standby != nil && !j.closed {
				j.restore()
				signal(j.refill)
			}
			j.release()
		}
		j.mu.Unlock()
		j.keepRetired()
		retry.Reset(retryEvery)
	}
}

// keepStandby makes the standby if there is none.
func (j *Journal) keepStandby() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.standby != nil || j.closed {
		return
	}
	num := j.nextNum()
	j.making = num
	j.mu.Unlock()
	s, err := j.create(num)
	j.mu.Lock()
	j.making = 0
	if err == nil && (num <= j.cur.num || j.standby != nil) {
		// A failover overtook it; segments must stand in the order of their numbers.
		j.drop(s)
		signal(j.refill)
		return
	}
	was := j.spareErr
	j.spareErr = err
	if err == nil {
		j.standby = s
	}
	j.updateReady()
	j.room.Broadcast()
	switch {
	case err != nil && was == nil:
		j.log.Error("no standby segment can be made, new exchanges are refused", "error", err)
	case err == nil && was != nil:
		j.log.Info("there is a standby segment again")
	}
}

// keepRetired closes the segments that get no more frames and frees what they
// had allocated. Failing to free loses nothing.
func (j *Journal) keepRetired() {
	j.mu.Lock()
	ripe := j.retired
	j.retired = nil
	j.mu.Unlock()
	for _, r := range ripe {
		if err := errors.Join(r.file.Truncate(r.keep), r.file.Close()); err != nil {
			j.log.Debug("a segment could not be cut", "segment", r.num, "error", err)
		}
	}
}
