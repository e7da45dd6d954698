package enrich

import (
	"context"
	"encoding/binary"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"leadline"
)

// mmdb builds a database of IPv4 networks, which must not overlap. A value is ready-encoded data (see flat, nested).
func mmdb(kind string, networks map[string]string) []byte {
	type node [2]int // -1: no data; <0: -2-index into data; else: a node
	nodes := []node{{-1, -1}}
	var data []byte
	for cidr, value := range networks {
		p := netip.MustParsePrefix(cidr)
		a := p.Addr().As4()
		at := 0
		for bit := range p.Bits() {
			side := a[bit/8] >> (7 - bit%8) & 1
			if bit == p.Bits()-1 {
				nodes[at][side] = -2 - len(data)
				break
			}
			if nodes[at][side] < 0 {
				nodes = append(nodes, node{-1, -1})
				nodes[at][side] = len(nodes) - 1
			}
			at = nodes[at][side]
		}
		data = append(data, value...)
	}
	var out []byte
	for _, n := range nodes {
		for _, v := range n {
			if v == -1 {
				v = len(nodes)
			} else if v < 0 {
				v = len(nodes) + 16 + (-2 - v)
			}
			out = append(out, byte(v>>16), byte(v>>8), byte(v))
		}
	}
	out = append(out, make([]byte, 16)...)
	out = append(out, data...)
	out = append(out, "\xab\xcd\xefMaxMind.com"...)
	count := string(binary.BigEndian.AppendUint32(nil, uint32(len(nodes))))
	return append(out, table(
		"binary_format_major_version", "\xa1\x02", "binary_format_minor_version", "\xa0", "build_epoch", "\x00\x02",
		"database_type", text(kind), "description", "\xe0", "ip_version", "\xa1\x04", "languages", "\x00\x04",
		"node_count", "\xc4"+count, "record_size", "\xa1\x18",
	)...)
}

func text(s string) string { return string(rune(0x40|len(s))) + s } // up to 28 bytes; 0x40 | n stays below 0x80

func table(pairs ...string) string {
	var b strings.Builder
	b.WriteByte(0xe0 | byte(len(pairs)/2))
	for i := 0; i < len(pairs); i += 2 {
		b.WriteString(text(pairs[i]) + pairs[i+1])
	}
	return b.String()
}

func flat(code string) string { return table("country_code", text(code)) }

func nested(code string) string {
	return table("country", table("iso_code", text(code)), "continent", table("code", text("EU")))
}

func write(tb testing.TB, data []byte) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "country.mmdb")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// lookup gives the countries of addrs in one string.
func lookup(tb testing.TB, m *MMDB, addrs ...string) string {
	tb.Helper()
	in := make([]netip.Addr, len(addrs))
	for i, a := range addrs {
		if a != "" {
			in[i] = netip.MustParseAddr(a)
		}
	}
	results := make([]Result, len(in))
	m.Countries(context.Background(), in, results)
	var out []string
	for _, r := range results {
		if r.Status != leadline.StatusOK || r.Wait != 0 {
			tb.Errorf("result %+v: want ok and no wait", r)
		}
		out = append(out, r.Country)
	}
	return strings.Join(out, ",")
}

func TestMMDBReadsBothShapes(t *testing.T) {
	t.Parallel()
	m, err := NewMMDB(write(t, mmdb("test-country", map[string]string{
		"8.8.8.0/24": nested("US"), "9.0.0.0/8": flat("DE"), "11.1.0.0/16": table(),
	})))
	if err != nil {
		t.Fatal(err)
	}
	f := func(addr, want string) {
		t.Helper()
		if got := lookup(t, m, addr); got != want {
			t.Errorf("%s: got %q, want %q", addr, got, want)
		}
	}
	f("8.8.8.8", "US")
	f("9.255.255.255", "DE")
	f("::ffff:9.1.2.3", "DE") // as a dual-stack socket reports it
	f("11.1.2.3", "")         // known, without a country
	f("12.0.0.1", "")         // not known
	f("2a00::1", "")          // IPv6 in an IPv4 database
	f("10.0.0.1", "")         // private
	f("127.0.0.1", "")
	f("", "") // the event had no address
	if got := lookup(t, m, "8.8.8.8", "", "9.0.0.1", "8.8.8.9"); got != "US,,DE,US" {
		t.Errorf("batch: got %q", got)
	}
}

