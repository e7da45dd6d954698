package server_test

import (
	"log/slog"
	"testing"
)

func leadlineLog(t testing.TB) *slog.Logger {
	t.Helper()
	return slog.New(slog.NewTextHandler(t.Output(), nil))
}
