package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"time"

	"leadline"
	"leadline/store"
)

// limit is what ready rows reach without HTTP, JSON, checks or spool.
type limit struct {
	Rows          int64
	Took          time.Duration
	CPU           time.Duration // of the client
	ClickHouseCPU time.Duration
}

func (l limit) perSecond() float64 { return float64(l.Rows) / l.Took.Seconds() }

// blockRows is what a segment holds under load.
const blockRows = 50_000

// insertLimit writes blocks of ready events into an engine of its own, one after the other.
func insertLimit(ctx context.Context, o *options) (l limit, err error) {
	dir, err := o.folder()
	if err != nil {
		return l, err
	}
	e, err := startEngine(ctx, dir, "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		return l, err
	}
	defer e.Close() //nolint:errcheck // its data is thrown away
	db, err := store.Open(ctx, store.Options{Addrs: []string{e.NativeAddr()}, Database: "leadline", Username: "leadline", Password: enginePassword})
	if err != nil {
		return l, err
	}
	defer db.Close() //nolint:errcheck // as above
	if _, err := db.Migrate(ctx); err != nil {
		return l, err
	}
	events, block := readyEvents(), db.Block()
	write := func(token string) error {
		block.Begin(token)
		block.Add(events)
		return block.Write(ctx)
	}
	if err := write("warm"); err != nil { // the buffers grow once
		return l, err
	}
	client, err := readUsage(os.Getpid())
	if err != nil {
		return l, err
	}
	server, err := readUsage(e.Pid())
	if err != nil {
		return l, err
	}
	for start := time.Now(); l.Took < o.seconds; l.Took = time.Since(start) {
		if err := write(fmt.Sprint("block-", l.Rows)); err != nil {
			return l, err
		}
		l.Rows += blockRows
	}
	clientAfter, err := readUsage(os.Getpid())
	if err != nil {
		return l, err
	}
	serverAfter, err := readUsage(e.Pid())
	l.CPU, l.ClickHouseCPU = clientAfter.CPU-client.CPU, serverAfter.CPU-server.CPU
	return l, err
}

// readyEvents are events as they leave the pipeline.
func readyEvents() []leadline.Event {
	events := make([]leadline.Event, blockRows)
	now := time.Now().UTC().Truncate(time.Microsecond)
	payload := []byte(`{"plan":"pro","amount":4900,"currency":"EUR","utm_source":"telegram","utm_medium":"story","utm_campaign":"spring_deep_17","start_param":"link-1f2e3d4c","premium":false,"device":"menu","steps":[12,301,7],"form":{"company":"promo start GmbH","employees":120,"budget":42000},"ref":"invite"}`)
	for i := range events {
		e := &events[i]
		*e = leadline.Event{
			ID: fmt.Sprintf("0001-%016x", i), Type: "lead.qualified", Schema: "lead.qualified/2", Partner: "bench",
			Bot: fmt.Sprintf("leads_%03d_bot", i%64), Campaign: fmt.Sprintf("campaign_%05d", i*7%500), Source: leadline.SourceEvents,
			ReceivedAt: now.Add(time.Duration(i) * 5 * time.Microsecond), OccurredAt: now, SentAt: now, Attempt: 1,
			LeadKey: fmt.Sprintf("%026X", i*1_000_003), Locale: "en", Country: "DE", Outcome: "qualified", Payload: payload,
			IP: netip.AddrFrom4([4]byte{byte(i >> 8), byte(i), 7, 0}),
		}
		e.Key = leadline.KeyOf(e.Partner, e.ID)
		e.TraceID = e.Key
		jitter := time.Duration(binary.LittleEndian.Uint16(e.Key[:])) * time.Microsecond
		e.Spend(leadline.StageReceive, 0, 20*time.Microsecond, leadline.StatusOK)
		e.Spend(leadline.StageValidate, 0, 5*time.Microsecond, leadline.StatusOK)
		e.Spend(leadline.StageSpool, 0, 800*time.Microsecond+jitter, leadline.StatusOK)
		e.Spend(leadline.StageGeoIP, 100*time.Millisecond+jitter, 100*time.Microsecond, leadline.StatusOK)
		e.Spend(leadline.StageQualify, 0, 50*time.Microsecond, leadline.StatusOK)
		e.Spend(leadline.StageWrite, 10*time.Millisecond, 0, leadline.StatusOK)
	}
	return events
}
