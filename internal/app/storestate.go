package app

import (
	"weir/internal/api"
	"weir/internal/journal"
	"weir/internal/sink"
)

// state says how far the store is behind the journals.
func (in *intake) state() api.State {
	stats := in.lake.Stats()
	s := api.State{CaughtUp: true, FreshRows: int64(stats.FreshRows), SealedFiles: int64(stats.Files), SealedBytes: stats.FileBytes}
	for _, src := range append([]*source{in.own}, in.others...) {
		g := src.state()
		if src == in.own {
			g.Gateway = in.cfg.Gateway.Proxy.Name
			s.Durable, s.Stored, s.Behind = g.Durable, g.Stored, g.Behind
		}
		s.CaughtUp = s.CaughtUp && g.CaughtUp
		s.Gateways = append(s.Gateways, g)
	}
	return s
}

// state says how far a gateway's records are in the store.
func (s *source) state() api.GatewayState {
	r, problem, looked := s.now()
	g := api.GatewayState{Data: s.data, Behind: -1, Problem: problem}
	published, err := journal.Published(journalIn(s.data))
	g.Durable = api.Position{Epoch: published.Epoch, Sequence: published.Seq}
	if r == nil {
		// As long as nothing can be read, only a journal without a frame is all read.
		g.CaughtUp = looked && problem == "" && err == nil && published.Seq == 0
		return g
	}
	at := r.runner.Stats()
	g.Gateway, g.Stored = r.name, api.Position{Epoch: at.Watermark.Epoch, Sequence: at.Watermark.Seq}
	if published.Epoch == at.Watermark.Epoch {
		g.Behind = max(0, int64(published.Seq)-int64(at.Watermark.Seq))
	}
	g.CaughtUp = problem == "" && err == nil && caughtUp(published, at)
	return g
}

// caughtUp says whether every published exchange is in the store. An epoch that
// has no frame yet is reached when the one before it has been closed, which
// moves the watermark behind that one's last frame.
func caughtUp(published journal.Pos, at sink.Stats) bool {
	if published.Seq > 0 || published.Epoch <= 1 {
		return at.Watermark.Compare(published) >= 0 || published == journal.Pos{Epoch: 1}
	}
	return at.Watermark.Epoch == published.Epoch-1 && at.Watermark.Seq == at.Position.Seq+1
}
