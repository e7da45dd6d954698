package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"text/template"
)

// The two users that come through the guard. The library needs a third one, default, for its own first queries:
// users.xml says what keeps it shut.
const (
	writerUser  = "leadline"
	analystUser = "analyst"
)

// tolerance is how long, in seconds, the engine waits for a client that neither reads nor sends; the default of the HTTP
// protocol, 30, is short for somebody who looks at rows.
const tolerance = 300

// longest is the end, in seconds, of any query: of those whose client is gone, too.
const longest = 3600

// The system logs exist only if they are named here; libchdb has no configuration of its own.
//
// The settings of merge_tree are for parts that come four times a second and hold some thousand rows: a merge of ten, not
// six, rewrites rows half as often; what it writes stays in few files (a wide part of events has 130, a compact one 14), and
// it computes no column statistics, which only the order of joins is chosen by. Together a third of the engine's CPU at
// 12,000 events a second.
//
// Merges have half of the cores: with four threads for them on two cores, one of their bursts was what the slowest
// acknowledgements of a second waited for (p99 11 to 16 ms, now 6 to 9). A thread takes turns between two merges, the smaller
// one first, and the second may not be huge, so that a long one does not keep the small ones from ending.
var configXML = template.Must(template.New("config.xml").Funcs(xmlFuncs).Parse(`<clickhouse>
  <users_config>{{xml .Users}}</users_config>
  <timezone>UTC</timezone>
  <max_server_memory_usage>{{.MaxMemory}}</max_server_memory_usage>
  <background_pool_size>{{.Merging}}</background_pool_size>
  <background_merges_mutations_concurrency_ratio>2</background_merges_mutations_concurrency_ratio>
  <background_schedule_pool_size>16</background_schedule_pool_size>
  <max_connections>{{.MaxConnections}}</max_connections>
  <keep_alive_timeout>60</keep_alive_timeout>
  <mark_cache_size>134217728</mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <query_log>
    <database>system</database>
    <table>query_log</table>
    <partition_by>event_date</partition_by>
    <ttl>event_date + INTERVAL 3 DAY DELETE</ttl>
    <flush_interval_milliseconds>5000</flush_interval_milliseconds>
  </query_log>
  <merge_tree>
    <number_of_free_entries_in_pool_to_lower_max_size_of_merge>2</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
    <number_of_free_entries_in_pool_to_execute_mutation>1</number_of_free_entries_in_pool_to_execute_mutation>
    <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>1</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
    <auto_statistics_types></auto_statistics_types>
    <merge_selector_base>10</merge_selector_base>
    <min_bytes_for_wide_part>67108864</min_bytes_for_wide_part>
    <packed_skip_index_max_bytes>1048576</packed_skip_index_max_bytes>
  </merge_tree>
  <logger>
    <log>{{xml .Log}}</log>
    <console>1</console>
    <size>10M</size>
    <count>3</count>
  </logger>
</clickhouse>
`))

// User default, who has no password because the library's own first queries come without one, may do what these do and
// read nothing; the guard keeps the name out besides. The analyst's grants leave out every source (file, url, remote).
var usersXML = template.Must(template.New("users.xml").Funcs(xmlFuncs).Parse(`<clickhouse>
  <profiles>
    <default>
      <max_execution_time>{{.Longest}}</max_execution_time>
      <http_receive_timeout>{{.Tolerance}}</http_receive_timeout>
      <http_send_timeout>{{.Tolerance}}</http_send_timeout>
      <cancel_http_readonly_queries_on_client_close>1</cancel_http_readonly_queries_on_client_close>
    </default>
    <analyst>
      <readonly>2</readonly>
      <max_execution_time>60</max_execution_time>
      <max_memory_usage_for_user>{{.AnalystMemory}}</max_memory_usage_for_user>
      <constraints>
        <max_memory_usage_for_user><const/></max_memory_usage_for_user>
        <max_execution_time><min>1</min><max>{{.Longest}}</max></max_execution_time>
        <cancel_http_readonly_queries_on_client_close><const/></cancel_http_readonly_queries_on_client_close>
      </constraints>
    </analyst>
    <starter>
      <max_execution_time>0</max_execution_time>
    </starter>
  </profiles>
  <quotas><default/></quotas>
  <users>
    <default>
      <no_password/>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>starter</profile>
      <quota>default</quota>
      <grants>
        <query>GRANT SYSTEM LISTEN ON *.*</query>
        <query>GRANT CREATE TEMPORARY TABLE ON *.*</query>
      </grants>
    </default>
    <{{.Writer}}>
      <password_sha256_hex>{{.WriterHash}}</password_sha256_hex>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <access_management>1</access_management>
    </{{.Writer}}>
    <{{.Analyst}}>
      <password_sha256_hex>{{.AnalystHash}}</password_sha256_hex>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>analyst</profile>
      <quota>default</quota>
      <grants>
        <query>GRANT SELECT ON leadline*.*</query>
        <query>GRANT SELECT ON information_schema.*</query>
        <query>GRANT SELECT ON INFORMATION_SCHEMA.*</query>
        <query>GRANT SHOW ON leadline*.*</query>
        {{- range .Readable}}
        <query>GRANT SELECT ON system.{{.}}</query>
        {{- end}}
      </grants>
    </{{.Analyst}}>
  </users>
</clickhouse>
`))

