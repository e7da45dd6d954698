package ingest

import "encoding/hex"

// traceID reads a traceparent (W3C Trace Context 1): 00-<32 hex>-<16 hex>-<2 hex>, lower case, ids not all zero. Later
// versions may be longer.
func traceID(b []byte) (id [16]byte, ok bool) {
	if len(b) < 55 || b[2] != '-' || b[35] != '-' || b[52] != '-' || len(b) > 55 && (b[0] == '0' && b[1] == '0' || b[55] != '-') {
		return id, false
	}
	for i, c := range b[:55] {
		if i == 2 || i == 35 || i == 52 {
			continue
		}
		if !isDigit(c) && (c < 'a' || c > 'f') {
			return id, false
		}
	}
	if string(b[:2]) == "ff" || string(b[36:52]) == "0000000000000000" {
		return id, false
	}
	if _, err := hex.Decode(id[:], b[3:35]); err != nil {
		return id, false
	}
	return id, id != [16]byte{}
}
