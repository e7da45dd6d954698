package oncall

import (
	"context"
	"log/slog"

	"leadline"
)

// LogNotifier logs what would be sent, for a Leadline without a Telegram token.
type LogNotifier struct {
	log *slog.Logger
}

// NewLogNotifier makes one and says, once, that messages go to the log only.
func NewLogNotifier(log *slog.Logger) *LogNotifier {
	log.Warn("telegram: no token configured, messages are only logged")
	return &LogNotifier{log}
}

// Deliver writes one line.
func (l *LogNotifier) Deliver(_ context.Context, n leadline.Notice) (ref string, err error) {
	i := n.Incident
	args := []any{
		"incident", i.ID, "rule", i.Key, "state", string(i.State), "severity", i.Severity,
		"summary", i.Texts["summary"], "on_call", i.OnCall.Name, "revision", i.Revision, "edit", n.Ref != "",
	}
	if b, ok := i.Verdict.Bottleneck(); ok {
		args = append(args, "bottleneck", b.Stage, "share", b.Share)
	}
	l.log.Info("message that would be sent", args...)
	return "logged", nil
}
