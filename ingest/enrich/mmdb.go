package enrich

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"

	"github.com/oschwald/maxminddb-golang/v2"

	"leadline"
)

// MMDB finds countries in a MaxMind DB file that it holds in memory. It is safe for concurrent use.
type MMDB struct {
	path string
	now  atomic.Pointer[countries]
}

// NewMMDB reads the database at path. It refuses a file that is damaged or that holds no countries.
//
// The file is read, not mapped: a mapped file that somebody overwrites in place ends the process with SIGBUS.
func NewMMDB(path string) (*MMDB, error) {
	m := &MMDB{path: path}
	if err := m.Reload(); err != nil {
		return nil, err
	}
	return m, nil
}

// Reload reads the file again and puts it in place at once, or leaves everything as it is and returns an error.
func (m *MMDB) Reload() error {
	data, err := os.ReadFile(m.path)
	if err != nil {
		return fmt.Errorf("read country database: %w", err)
	}
	c, err := newCountries(data)
	if err != nil {
		return fmt.Errorf("country database %s: %w", m.path, err)
	}
	m.now.Store(c)
	return nil
}

// Waits is false: answers are in memory.
func (m *MMDB) Waits() bool { return false }

// Countries looks up addrs and writes the answer for addrs[i] into results[i]. It never waits and ignores ctx; a look-up
// takes less than reading a clock twice, so none is timed.
func (m *MMDB) Countries(_ context.Context, addrs []netip.Addr, results []Result) {
	c := m.now.Load()
	for i, a := range addrs {
		country := ""
		if a = a.Unmap(); public(a) {
			country = c.of(a)
		}
		results[i] = Result{Country: country, Status: leadline.StatusOK}
	}
}

// countries is one loaded database. Thousands of networks share a few hundred records, so each record is decoded once
// when the file is loaded, and a look-up of an IPv6 address only walks the tree.
type countries struct {
	reader *maxminddb.Reader
	byPos  map[uintptr]string // the country of the record at an offset; read only
	ipv4   *ranges
}

// record has the field of both shapes of country databases: MaxMind's and the flat one of ip-location-db.
type record struct {
	Country struct {
		ISOCode string `maxminddb:"iso_code"`
	} `maxminddb:"country"`
	CountryCode string `maxminddb:"country_code"`
}

func newCountries(data []byte) (*countries, error) {
	reader, err := maxminddb.OpenBytes(data)
	if err != nil {
		return nil, fmt.Errorf("not a MaxMind DB file: %w", err)
	}
	// An ASN database opens without an error and would give empty countries for ever.
	if kind := strings.ToLower(reader.Metadata.DatabaseType); !strings.Contains(kind, "country") &&
		!strings.Contains(kind, "city") && !strings.Contains(kind, "enterprise") {
		return nil, fmt.Errorf("its type is %q: use a Country or City database", reader.Metadata.DatabaseType)
	}
	c := &countries{reader: reader, byPos: map[uintptr]string{}}
	var leaves uint
	for network := range reader.Networks(maxminddb.IncludeNetworksWithoutData()) {
		if err := network.Err(); err != nil {
			return nil, fmt.Errorf("damaged: %w", err)
		}
		// A tree has one leaf more than it has nodes; a damaged one may go in circles.
		if leaves++; leaves > reader.Metadata.NodeCount+1 {
			return nil, errors.New("damaged: its search tree has a loop")
		}
		if !network.Found() {
			continue
		}
		if _, ok := c.byPos[network.Offset()]; ok {
			continue
		}
		var r record
		if err := network.Decode(&r); err != nil {
			return nil, fmt.Errorf("damaged at %s: %w", network.Prefix(), err)
		}
		code := r.Country.ISOCode
		if code == "" {
			code = r.CountryCode
		}
		if code != "" && !isCountry(code) {
			return nil, fmt.Errorf("the country of %s is %q, not an ISO 3166-1 code of two letters", network.Prefix(), code)
		}
		c.byPos[network.Offset()] = code
	}
	if len(c.byPos) == 0 {
		return nil, errors.New("it has no countries")
	}
	c.ipv4, err = newRanges(c.find, reader.Metadata.NodeCount+1)
	return c, err
}

// of is the country of an address that is not IPv4 in IPv6.
func (c *countries) of(a netip.Addr) string {
	if a.Is4() {
		return c.ipv4.of(a)
	}
	country, _ := c.find(a)
	return country
}

// find walks the tree.
func (c *countries) find(a netip.Addr) (country string, network netip.Prefix) {
	found := c.reader.Lookup(a)
	if found.Found() {
		country = c.byPos[found.Offset()]
	}
	return country, found.Prefix()
}
