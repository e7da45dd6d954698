package schema

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"unsafe"
)

// seed makes hashes differ from process to process, so that no sender can prepare names that collide.
var seed = rand.Uint64() | 1

const (
	mixA = 0x9e3779b97f4a7c15 // 2⁶⁴ / golden ratio
	mixB = 0xd6e8feb86659fd93
)

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// hash is a seeded 64-bit hash, made for names of a few bytes.
func hash(b []byte) uint64 {
	h := seed ^ uint64(len(b))*mixA
	for len(b) > 8 {
		h = mix(h^binary.LittleEndian.Uint64(b), mixA)
		b = b[8:]
	}
	var tail uint64
	switch n := len(b); {
	case n >= 4:
		tail = uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint32(b[n-4:]))<<32
	case n > 0:
		tail = uint64(b[0]) | uint64(b[n/2])<<8 | uint64(b[n-1])<<16
	}
	return mix(h^tail, mixB)
}

// view is b as a string without a copy, for calls that do not keep it.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// names is a set of names that finds one's index by its hash: open addressing, at most half full.
type names struct {
	list   []string
	hashes []uint64
	slots  []uint32 // index + 1, 0: free
}

func newNames(list []string) names {
	size := 2
	for size < 2*len(list) {
		size *= 2
	}
	n := names{list: list, hashes: make([]uint64, len(list)), slots: make([]uint32, size)}
	for i, name := range list {
		n.hashes[i] = hash([]byte(name))
		at := n.hashes[i]
		for n.slots[at&uint64(size-1)] != 0 {
			at++
		}
		n.slots[at&uint64(size-1)] = uint32(i + 1)
	}
	return n
}

// find returns the index of name, whose hash is h, or -1.
func (n *names) find(name []byte, h uint64) int {
	mask := uint64(len(n.slots) - 1)
	for at := h; ; at++ {
		i := int(n.slots[at&mask]) - 1
		if i < 0 || n.hashes[i] == h && n.list[i] == string(name) {
			return i
		}
	}
}

// fingerprint hashes what a checked value means, so that equal values have equal fingerprints: 1 and 1.0, "a" and its
// escape, objects in any order. Different values share one in 2⁶⁴ pairs. It reads the value that is next.
func (s *Scanner) fingerprint() uint64 {
	switch kindOf[s.peek()] {
	case KindString:
		t, _ := s.Text()
		return mix(hash(t), mixA^uint64(KindString))
	case KindNumber:
		n, _ := s.Number()
		return n.fingerprint()
	case KindObject:
		sum := uint64(KindObject)
		for s.Object(); s.Key(); {
			h := s.nameHash
			sum += mix(h^mixA, s.fingerprint()^mixB)
		}
		return mix(sum^seed, mixA)
	case KindArray:
		h := seed ^ uint64(KindArray)
		for s.Array(); s.Next(); {
			h = mix(h^s.fingerprint(), mixA)
		}
		return mix(h, mixB)
	case KindBool:
		v, _ := s.Bool()
		if v {
			return mix(seed, mixA^uint64(KindBool))
		}
		return mix(seed, mixB^uint64(KindBool))
	default:
		s.Null()
		return mix(seed, mixA^uint64(KindNull))
	}
}

func (n *Number) fingerprint() uint64 {
	s := n.span()
	h := seed ^ uint64(KindNumber)
	if s.from == s.to {
		return mix(h, mixB)
	}
	if n.neg {
		h ^= mixA
	}
	h = mix(h^uint64(s.high), mixB)
	for x := n.Raw[s.from:s.to]; len(x) > 0; {
		var c byte
		c, x = digit(x)
		h = mix(h^uint64(c), mixA)
	}
	return h
}
