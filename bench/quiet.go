package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// machine is what all CPUs have done so far, and how much of it was ours: the bench and the children that have ended.
type machine struct{ all, busy, ours time.Duration }

func readMachine() (m machine, err error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return m, fmt.Errorf("read the machine: %w", err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	const idle, wait, guest = 3, 4, 8 // guest time is in user's already
	for i, f := range strings.Fields(first)[1:] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return m, fmt.Errorf("read the machine: %w", err)
		}
		if i >= guest {
			break
		}
		spent := time.Duration(n) * time.Second / ticks
		m.all += spent
		if i != idle && i != wait {
			m.busy += spent
		}
	}
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			return m, fmt.Errorf("read the machine: %w", err)
		}
		m.ours += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return m, nil
}

// others is the share of the machine that somebody else used since then, other virtual machines on the same host
// included. It tells whether figures are worth keeping.
func (m machine) others() (float64, error) {
	now, err := readMachine()
	if err != nil {
		return 0, err
	}
	theirs := (now.busy - m.busy) - (now.ours - m.ours)
	return max(0, theirs.Seconds()/(now.all-m.all).Seconds()), nil
}
