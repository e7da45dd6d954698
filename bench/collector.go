package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// collectorConfig keeps the sending queue in a file, synced before each acknowledgement, and sends 10,000 records or
// what gathered in 200 ms: the least that the Collector needs to promise what Leadline promises.
const collectorConfig = `
receivers:
  otlp: {protocols: {http: {endpoint: "%s", max_request_body_size: 67108864}}}
extensions:
  file_storage: {directory: "%s", create_directory: true, fsync: true}
exporters:
  clickhouse:
    endpoint: tcp://%s
    username: leadline
    password: %s
    database: otel
    create_schema: true
    logs_table_name: logs
    timeout: 30s
    async_insert: false
    retry_on_failure: {enabled: true, initial_interval: 1s, max_interval: 5s, max_elapsed_time: 0s}
    sending_queue:
      {enabled: true, sizer: items, queue_size: 1000000, num_consumers: 2, storage: file_storage, batch: {flush_timeout: 200ms, min_size: 10000, max_size: 20000}}
service:
  extensions: [file_storage]
  telemetry: {metrics: {level: none}, logs: {level: error}}
  pipelines: {logs: {receivers: [otlp], exporters: [clickhouse]}}
`

// buildCollector compiles the module beside us, a minute the first time.
func buildCollector(ctx context.Context) (string, error) {
	binary, err := filepath.Abs("bin/otelcol")
	if err != nil {
		return "", fmt.Errorf("build the collector: %w", err)
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, ".")
	cmd.Dir = filepath.Join("bench", "otelcol")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("build the collector in %s: %w: leave otel out of -only to measure without it", cmd.Dir, err)
	}
	return binary, nil
}

func startCollector(ctx context.Context, o *options, dir string, _ int) (_ *subject, err error) {
	e, err := startEngine(ctx, dir, "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &subject{addr: freeAddr(), clickhouse: e.Pid(), stop: func() { e.Close() }} //nolint:errcheck // its data is thrown away
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	native, http, err := ports(e)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "otelcol.yaml")
	text := fmt.Sprintf(collectorConfig, s.addr, filepath.Join(dir, "queue"), native, enginePassword)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("configure the collector: %w", err)
	}
	p, err := start(ctx, o.collector, "--config", "file:"+file)
	if err != nil {
		return nil, err
	}
	p.ignore()
	s.log = p.log
	s.server, s.stop = p.cmd.Process.Pid, func() { p.stop(); e.Close() } //nolint:errcheck // its data is thrown away
	if err := answering(ctx, s.addr); err != nil {
		return nil, errors.Join(err, fmt.Errorf("the collector did not start:\n%s", p.log))
	}
	db := database{http, "leadline", enginePassword}
	s.stored = db.counter("otel.logs")
	s.shape = shape{"/v1/logs", []string{"Content-Type: application/x-protobuf"}, func(events []event) []byte { return appendOTLP(nil, events) }}
	return s, nil
}
