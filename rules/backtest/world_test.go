package backtest

import (
	"testing"
	"time"

	"leadline/internal/chtest"
)

func TestMain(m *testing.M) { chtest.Main(m) }

var began = time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC) // a Monday
