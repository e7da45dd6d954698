package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"time"
)

var words = []string{"spring", "promo", "deep", "link", "start", "menu", "offer", "retarget", "video", "story", "channel", "invite", "bonus", "trial", "plan", "basic", "pro", "team"}

// writeEvent appends one event of about 650 bytes, as a partner's bot posts it, and returns where its 16-digit counter
// starts. Two runs never share an id.
func writeEvent(b *bytes.Buffer, run, n int) (counter int) {
	r := rand.New(rand.NewPCG(uint64(run), uint64(n))) //nolint:gosec // the same event for the same n
	w := func() string { return words[r.IntN(len(words))] }
	b.WriteString(`{"id":"`)
	fmt.Fprintf(b, "%04d-", run)
	counter = b.Len()
	now := time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	fmt.Fprintf(b, `0000000000000000","type":"lead.qualified","schema":"lead.qualified/2","occurred_at":%q,"sent_at":%q,"bot":"leads_%03d_bot","campaign":"campaign_%05d",`, now, now, r.IntN(64), r.IntN(500))
	fmt.Fprintf(b, `"lead":{"chat_id":%d,"ip":"%d.%d.%d.%d","locale":"en"},`, 100000000+r.Int64N(6900000000), 1+r.IntN(222), r.IntN(256), r.IntN(256), 1+r.IntN(254))
	fmt.Fprintf(b, `"payload":{"plan":"pro","amount":%d,"currency":"EUR","score":0.%02d,"utm_source":"telegram","utm_medium":"%s","utm_campaign":"%s_%s_%d","premium":%t,"device":"android","steps":[%d,%d,%d],"form":{"company":"%s %s GmbH","employees":%d,"budget":%d,"country":"DE","email_hash":"%064x"},"external_id":"%s-%08x"}}`,
		900+r.IntN(90000), r.IntN(100), w(), w(), w(), r.IntN(99), r.IntN(4) == 0, r.IntN(900), r.IntN(900), r.IntN(900), w(), w(), r.IntN(900), r.IntN(90000), r.Uint64(), w(), r.Uint32())
	return counter
}
