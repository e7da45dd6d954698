package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"leadline/source"
)

// Config is leadline.yaml. Every field has a default, so no file is needed. Paths are relative to the file's folder.
type Config struct {
	Listen     source.At[string]   `yaml:"listen"` // HTTP
	Data       string              `yaml:"data"`   // spool, state.db, the embedded ClickHouse
	ClickHouse ClickHouse          `yaml:"clickhouse"`
	Bots       source.Map[Bot]     `yaml:"bots"`     // webhooks, by the name in /v1/telegram/{bot}
	Schemas    source.At[string]   `yaml:"schemas"`  // folder of <event.type>/<major>.json, "" for none
	Limits     Limits              `yaml:"limits"`   // of partners that partners does not name, and what it leaves out
	Partners   source.Map[Partner] `yaml:"partners"` // by the name of their keys
	Hooks      source.Map[Hook]    `yaml:"hooks"`    // webhooks of third parties, by the name in /v1/hooks/{name}
	Spool      Spool               `yaml:"spool"`
	Pipeline   Pipeline            `yaml:"pipeline"`
	Rules      []At                `yaml:"rules"` // files and folders of RuleGroup and Schedule documents
	Telegram   Telegram            `yaml:"telegram"`
	Heartbeat  Heartbeat           `yaml:"heartbeat"`
}

// At is a text that knows its place in the file.
type At = source.At[string]

// ClickHouse says where the tables are: in the embedded engine, or at addrs.
type ClickHouse struct {
	Embedded     Embedded `yaml:"embedded"`
	Addrs        []string `yaml:"addrs"` // native protocol, host:port
	Database     string   `yaml:"database"`
	Username     string   `yaml:"username"`
	PasswordFile At       `yaml:"password_file"`
	Cluster      string   `yaml:"cluster"`
	TLS          bool     `yaml:"tls"`
}

// Embedded is the engine that Leadline starts itself.
type Embedded struct {
	Native    string `yaml:"native"`
	HTTP      string `yaml:"http"`
	MaxMemory Size   `yaml:"max_memory"`
}

// Bot is a bot whose Telegram webhook points at Leadline.
type Bot struct {
	Partner    At `yaml:"partner,required"`
	SecretFile At `yaml:"secret_file,required"`
}

// Pipeline is what happens to an event between spool and ClickHouse.
type Pipeline struct {
	GeoIP   GeoIP `yaml:"geoip"`
	Qualify At    `yaml:"qualify"` // file, "" for none
}

// GeoIP looks the country of an address up: in a file in memory, or at a third party over HTTP.
type GeoIP struct {
	MMDB    At              `yaml:"mmdb"` // "" for the installed CC0 database, "none" for no look-up
	URL     At              `yaml:"url"`  // GET url?ip=… answers {"country_code":"DE"}
	Timeout source.Duration `yaml:"timeout"`
}

// Telegram is where messages go.
type Telegram struct {
	TokenFile At                           `yaml:"token_file"`
	API       string                       `yaml:"api"`
	Chats     source.Map[source.At[int64]] `yaml:"chats"`  // name: chat id; "ops" gets what no team label names
	People    source.Map[source.At[int64]] `yaml:"people"` // name: Telegram user id; who is on call and may press
}

// Size is a number of bytes, such as 512MiB.
type Size int64

// UnmarshalText reads a whole number with one of the units KiB, MiB, GiB.
func (s *Size) UnmarshalText(text []byte) error {
	for unit, factor := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
		if digits, ok := strings.CutSuffix(string(text), unit); ok {
			n, err := strconv.ParseInt(digits, 10, 64)
			if err == nil && n > 0 && n <= 1<<40/factor {
				*s = Size(n * factor)
				return nil
			}
		}
	}
	return fmt.Errorf("%q is not a size: write it like 512MiB or 2GiB", text)
}

// Default is the configuration without a file: everything on this machine, nothing sent.
func Default() Config {
	return Config{
		Listen: At{Value: "127.0.0.1:8080"},
		Data:   "data",
		ClickHouse: ClickHouse{
			Embedded: Embedded{Native: "127.0.0.1:19000", HTTP: "127.0.0.1:18123", MaxMemory: 2 << 30},
			Database: "leadline",
			Username: "leadline",
		},
		Spool:     Spool{Max: 4 << 30, Window: source.Duration{Value: 48 * time.Hour}},
		Pipeline:  Pipeline{GeoIP: GeoIP{Timeout: source.Duration{Value: 2 * time.Second}}},
		Telegram:  Telegram{API: "https://api.telegram.org"},
		Heartbeat: Heartbeat{Every: source.Duration{Value: time.Minute}},
	}
}

// ReadConfig reads a file over the defaults. Its mistakes come all at once as source.Errors.
func ReadConfig(path string) (Config, error) {
	c := Default()
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, fmt.Errorf("no configuration at %s: leave --config out to run with defaults", path)
	}
	if err != nil {
		return c, fmt.Errorf("read configuration: %w", err)
	}
	docs, err := source.Documents(path, data)
	if err != nil {
		return c, err
	}
	if len(docs) > 1 {
		return c, source.Errors{docs[1].Pos.Error("a second document", "leadline.yaml is one document")}
	}
	for _, d := range docs {
		if errs := append(d.Decode(&c), c.check()...); len(errs) > 0 {
			return c, errs.Sorted()
		}
	}
	c.resolve(filepath.Dir(path))
	return c, nil
}

// check finds what the decoder cannot: fields that contradict each other.
func (c *Config) check() (errs source.Errors) {
	if g := c.Pipeline.GeoIP; !g.URL.Pos.IsZero() && !g.MMDB.Pos.IsZero() {
		errs = append(errs, g.URL.Pos.Error("geoip has both url and mmdb", "keep one of them"))
	}
	if t := c.Telegram; !t.TokenFile.Pos.IsZero() && len(t.Chats) == 0 {
		errs = append(errs, t.TokenFile.Pos.Error("a token, but no chats", "add telegram.chats with at least ops: <chat id>"))
	}
	errs = append(errs, c.Heartbeat.check()...)
	return append(errs, c.checkPartners()...)
}

// resolve makes the paths absolute from the configuration's folder.
func (c *Config) resolve(dir string) {
	abs := func(p *string) {
		if *p != "" && *p != "none" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	abs(&c.Data)
	abs(&c.Schemas.Value)
	abs(&c.ClickHouse.PasswordFile.Value)
	abs(&c.Pipeline.GeoIP.MMDB.Value)
	abs(&c.Pipeline.Qualify.Value)
	abs(&c.Telegram.TokenFile.Value)
	abs(&c.Heartbeat.URLFile.Value)
	for i := range c.Rules {
		abs(&c.Rules[i].Value)
	}
	for i := range c.Partners {
		abs(&c.Partners[i].Value.SecretsFile.Value)
	}
	for i := range c.Hooks {
		abs(&c.Hooks[i].Value.SecretFile.Value)
	}
	for i := range c.Bots {
		abs(&c.Bots[i].Value.SecretFile.Value)
	}
}
