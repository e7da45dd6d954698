package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"strings"

	"github.com/ClickHouse/ch-go/proto"

	"leadline/latency"
)

// maxProbes is how many rows of a batch are looked for. One would do, had none been erased.
const maxProbes = 32

// probes are rows of a batch and a day, any of which proves that all are there: a partition's part of an insert is
// committed as one.
type probes struct {
	from, to int64 // received_at in microseconds: prunes partitions and, through received_at_range, granules
	rows     []string
}

// probe picks rows of a day, evenly. rows tells when each row of the batch was received, in microseconds, and its key in SQL.
func probe(day uint32, rows iter.Seq2[int64, func() string]) probes {
	n := 0
	for received := range rows {
		if dayOf(received) == day {
			n++
		}
	}
	var p probes
	i, step := 0, max(1, (n+maxProbes-1)/maxProbes)
	for received, key := range rows {
		if dayOf(received) != day {
			continue
		}
		if i%step == 0 {
			if len(p.rows) == 0 {
				p.from, p.to = received, received
			}
			p.from, p.to = min(p.from, received), max(p.to, received)
			p.rows = append(p.rows, key())
		}
		i++
	}
	return p
}

func dayOf(received int64) uint32 { return uint32(received / 86_400e6) }

// absent reports whether none of the rows is in the table. Rows that Erase deleted still count until ClickHouse merges
// their part. Should all of them have been erased and merged away, they would be taken for lost and come back: app
// therefore erases a lead only when everything acknowledged before is stored for good.
func (w *writer) absent(ctx context.Context, table, key string, p probes) (bool, error) {
	var n proto.ColUInt8
	query := fmt.Sprintf(`SELECT 1 AS found FROM %s
		WHERE received_at BETWEEN fromUnixTimestamp64Micro(%d, 'UTC') AND fromUnixTimestamp64Micro(%d, 'UTC') AND %s IN (%s)
		LIMIT 1 SETTINGS apply_deleted_mask = 0`, table, p.from, p.to, key, strings.Join(p.rows, ", "))
	found := 0
	err := w.ask(ctx, query, proto.Results{{Name: "found", Data: &n}}, func() { found += n.Rows() })
	return found == 0, err
}

// An event is known by partner, id and received_at: the spool takes an id once.
func (w *writer) eventsAbsent(ctx context.Context, b *block, day uint32) (bool, error) {
	return w.absent(ctx, "events", "(partner, id, toUnixTimestamp64Micro(received_at))", probe(day, func(yield func(int64, func() string) bool) {
		for e := range b.events.whole() {
			received := e.ReceivedAt.UnixMicro()
			if !yield(received, func() string { return fmt.Sprintf("(%s, %s, %d)", literal(e.Partner), literal(e.ID), received) }) {
				return
			}
		}
	}))
}

// A rejected item may have no id. With the microsecond in which its request began and its very bytes it is known all the
// same: to be taken for it, another had to be sent by the same partner, bytes and verdict alike, begin in the same
// microsecond, and go to another segment.
func (w *writer) rejectedAbsent(ctx context.Context, b *block, day uint32) (bool, error) {
	const key = "(partner, id, code, toUnixTimestamp64Micro(received_at), lower(hex(SHA256(payload))))"
	return w.absent(ctx, "rejected", key, probe(day, func(yield func(int64, func() string) bool) {
		for i := range b.rejected {
			r := &b.rejected[i]
			received := latency.Micros(r.ReceivedAt)
			if !yield(received, func() string {
				sum := sha256.Sum256(r.Payload)
				return fmt.Sprintf("(%s, %s, %s, %d, '%s')", literal(r.Partner), literal(r.ID), literal(r.Code), received, hex.EncodeToString(sum[:]))
			}) {
				return
			}
		}
	}))
}
