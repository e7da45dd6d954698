package spool

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"iter"
	"time"

	"leadline"
)

// A segment file, numbers little endian:
//
//	   0  header  8 magic, 4 version, 4 crc, 8 sequence, 8 created (Unix µs), 16 salt,
//	           1 lane, 7 zero
//	 512  seal    4 crc, 4 records, 8 bytes of frames, 4 chain, 4 zero; written when the segment is frozen
//	4096  frames  4 crc, 4 length, payload: records of 16 key, 4 length, data
//
// The crc of a frame goes on from the crc of the frame before it (chain), the first from the header's, the seal's from
// the header's too. The header's covers a random salt, so nothing of the file's earlier life fits. Header and seal
// stand in sectors of their own: a sector is written whole or not at all.
const (
	headerBytes = 56
	sealAt      = 512
	sealBytes   = 24
	framesAt    = 4096
	frameHead   = 8
	recordHead  = 20
	version     = 2 // 1 had no lanes

	maxFrame = 1 << 30
)

var (
	magic      = []byte("LEADSPL\n")
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// header begins a segment. The salt makes every segment unique, so that even a sequence number that a crash made the
// spool use twice gives another token.
type header struct {
	lane     Lane
	sequence uint64
	created  time.Time // when the first record came
	salt     [16]byte
}

func newHeader(lane Lane, sequence uint64, created time.Time) header {
	h := header{lane: lane, sequence: sequence, created: created}
	rand.Read(h.salt[:]) // never fails since Go 1.24
	return h
}

func (h *header) encode() []byte {
	b := make([]byte, headerBytes)
	copy(b, magic)
	binary.LittleEndian.PutUint32(b[8:], version)
	binary.LittleEndian.PutUint64(b[16:], h.sequence)
	binary.LittleEndian.PutUint64(b[24:], uint64(h.created.UnixMicro()))
	copy(b[32:], h.salt[:])
	b[48] = byte(h.lane)
	binary.LittleEndian.PutUint32(b[12:], crc32.Checksum(b[16:], castagnoli))
	return b
}

// chain is what the first frame's and the seal's crc go on from.
func (h *header) chain() uint32 { return binary.LittleEndian.Uint32(h.encode()[12:]) }

// parseHeader reads the start of a file. A file of zeros is spare: live is false and there is no error.
func parseHeader(b []byte) (h header, live bool, err error) {
	if len(b) < headerBytes || bytes.Equal(b[:headerBytes], make([]byte, headerBytes)) {
		return h, false, nil
	}
	if !bytes.Equal(b[:8], magic) {
		return h, false, fmt.Errorf("%w: no header", ErrCorrupt)
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != version {
		return h, false, fmt.Errorf("segment has format %d, this program knows %d: use the program that wrote it", v, version)
	}
	if binary.LittleEndian.Uint32(b[12:]) != crc32.Checksum(b[16:headerBytes], castagnoli) {
		return h, false, fmt.Errorf("%w: header does not match its checksum", ErrCorrupt)
	}
	h.sequence = binary.LittleEndian.Uint64(b[16:])
	h.created = time.UnixMicro(int64(binary.LittleEndian.Uint64(b[24:])))
	copy(h.salt[:], b[32:])
	if h.lane = Lane(b[48]); h.lane >= lanes {
		return h, false, fmt.Errorf("%w: there is no lane %d", ErrCorrupt, h.lane)
	}
	return h, true, nil
}

// extent is a run of whole frames: how many bytes and records, and the last frame's crc.
type extent struct {
	bytes   int64
	records int
	chain   uint32
}

func (e extent) border(h *header) []byte {
	b := make([]byte, sealBytes)
	binary.LittleEndian.PutUint32(b[4:], uint32(e.records))
	binary.LittleEndian.PutUint64(b[8:], uint64(e.bytes))
	binary.LittleEndian.PutUint32(b[16:], e.chain)
	binary.LittleEndian.PutUint32(b, crc32.Update(h.chain(), castagnoli, b[4:]))
	return b
}

// parseSeal reads a segment's border. It is not ok when the segment was never frozen.
func parseSeal(b []byte, h *header) (e extent, ok bool) {
	if len(b) < sealBytes || binary.LittleEndian.Uint32(b) != crc32.Update(h.chain(), castagnoli, b[4:sealBytes]) {
		return e, false
	}
	e.records = int(binary.LittleEndian.Uint32(b[4:]))
	e.bytes = int64(binary.LittleEndian.Uint64(b[8:]))
	e.chain = binary.LittleEndian.Uint32(b[16:])
	return e, e.bytes >= 0
}

// token names a frozen segment by header and seal: the salt tells segments apart, the chain is a checksum over every
// spooled byte. Hashing the records themselves would cost 0.4 µs each and tell nothing more, because reading checks
// them against the chain.
func token(h *header, e extent) string {
	sum := sha256.Sum256(append(h.encode(), e.border(h)...))
	return hex.EncodeToString(sum[:16])
}

// beginFrame makes room for a frame's head; endFrame fills it in when the records stand behind it.
func beginFrame(b []byte) []byte { return append(b, make([]byte, frameHead)...) }

func appendRecord(b []byte, key *leadline.Key, data []byte) []byte {
	b = append(b, key[:]...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	return append(b, data...)
}

func endFrame(frame []byte, chain uint32) uint32 {
	binary.LittleEndian.PutUint32(frame[4:], uint32(len(frame)-frameHead))
	chain = crc32.Update(chain, castagnoli, frame[4:])
	binary.LittleEndian.PutUint32(frame, chain)
	return chain
}

// verify walks the frames at the start of b that go on from chain, as far as they are whole.
func verify(b []byte, chain uint32) extent {
	e := extent{chain: chain}
	for {
		rest := b[e.bytes:]
		if len(rest) < frameHead {
			return e
		}
		n := uint64(binary.LittleEndian.Uint32(rest[4:]))
		if n == 0 || n > maxFrame || n > uint64(len(rest)-frameHead) {
			return e
		}
		sum := crc32.Update(e.chain, castagnoli, rest[4:frameHead+n])
		records, whole := countRecords(rest[frameHead : frameHead+n])
		if sum != binary.LittleEndian.Uint32(rest) || !whole {
			return e
		}
		e.bytes += frameHead + int64(n)
		e.records += records
		e.chain = sum
	}
}

func countRecords(payload []byte) (n int, whole bool) {
	for len(payload) >= recordHead {
		size := uint64(binary.LittleEndian.Uint32(payload[16:]))
		if size > uint64(len(payload)-recordHead) {
			return n, false
		}
		payload = payload[recordHead+size:]
		n++
	}
	return n, len(payload) == 0
}

// records yields key and data of everything in frames that verify has found whole.
func records(frames []byte) iter.Seq2[leadline.Key, []byte] {
	return func(yield func(leadline.Key, []byte) bool) {
		for len(frames) > 0 {
			n := binary.LittleEndian.Uint32(frames[4:])
			payload := frames[frameHead : frameHead+n]
			frames = frames[frameHead+n:]
			for len(payload) > 0 {
				size := binary.LittleEndian.Uint32(payload[16:])
				if !yield(leadline.Key(payload), payload[recordHead:recordHead+size:recordHead+size]) {
					return
				}
				payload = payload[recordHead+size:]
			}
		}
	}
}
