package app

import (
	"testing"

	"leadline/internal/chtest"
)

func TestMain(m *testing.M) { chtest.Main(m) }
