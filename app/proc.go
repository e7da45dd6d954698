package app

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
)

// ticksPerSecond is USER_HZ, in which Linux tells times on every platform that Go knows, see proc(5).
const ticksPerSecond = 100

// procfs reads what Linux tells of processes and of the machine. What is not there or cannot be read is 0: a sample
// with a hole is better than none.
type procfs struct{ fs.FS }

// process is a process' CPU time and memory.
type process struct {
	ticks uint64 // user and system
	rss   int64  // bytes
}

func (p procfs) processID(pid int) process {
	if pid <= 0 {
		return process{}
	}
	return p.process(strconv.Itoa(pid))
}

// process reads /proc/<name>/stat. The second field is the program's name in parentheses, in which anything may stand;
// utime, stime and rss are fields 14, 15 and 24.
func (p procfs) process(name string) process {
	text := p.text(path.Join(name, "stat"))
	f := fields(text[bytes.LastIndexByte(text, ')')+1:]) // begins with field 3
	return process{ticks: number(f, 14-3) + number(f, 15-3), rss: int64(number(f, 24-3)) * int64(os.Getpagesize())}
}

// ticks are those of all cores together.
type ticks struct{ busy, all uint64 }

// machine reads the first line of /proc/stat: cpu, user, nice, system, idle, iowait, irq, softirq, steal. The two
// after them, guest and guest_nice, are in user and nice already.
func (p procfs) machine() ticks {
	line, _, _ := bytes.Cut(p.text("stat"), []byte("\n"))
	f := fields(line)
	if len(f) == 0 || f[0] != "cpu" {
		return ticks{}
	}
	var t ticks
	for i := 1; i <= 8; i++ {
		t.all += number(f, i)
	}
	t.busy = t.all - number(f, 4) - number(f, 5)
	return t
}

// traffic counts bytes.
type traffic struct{ in, out uint64 }

// disk reads /proc/self/io: what went to and came from the disk, not what the page cache took.
func (p procfs) disk() (t traffic) {
	for line := range bytes.Lines(p.text("self/io")) {
		f := fields(line)
		switch {
		case len(f) == 0:
		case f[0] == "read_bytes:":
			t.in = number(f, 1)
		case f[0] == "write_bytes:":
			t.out = number(f, 1)
		}
	}
	return t
}

// net reads /proc/net/dev: name, then 8 columns of what was received and 8 of what was sent, the bytes first.
func (p procfs) net() (t traffic) {
	for line := range bytes.Lines(p.text("net/dev")) {
		if _, columns, ok := bytes.Cut(line, []byte(":")); ok {
			f := fields(columns)
			t.in += number(f, 0)
			t.out += number(f, 8)
		}
	}
	return t
}

// openFiles counts the entries of /proc/self/fd.
func (p procfs) openFiles() int {
	entries, err := fs.ReadDir(p, "self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}

func (p procfs) text(name string) []byte {
	text, err := fs.ReadFile(p, name)
	if err != nil {
		return nil
	}
	return text
}

func fields(text []byte) []string { return strings.Fields(string(text)) }

// number is the field at i, 0 where there is none.
func number(f []string, i int) uint64 {
	if i >= len(f) {
		return 0
	}
	n, err := strconv.ParseUint(f[i], 10, 64)
	if err != nil {
		return 0
	}
	return n
}
