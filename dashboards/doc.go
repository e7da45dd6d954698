// Package dashboards is the folder of Grafana's dashboards and of the files that provision them. It has no code: its
// tests hold the dashboards to the statements of package sql, and run every one of them on the real ClickHouse.
//
// A panel's refId names the file in sql/query that it shows. After a change there run `go test ./dashboards -update`.
package dashboards
