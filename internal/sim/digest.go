package sim

import "math/rand/v2"

// digest is an FNV-1a hash in the making; what a random choice depends on is
// written into one.
type digest uint64

func newDigest(seed uint64) digest { return digest(14695981039346656037).number(seed) }

// text adds s and a mark of its end.
func (d digest) text(s string) digest {
	for i := range len(s) {
		d = (d ^ digest(s[i])) * 1099511628211
	}
	return (d ^ 0xff) * 1099511628211
}

// bytes adds what may be a part of something longer, with no mark of its end.
func (d digest) bytes(b []byte) digest {
	for _, c := range b {
		d = (d ^ digest(c)) * 1099511628211
	}
	return d
}

// number adds n.
func (d digest) number(n uint64) digest {
	for range 8 {
		d = (d ^ digest(n&0xff)) * 1099511628211
		n >>= 8
	}
	return d
}

// rand is a source of numbers that depends on all that was written.
func (d digest) rand() *rand.Rand { return rand.New(rand.NewPCG(uint64(d), 0x9e3779b97f4a7c15)) }

// share is a number in [0, 1).
func (d digest) share() float64 { return d.rand().Float64() }
