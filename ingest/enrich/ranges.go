package enrich

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"sort"
)

// ranges are the countries of all IPv4 addresses, in order. A look-up reads three places in a megabyte; the way down the
// file's tree is some twenty nodes, which lie anywhere in it.
type ranges struct {
	first   []uint32 // the first address of each range
	country []uint16 // of each range, in names
	names   []string
	at      [1<<16 + 1]uint32 // by the upper half of an address: the range in which the first such address lies
}

// newRanges asks for the country and the network of one address after the other, as many times as there may be networks.
func newRanges(of func(netip.Addr) (country string, network netip.Prefix), networks uint) (*ranges, error) {
	r, numbers := new(ranges), map[string]uint16{}
	for next := uint64(0); next < 1<<32; networks-- {
		if networks == 0 {
			return nil, errors.New("damaged: its search tree has a loop")
		}
		a := uint32(next)
		name, network := of(netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, a))))
		n, ok := numbers[name]
		if !ok {
			n = uint16(len(r.names))
			numbers[name], r.names = n, append(r.names, name)
		}
		if last := len(r.country) - 1; last < 0 || r.country[last] != n {
			r.first, r.country = append(r.first, a), append(r.country, n)
		}
		bits := 0 // a network of IPv6 that holds all of IPv4
		if network.Addr().Is4() {
			bits = network.Bits()
		}
		next += 1 << (32 - bits)
	}
	for i := range r.at {
		n := sort.Search(len(r.first), func(n int) bool { return uint64(r.first[n]) > uint64(i)<<16 })
		r.at[i] = uint32(n - 1)
	}
	return r, nil
}

// of is the country of an IPv4 address.
func (r *ranges) of(addr netip.Addr) string {
	b := addr.As4()
	a := binary.BigEndian.Uint32(b[:])
	from, to := r.at[a>>16], r.at[a>>16+1] // the last range that begins at a or before it is one of these, both included
	for from < to {
		if middle := (from + to + 1) / 2; r.first[middle] <= a {
			from = middle
		} else {
			to = middle - 1
		}
	}
	return r.names[r.country[from]]
}
