package engine

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// The bounds of what is kept of a child's output.
const (
	keptLines = 8
	keptWidth = 500 // bytes of a line
)

// output takes what a child writes, its log included, and keeps the lines that may explain its end: the first ones from
// the first fatal one on, else the last ones.
type output struct {
	fatal chan struct{} // closed with the first fatal line

	mu    sync.Mutex
	line  []byte // the last, unfinished one
	lines []string
	dying bool
}

func newOutput() *output { return &output{fatal: make(chan struct{})} }

// chatter matches lines that explain nothing: warnings, stack frames, ornaments.
var chatter = regexp.MustCompile(`^\s*$|^Logging warning to |<(Warning|Information)>|^\s*\d+\. .*@ 0x|<Fatal> \w+:\s*(\d+\. |#|Stack trace|Sent by|Changed settings|Integrity|Report|\(version [\d.]+\)$|$)|^ \(version `)

// Write never fails: the child must not be held up by its own chatter.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for rest := p; len(rest) > 0; {
		part, next, whole := bytes.Cut(rest, []byte("\n"))
		rest = next
		o.line = append(o.line, part[:min(len(part), keptWidth-len(o.line))]...)
		if whole {
			o.note(strings.TrimRight(string(o.line), " \r"))
			o.line = o.line[:0]
		}
	}
	return len(p), nil
}

func (o *output) note(line string) {
	if !o.dying && strings.Contains(line, "<Fatal>") {
		o.dying = true
		o.lines = nil
		close(o.fatal)
	}
	if chatter.MatchString(line) || o.dying && len(o.lines) == keptLines {
		return
	}
	line, _, _ = strings.Cut(line, ", Stack trace (")
	o.lines = append(o.lines, line)
	o.lines = o.lines[max(0, len(o.lines)-keptLines):]
}

// last returns the lines that were kept.
func (o *output) last() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	lines := slices.Clone(o.lines)
	if rest := string(o.line); !chatter.MatchString(rest) {
		lines = append(lines, rest)
	}
	return lines
}
