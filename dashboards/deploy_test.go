package dashboards_test

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"leadline/app"
)

type compose struct {
	Services map[string]service
	Volumes  map[string]any
	Configs  map[string]struct{ Content string }
}

type service struct {
	Image   string
	Build   string
	Ports   []string
	Volumes []string
	Configs []struct{ Source, Target string }
	Depends map[string]any `yaml:"depends_on"`
}

// variable is ${NAME:-default}.
var variable = regexp.MustCompile(`\$\{\w+:-(\w*)\}`)

func loadCompose(t *testing.T) compose {
	t.Helper()
	data, err := os.ReadFile("../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	var c compose
	if err := yaml.Unmarshal(variable.ReplaceAll(data, []byte("$1")), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestComposeHoldsTogether(t *testing.T) {
	t.Parallel()
	c := loadCompose(t)
	pinned := regexp.MustCompile(`^[a-z/-]+:[0-9][0-9.]+$`)
	for name, s := range c.Services {
		if s.Build == "" && !pinned.MatchString(s.Image) {
			t.Errorf("%s: image %q is not pinned", name, s.Image)
		}
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s: port %s is open to the world", name, p)
			}
		}
		for _, v := range s.Volumes {
			source, target, _ := strings.Cut(v, ":")
			if _, named := c.Volumes[source]; !named {
				if _, err := os.Stat(filepath.Join("..", source)); err != nil {
					t.Errorf("%s: volume %s: %v", name, v, err)
				}
			}
			if !strings.HasPrefix(target, "/") {
				t.Errorf("%s: volume %s", name, v)
			}
		}
		for _, f := range s.Configs {
			if c.Configs[f.Source].Content == "" {
				t.Errorf("%s: no config %s", name, f.Source)
			}
		}
		for d := range s.Depends {
			if _, ok := c.Services[d]; !ok {
				t.Errorf("%s: no service %s", name, d)
			}
		}
	}
	for _, name := range []string{"clickhouse", "leadline", "grafana"} {
		if _, ok := c.Services[name]; !ok {
			t.Errorf("no service %s", name)
		}
	}
}

func TestComposeConfigs(t *testing.T) {
	t.Parallel()
	c := loadCompose(t)
	for _, name := range []string{"clickhouse_users", "clickhouse_logs"} {
		d := xml.NewDecoder(strings.NewReader(c.Configs[name].Content))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}

	// Leadline's own reader takes the configuration, beside the folders that the container mounts.
	dir := t.TempDir()
	path := filepath.Join(dir, "leadline.yaml")
	if err := os.WriteFile(path, []byte(c.Configs["leadline"].Content), 0o600); err != nil {
		t.Fatal(err)
	}
	config, err := app.ReadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	if ch := config.ClickHouse; len(ch.Addrs) != 1 || ch.Addrs[0] != "clickhouse:9000" || !strings.HasPrefix(ch.PasswordFile.Value, dir) {
		t.Errorf("clickhouse: %+v", ch)
	}
	for _, path := range []string{config.Schemas.Value, config.Pipeline.Qualify.Value, config.Rules[0].Value} {
		inside, err := filepath.Rel(dir, path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join("..", inside)); err != nil {
			t.Error(err)
		}
	}
}

func TestProvisioning(t *testing.T) {
	t.Parallel()
	f := func(path string, v any) {
		t.Helper()
		data, err := os.ReadFile(filepath.Join("provisioning", path))
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(data, v); err != nil {
			t.Fatal(err)
		}
	}
	var sources struct {
		APIVersion  int `yaml:"apiVersion"`
		Datasources []struct {
			Type     string
			JSONData map[string]any `yaml:"jsonData"`
		}
	}
	f("datasources/clickhouse.yml", &sources)
	if d := sources.Datasources; sources.APIVersion != 1 || len(d) != 1 || d[0].Type != "grafana-clickhouse-datasource" || d[0].JSONData["username"] != "analyst" {
		t.Errorf("%+v", sources)
	}
	var dashboards struct {
		APIVersion int `yaml:"apiVersion"`
		Providers  []struct {
			Type    string
			Options struct{ Path string }
		}
	}
	f("dashboards/leadline.yml", &dashboards)
	if p := dashboards.Providers; dashboards.APIVersion != 1 || len(p) != 1 || p[0].Type != "file" {
		t.Fatalf("%+v", dashboards)
	}
	var mounted bool
	for _, v := range loadCompose(t).Services["grafana"].Volumes {
		mounted = mounted || strings.Contains(v, ":"+dashboards.Providers[0].Options.Path+"/overview.json")
	}
	if !mounted {
		t.Error("the provider's folder is not mounted")
	}
}