func TestMMDBRefuses(t *testing.T) {
	t.Parallel()
	f := func(data []byte, want string) {
		t.Helper()
		path := write(t, data)
		_, err := NewMMDB(path)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("got error %v, want one with %q and the path", err, want)
		}
	}
	good := mmdb("test-country", map[string]string{"9.0.0.0/8": flat("DE")})
	f(nil, "not a MaxMind DB file")
	f([]byte("PK\x03\x04 a zip file"), "not a MaxMind DB file")
	f(mmdb("GeoLite2-ASN", map[string]string{"9.0.0.0/8": flat("DE")}), `its type is "GeoLite2-ASN": use a Country`)
	f(mmdb("test-country", nil), "no countries")
	f(mmdb("test-country", map[string]string{"9.0.0.0/8": flat("Germany")}), "not an ISO 3166-1 code")
	f(mmdb("test-country", map[string]string{"9.0.0.0/8": table("country", text("DE"))}), "damaged")
	loop := append([]byte{}, good...)
	copy(loop, []byte{0, 0, 0, 0, 0, 0}) // both children of the root are the root
	f(loop, "damaged")
	if _, err := NewMMDB(filepath.Join(t.TempDir(), "absent.mmdb")); err == nil || !strings.Contains(err.Error(), "absent.mmdb") {
		t.Errorf("absent file: got %v", err)
	}
}

func TestMMDBReload(t *testing.T) {
	t.Parallel()
	path := write(t, mmdb("test-country", map[string]string{"9.0.0.0/8": flat("DE")}))
	m, err := NewMMDB(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("half a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := m.Reload(); err == nil {
		t.Error("a damaged file was taken")
	}
	if got := lookup(t, m, "9.0.0.1"); got != "DE" {
		t.Errorf("after a failed reload: got %q, want the old answer", got)
	}
	if err := os.WriteFile(path, mmdb("test-country", map[string]string{"9.0.0.0/8": flat("FR")}), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := m.Reload(); err != nil {
		t.Fatal(err)
	}
	if got := lookup(t, m, "9.0.0.1"); got != "FR" {
		t.Errorf("after a reload: got %q", got)
	}
}

// The CC0 database that `make run` uses; npm puts it there.
const ccDB = "../../node_modules/@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb"

func need(tb testing.TB, path string) string {
	tb.Helper()
	if _, err := os.Stat(path); err != nil {
		tb.Skipf("needs %s, which is not here", path)
	}
	return path
}

func TestMMDBOfTheDemo(t *testing.T) {
	t.Parallel()
	m, err := NewMMDB(need(t, ccDB))
	if err != nil {
		t.Fatal(err)
	}
	if got := lookup(t, m, "8.8.8.8", "2a00:1450:4001:80b::200e", "193.99.144.80"); got != "US,IE,DE" {
		t.Errorf("got %q", got)
	}
}

func TestMMDBOfMaxMind(t *testing.T) {
	t.Parallel()
	f := func(file, want string) {
		t.Helper()
		m, err := NewMMDB(file)
		if err != nil {
			t.Error(err)
			return
		}
		got := lookup(t, m, "2.125.160.216", "81.2.69.160", "2001:218::1", "67.43.156.1", "1.0.0.1")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", file, diff)
		}
	}
	dir := filepath.Dir(need(t, "../../../shared/data/geo/GeoLite2-Country-Test.mmdb"))
	f(dir+"/GeoLite2-Country-Test.mmdb", "GB,GB,JP,BT,")
	f(dir+"/GeoLite2-City-Test.mmdb", "GB,GB,JP,BT,")
	if _, err := NewMMDB(dir + "/GeoLite2-ASN-Test.mmdb"); err == nil || !strings.Contains(err.Error(), "GeoLite2-ASN") {
		t.Errorf("an ASN database was taken: %v", err)
	}
}

// Whatever the bytes, loading ends with a database or an error, and a database answers.
func FuzzMMDB(f *testing.F) {
	f.Add(mmdb("test-country", map[string]string{"9.0.0.0/8": flat("DE"), "8.8.8.0/24": nested("US")}))
	f.Add(mmdb("test-country", nil))
	f.Add([]byte("\xab\xcd\xefMaxMind.com"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := newCountries(data)
		if err != nil {
			return
		}
		for _, a := range []string{"8.8.8.8", "9.0.0.1", "255.255.255.255", "2a00::1"} {
			got := c.of(netip.MustParseAddr(a))
			if got != "" && !isCountry(got) {
				t.Errorf("%s is in %q", a, got)
			}
			if want, _ := c.find(netip.MustParseAddr(a)); got != want {
				t.Errorf("%s is in %q, want %q", a, got, want)
			}
		}
	})
}

func BenchmarkMMDB(b *testing.B) {
	m, err := NewMMDB(need(b, ccDB))
	if err != nil {
		b.Fatal(err)
	}
	addrs := make([]netip.Addr, 1024)
	for i := range addrs {
		addrs[i] = netip.AddrFrom4([4]byte{byte(i*37 + 1), byte(i * 11), byte(i * 7), byte(i)})
	}
	results := make([]Result, len(addrs))
	b.ReportAllocs()
	for i := 0; i < b.N; i += len(addrs) {
		m.Countries(b.Context(), addrs, results)
	}
}
