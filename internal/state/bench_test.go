package state

import (
	"fmt"
	"testing"
	"time"
)

func BenchmarkGet(b *testing.B) {
	db := openTest(b, b.TempDir(), time.Now)
	defer closeTest(b, db)
	o := db.Owners()
	keys := make([]string, 50_000)
	for i := range keys {
		keys[i] = fmt.Sprintf("file-%032d", i)
		o.Put(keys[i], "east")
	}
	flush(b, o)
	b.Run("memory", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			o.Get(keys[i%len(keys)])
		}
	})
	b.Run("memory-parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				o.Get(keys[i%len(keys)])
			}
		})
	})
	b.Run("file", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			k := keys[i*7919%len(keys)]
			o.mu.Lock()
			o.cache.Remove(k)
			o.mu.Unlock()
			o.Get(k)
		}
	})
	b.Run("unknown", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			o.Get("file-unknown")
		}
	})
}

func BenchmarkPut(b *testing.B) {
	b.Run("new", func(b *testing.B) {
		db := openTest(b, b.TempDir(), time.Now)
		defer closeTest(b, db)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			db.Owners().Put(fmt.Sprintf("file-%032d", i), "east")
		}
		b.ReportMetric(float64(db.Owners().Failures()), "failures")
	})
	b.Run("known", func(b *testing.B) {
		db := openTest(b, b.TempDir(), time.Now)
		defer closeTest(b, db)
		b.ReportAllocs()
		for b.Loop() {
			db.Owners().Put("file-1", "east")
		}
	})
	b.Run("written", func(b *testing.B) { // with the disk, per row of transactions of 1,000
		db := openTest(b, b.TempDir(), time.Now)
		defer closeTest(b, db)
		for i := 0; b.Loop(); i++ {
			db.Owners().Put(fmt.Sprintf("file-%032d", i), "east")
			if i%1000 == 999 {
				flush(b, db.Owners())
			}
		}
	})
}

// BenchmarkOpen opens a state of a million owners: the check of the file and
// the search for old rows read all of it.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	db := openTest(b, dir, time.Now)
	for i := range 1_000_000 {
		db.Owners().Put(fmt.Sprintf("file-%032d", i*7919%1_000_000), "east")
		if i%50_000 == 0 {
			flush(b, db.Owners())
		}
	}
	closeTest(b, db)
	for b.Loop() {
		closeTest(b, openTest(b, dir, time.Now))
	}
}
