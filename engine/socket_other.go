//go:build !linux

package engine

import (
	"net"
	"time"
)

// giveUpStalled needs Linux. Elsewhere a client that does not read keeps its connection until it goes away.
func giveUpStalled(*net.TCPConn, time.Duration) error { return nil }
