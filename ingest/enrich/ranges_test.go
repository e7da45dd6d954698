package enrich

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"testing"

	"pgregory.net/rapid"
)

func addr(n uint32) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, n)))
}

// alike compares the answers for an address, and for its neighbours, with those of the tree.
func alike(t *testing.T, c *countries, n uint32) {
	t.Helper()
	for _, a := range []netip.Addr{addr(n - 1), addr(n), addr(n + 1)} {
		if want, _ := c.find(a); c.of(a) != want {
			t.Errorf("%s: got %q, want %q", a, c.of(a), want)
		}
	}
}

func TestRangesAgainstTheTree(t *testing.T) {
	t.Parallel()
	f := func(networks map[string]string, ends ...uint32) {
		t.Helper()
		c, err := newCountries(mmdb("test-country", networks))
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range append(ends, 0, 1<<16, 1<<31, 1<<32-1) {
			alike(t, c, n)
		}
	}
	f(map[string]string{"0.0.0.0/1": flat("DE")})
	f(map[string]string{"0.0.0.0/1": flat("DE"), "128.0.0.0/1": flat("DE")})
	f(map[string]string{"0.0.0.0/32": flat("DE"), "255.255.255.255/32": flat("US")})
	f(map[string]string{"9.0.0.0/8": flat("DE"), "10.0.0.0/8": flat("DE"), "11.0.0.0/16": table()}, 9<<24, 10<<24, 11<<24, 11<<24+1<<16, 12<<24)
	rapid.Check(t, func(rt *rapid.T) {
		networks, ends := map[string]string{}, []uint32{}
		next := rapid.Uint64Range(0, 1<<32-1).Draw(rt, "first")
		for range 20 {
			bits := rapid.IntRange(8, 32).Draw(rt, "bits")
			size := uint64(1) << (32 - bits)
			if next = (next + size - 1) / size * size; next >= 1<<32 {
				break
			}
			networks[fmt.Sprintf("%s/%d", addr(uint32(next)), bits)] = flat(rapid.SampledFrom([]string{"DE", "US", "BR"}).Draw(rt, "country"))
			ends = append(ends, uint32(next))
			next += size * uint64(rapid.IntRange(1, 2).Draw(rt, "then"))
			ends = append(ends, uint32(next))
		}
		if len(networks) > 0 {
			f(networks, ends...)
		}
	})
}

func TestRangesOfTheDemo(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(need(t, ccDB))
	if err != nil {
		t.Fatal(err)
	}
	c, err := newCountries(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range c.ipv4.first {
		alike(t, c, n)
	}
}
