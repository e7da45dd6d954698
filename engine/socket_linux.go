package engine

import (
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// giveUpStalled makes the system break the connection when the peer has taken nothing of what waits for it for so long.
// A deadline cannot do that without looking at every byte. See TCP_USER_TIMEOUT in tcp(7).
func giveUpStalled(conn *net.TCPConn, after time.Duration) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	var optErr error
	err = raw.Control(func(fd uintptr) {
		optErr = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(after.Milliseconds()))
	})
	if err == nil {
		err = optErr
	}
	if err != nil {
		return fmt.Errorf("engine: set TCP_USER_TIMEOUT: %w", err)
	}
	return nil
}
