package app

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"leadline/ingest"
	"leadline/ingest/enrich"
	"leadline/schema"
	"leadline/server"
	"leadline/source"
)

// readSchemas compiles the event schemas of a folder; without one payloads are not checked.
func readSchemas(dir At) (*schema.Registry, error) {
	if dir.Value == "" {
		return nil, nil //nolint:nilnil // no registry is a registry without schemas
	}
	if info, err := os.Stat(dir.Value); err != nil || !info.IsDir() {
		return nil, source.Errors{dir.Pos.Error("there is no folder "+dir.Value, "correct schemas")}
	}
	r, err := schema.Load(os.DirFS(dir.Value))
	return r, inFolder(dir.Value, err)
}

// inFolder puts the folder before the file names of mistakes, so that an editor finds them.
func inFolder(dir string, err error) error {
	var errs source.Errors
	if !errors.As(err, &errs) {
		return err
	}
	for _, e := range errs {
		e.File = filepath.Join(dir, e.File)
	}
	return errs
}

// readQualify compiles the file of qualify rules; without one outcomes stay empty.
func readQualify(file At) (*ingest.Rules, error) {
	if file.Value == "" {
		return nil, nil //nolint:nilnil // no rules are rules that say nothing
	}
	data, err := os.ReadFile(file.Value)
	if err != nil {
		return nil, source.Errors{file.Pos.Error("qualify rules: "+err.Error(), "correct the path")}
	}
	return ingest.LoadRules(file.Value, data)
}

// countryFile is where `make engine` puts the CC0 database, beside the folder of the binary or the working folder.
const countryFile = "node_modules/@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb"

// openGeoIP is nil where countries are not to be looked up, or no file is found and none was asked for.
func openGeoIP(c GeoIP, log *slog.Logger) (ingest.GeoIP, error) {
	switch {
	case c.URL.Value != "":
		h, err := enrich.NewHTTP(enrich.HTTPOptions{URL: c.URL.Value, Timeout: c.Timeout.Value, Concurrency: 128, Log: log})
		if err != nil {
			return nil, source.Errors{c.URL.Pos.Error(err.Error(), "correct pipeline.geoip.url")}
		}
		return h, nil
	case c.MMDB.Value == "none":
		return nil, nil
	case c.MMDB.Value != "":
		m, err := enrich.NewMMDB(c.MMDB.Value)
		if err != nil {
			return nil, source.Errors{c.MMDB.Pos.Error(err.Error(), "correct pipeline.geoip.mmdb")}
		}
		return m, nil
	}
	dirs := []string{"."}
	if exe, err := os.Executable(); err == nil {
		dirs = append(dirs, filepath.Join(filepath.Dir(exe), ".."), filepath.Dir(exe))
	}
	for _, dir := range dirs {
		m, err := enrich.NewMMDB(filepath.Join(dir, countryFile))
		if err == nil {
			return m, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	log.Warn("no country database is installed, countries stay empty", "run", "make engine")
	return nil, nil
}

// readBots reads the secrets of the webhooks.
func readBots(c Config) (map[string]server.Bot, error) {
	bots := map[string]server.Bot{}
	for _, b := range c.Bots {
		secret, err := readSecret(b.Value.SecretFile)
		if err != nil {
			return nil, err
		}
		bots[b.Name.Value] = server.Bot{Partner: b.Value.Partner.Value, Secret: secret}
	}
	return bots, nil
}

func readToken(c Telegram, given string) (string, error) {
	if given != "" {
		return given, nil
	}
	return readSecret(c.TokenFile)
}

// readSecret reads one line from a file, "" where no file is named.
func readSecret(file At) (string, error) {
	if file.Value == "" {
		return "", nil
	}
	data, err := os.ReadFile(file.Value)
	if err != nil {
		return "", source.Errors{file.Pos.Error("secret file: "+err.Error(), "create it with the secret as its only line")}
	}
	secret := strings.TrimSpace(string(data))
	if secret == "" {
		return "", source.Errors{file.Pos.Error(fmt.Sprintf("secret file %s is empty", file.Value), "write the secret into it")}
	}
	return secret, nil
}
