package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// eraseTimeout bounds one Erase. A lead's rows are few; finding them reads the column lead_key of the whole table.
const eraseTimeout = 5 * time.Minute

// Erased tells how many rows of a lead there were.
type Erased struct{ Events, Rejected int64 }

// Erase deletes what ClickHouse has of a partner's lead: its rows in events, and so in journeys and all_spans, and in
// rejected, on all shards. When it returns nil no query sees them any more; their bytes go when ClickHouse merges the
// parts that held them, at the latest with the tables' TTL. latency_1m and latency_1h hold no lead and keep their
// counts; erasures notes how many events of which minute went, without the lead, so that the tables still prove each
// other.
//
// Calling it again, after an error too, is harmless and finds what came since. Events of the lead that are under way to
// ClickHouse meanwhile are not seen: erase once more when the spool has passed them on.
//
// The ClickHouse user needs the right ALTER DELETE on both tables.
func (d *DB) Erase(ctx context.Context, partner, leadKey string) (Erased, error) {
	var found Erased
	if partner == "" || leadKey == "" {
		return found, errors.New("erase: need a partner and a lead's key: an empty key is that of all events without a lead")
	}
	ctx, cancel := context.WithTimeout(ctx, eraseTimeout)
	defer cancel()
	defer context.AfterFunc(d.life, cancel)()
	conn, err := d.admin(d.opt.Database)
	if err != nil {
		return found, err
	}
	defer func() { _ = conn.Close() }()
	lead := []any{clickhouse.Named("partner", partner), clickhouse.Named("lead_key", leadKey)}
	if found, err = d.erase(ctx, conn, partner, lead); err != nil {
		return found, fmt.Errorf("erase a lead of %s: %w", partner, err)
	}
	return found, nil
}

const ofLead = " WHERE partner = {partner:String} AND lead_key = {lead_key:String}"

func (d *DB) erase(ctx context.Context, conn driver.Conn, partner string, lead []any) (Erased, error) {
	var found Erased
	defer d.uneven.begin()()
	// What an interrupted call has begun to delete counts as gone already.
	now := clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"apply_mutations_on_fly": 1}))
	gone, err := eventsOf(now, conn, lead)
	if err != nil {
		return found, fmt.Errorf("count its events: %w", err)
	}
	var rejected uint64
	if err := conn.QueryRow(now, "SELECT count() FROM rejected"+ofLead, lead...).Scan(&rejected); err != nil {
		return found, fmt.Errorf("count its rejected items: %w", err)
	}
	found = Erased{Events: gone.sum, Rejected: int64(rejected)}
	if gone.sum > 0 {
		note := func(ctx context.Context, w *writer) error {
			_, err := w.insert(ctx, "erasures", gone.token()+"/erasures", gone.columns(partner))
			return err
		}
		if err := d.with(ctx, note); err != nil {
			return found, fmt.Errorf("note how many events go: %w", err)
		}
	}
	local, cluster := "", ""
	if d.opt.Cluster != "" {
		local, cluster = "_local", " ON CLUSTER "+quote(d.opt.Cluster)
	}
	whole := clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"lightweight_deletes_sync":     2, // the answer comes when all replicas have done it
		"distributed_ddl_task_timeout": int(eraseTimeout.Seconds()),
	}))
	for _, table := range []string{"events", "rejected"} {
		if err := conn.Exec(whole, "DELETE FROM "+table+local+cluster+ofLead, lead...); err != nil {
			return found, fmt.Errorf("delete from %s: %w", table, err)
		}
	}
	return found, nil
}

// erased are a lead's events by the minute that they count in.
type erased struct {
	sum    int64
	minute minutes
	day    days
	events proto.ColUInt64
	marks  []string // one a minute, made from the ids of its events
}

func eventsOf(ctx context.Context, conn driver.Conn, lead []any) (*erased, error) {
	rows, err := conn.Query(ctx, `SELECT minute, toDate(received_at) AS day, count(), toString(groupBitXor(sipHash64(id, received_at)))
		FROM events`+ofLead+` GROUP BY minute, day ORDER BY minute, day`, lead...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	all := new(erased)
	for rows.Next() {
		var minute, day time.Time
		var n uint64
		var mark string
		if err := rows.Scan(&minute, &day, &n, &mark); err != nil {
			return nil, err
		}
		all.sum += int64(n)
		all.minute.Append(uint32(minute.Unix()))
		all.day.Append(uint16(day.Unix() / 86400))
		all.events.Append(n)
		all.marks = append(all.marks, mark)
	}
	return all, rows.Err()
}

// token is the same for the same events, so that a call that is repeated notes them once.
func (e *erased) token() string {
	h := sha256.New()
	for i, m := range e.marks {
		fmt.Fprintln(h, e.minute.Row(i), e.day.Row(i), e.events.Row(i), m)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (e *erased) columns(partner string) proto.Input {
	var partners words
	for range e.marks {
		partners.add(partner)
	}
	return proto.Input{
		{Name: "minute", Data: &e.minute},
		{Name: "day", Data: &e.day},
		{Name: "partner", Data: &partners},
		{Name: "events", Data: &e.events},
	}
}