// readable lists what clients read of database system on behalf of the analyst, beside that which everybody may.
var readable = []string{"query_log", "parts", "processes", "dictionaries", "macros", "clusters", "disks"}

var xmlFuncs = template.FuncMap{"xml": func(s string) (string, error) {
	var b bytes.Buffer
	err := xml.EscapeText(&b, []byte(s))
	return b.String(), err
}}

// writeConfig writes config.xml and users.xml for the child into dir, readable by their owner only, and returns the
// path of config.xml.
func writeConfig(o Options) (string, error) {
	if o.WriterPassword == "" || o.AnalystPassword == "" {
		return "", errors.New("engine: an empty password: give the writer and the analyst one each")
	}
	users, config := filepath.Join(o.Dir, "users.xml"), filepath.Join(o.Dir, "config.xml")
	err := render(users, usersXML, map[string]any{
		"Tolerance": tolerance, "Longest": longest, "Readable": readable, "AnalystMemory": o.MaxMemory / 2,
		"Writer": writerUser, "WriterHash": hash(o.WriterPassword),
		"Analyst": analystUser, "AnalystHash": hash(o.AnalystPassword),
	})
	if err != nil {
		return "", err
	}
	err = render(config, configXML, map[string]any{"Users": users, "Log": filepath.Join(o.Dir, "engine.log"), "MaxMemory": o.MaxMemory, "MaxConnections": 2*usualLimits.sessions + 16, "Merging": max(1, runtime.NumCPU()/2)})
	if err != nil {
		return "", err
	}
	return config, keepSystem(storeDir(o.Dir))
}

func storeDir(dir string) string { return filepath.Join(dir, "store") }

// keepSystem makes system a database that lasts. Without this file the library has it in memory, and then the directory
// of a query_log of an earlier run keeps the next one from being created.
func keepSystem(store string) error {
	path := filepath.Join(store, "metadata", "system.sql")
	if isFile(path) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("engine: create the store: %w", err)
	}
	const statement = "ATTACH DATABASE _ UUID '6c656164-6c69-4e65-8000-000000000001' ENGINE = Atomic\n"
	if err := os.WriteFile(path, []byte(statement), 0o600); err != nil {
		return fmt.Errorf("engine: create the store: %w", err)
	}
	return nil
}

func hash(password string) string {
	h := sha256.Sum256([]byte(password))
	return hex.EncodeToString(h[:])
}

// render replaces the file as a whole: a file of an earlier start keeps neither its content nor its mode.
func render(path string, t *template.Template, data any) error {
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		panic(fmt.Sprintf("BUG: %s: %v", t.Name(), err))
	}
	next := path + ".next"
	if err := os.Remove(next); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("engine: replace %s: %w", next, err)
	}
	if err := os.WriteFile(next, b.Bytes(), 0o600); err != nil {
		return fmt.Errorf("engine: write the configuration: %w", err)
	}
	if err := os.Rename(next, path); err != nil {
		return fmt.Errorf("engine: put the configuration in place: %w", err)
	}
	return nil
}
