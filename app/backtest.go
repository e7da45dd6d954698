package app

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"leadline"
	"leadline/oncall"
	"leadline/rules"
	"leadline/rules/backtest"
	"leadline/rules/measure"
)

// Backtest says which rules are played over which time.
type Backtest struct {
	From, To   time.Time
	Paths      []string       // of rules; none: those of the configuration
	Diff       string         // another file or folder of rules, "" for none
	Rule       *regexp.Regexp // over group/rule; nil takes all
	MaxQueries int            // of a rule's own SQL, which is asked once a slot
}

// Backtest plays rules over what ClickHouse holds. other is the report of Diff's rules, nil without.
func (d *Data) Backtest(ctx context.Context, c Config, b Backtest) (report, other *backtest.Report, err error) {
	if oldest := time.Now().Add(-measure.Kept); b.From.Before(oldest) {
		return nil, nil, fmt.Errorf("--from %s is before %s: of what is older ClickHouse keeps hours only, in which no rule can be played", b.From.UTC().Format(time.RFC3339), oldest.UTC().Format(time.RFC3339))
	}
	own, err := readRules(c.Rules)
	if err != nil {
		return nil, nil, err
	}
	first := own
	if len(b.Paths) > 0 {
		if first, err = readPaths(b.Paths); err != nil {
			return nil, nil, err
		}
		if len(first.Schedules) == 0 {
			first.Schedules = own.Schedules
		}
	}
	if report, err = d.play(ctx, b, first.Groups, first.Schedules); err != nil || b.Diff == "" {
		return report, nil, err
	}
	second, err := readPaths([]string{b.Diff})
	if err != nil {
		return nil, nil, err
	}
	other, err = d.play(ctx, b, second.Groups, first.Schedules)
	return report, other, err
}

func readPaths(paths []string) (ruleSet, error) {
	var at []At
	for _, p := range paths {
		at = append(at, At{Value: p})
	}
	return readRules(at)
}

func (d *Data) play(ctx context.Context, b Backtest, groups []*rules.Group, schedules []oncall.Schedule) (*backtest.Report, error) {
	chosen := choose(groups, b.Rule)
	if len(chosen) == 0 {
		return nil, fmt.Errorf("there is no rule to play: %s", whyNone(groups, b.Rule))
	}
	reader := measure.New(d)
	return backtest.Run(ctx, backtest.Options{
		Groups: chosen, From: b.From, To: b.To,
		History: func(ctx context.Context, asks []*measure.Ask, from, to time.Time) (backtest.History, error) {
			return reader.History(ctx, asks, from, to, b.MaxQueries)
		},
		OnCall: func(labels leadline.Labels, at time.Time) (string, time.Time) {
			s, ok := oncall.ScheduleOf(schedules, labels)
			if !ok {
				return "", at
			}
			return s.OnCall(at), at.In(s.Zone)
		},
	})
}

// choose takes the rules that the pattern names, in groups of their own.
func choose(groups []*rules.Group, pattern *regexp.Regexp) []*rules.Group {
	if pattern == nil {
		return groups
	}
	var out []*rules.Group
	for _, g := range groups {
		part := *g
		part.Rules = nil
		for _, r := range g.Rules {
			if pattern.MatchString(g.Name + "/" + r.Name) {
				part.Rules = append(part.Rules, r)
			}
		}
		if len(part.Rules) > 0 {
			out = append(out, &part)
		}
	}
	return out
}

func whyNone(groups []*rules.Group, pattern *regexp.Regexp) string {
	if len(groups) == 0 {
		return "name rules in the configuration, or files of RuleGroup documents behind the verb"
	}
	return fmt.Sprintf("%q matches no group/rule", pattern)
}
