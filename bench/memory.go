package main

import (
	"context"
	"sync"
	"time"
)

// memory watches the resident memory of a process.
type memory struct {
	cancel  context.CancelFunc
	done    sync.WaitGroup
	mu      sync.Mutex
	samples []sample
}

type sample struct {
	at  time.Time
	rss int64
}

const sampleEvery = 200 * time.Millisecond

// watch reads until end.
func watch(ctx context.Context, pid int) *memory {
	ctx, cancel := context.WithCancel(ctx)
	m := &memory{cancel: cancel}
	m.done.Go(func() {
		for waitUntil(ctx, time.Now().Add(sampleEvery)) {
			u, err := readUsage(pid)
			if err != nil {
				return // the process has ended
			}
			m.mu.Lock()
			m.samples = append(m.samples, sample{time.Now(), u.Resident})
			m.mu.Unlock()
		}
	})
	return m
}

func (m *memory) end() {
	m.cancel()
	m.done.Wait()
}

// most is the largest figure, in bytes, of the samples in [from, to).
func (m *memory) most(from, to time.Time) float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	var most int64
	for _, s := range m.samples {
		if !s.at.Before(from) && s.at.Before(to) {
			most = max(most, s.rss)
		}
	}
	return float64(most)
}
