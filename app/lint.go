package app

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"leadline/oncall"
	"leadline/rules"
	"leadline/rules/ruletest"
	"leadline/source"
)

// lint finds rules that cannot do what they are for.
func (c *checker) lint() {
	if len(c.Mistakes) > 0 {
		return // what cannot be read cannot be judged
	}
	for _, g := range c.rules {
		mistakes, notes := rules.Lint(g)
		c.mistakes(mistakes...)
		c.Notes = append(c.Notes, notes...)
	}
}

// tested reads the tests, and names the rules without one.
func (c *checker) tested() {
	covered := map[string]bool{}
	for _, d := range c.tests {
		suite, errs := ruletest.Parse(d, c.files.near(d))
		c.mistakes(errs...)
		if suite == nil {
			continue
		}
		for _, a := range suite.Alerts {
			covered[a.Group.Name+"/"+a.Rule.Name] = true
		}
	}
	if !c.whole {
		return // the tests may be elsewhere
	}
	for _, g := range c.rules {
		if slices.ContainsFunc(g.Rules, func(r *rules.Rule) bool { return r.Objective != nil }) {
			continue // an SLO's rules are Leadline's own
		}
		var bare []string
		var first *rules.Rule
		for _, r := range g.Rules {
			if !covered[g.Name+"/"+r.Name] {
				bare = append(bare, r.Name)
				if first == nil {
					first = r
				}
			}
		}
		if first != nil {
			c.note(first.Pos(), fmt.Sprintf("no test of %s", strings.Join(bare, ", ")), "write one of kind RuleTest, see docs/RULES.md")
		}
	}
}

// scheduleUsers are the places in a schedule's document at which people are named.
type scheduleUsers struct {
	Rotation struct {
		Users []source.At[string] `yaml:"users"`
		Start source.At[string]   `yaml:"start"`
	} `yaml:"rotation"`
}

// people finds who is on call and cannot be reached, when nobody is, and teams that nobody answers for.
func (c *checker) people(schedules []oncall.Schedule) {
	if len(schedules) == 0 {
		return
	}
	known := map[string]bool{}
	for _, config := range c.configs {
		for _, p := range config.Telegram.People {
			known[p.Name.Value] = true
		}
	}
	for _, d := range c.schedules {
		var spec scheduleUsers
		meta, _ := d.Spec(&spec) // what else it has was read before
		for _, u := range spec.Rotation.Users {
			if len(c.configs) > 0 && !known[u.Value] {
				c.mistakes(u.Pos.Error(fmt.Sprintf("%s is on call, and no configuration has a Telegram id of theirs", u.Value), suggestPerson(u.Value, known)))
			}
		}
		for _, s := range schedules {
			if s.Name == meta.Name.Value && s.OnCall(time.Now()) == "" {
				c.note(spec.Rotation.Start.Pos, "nobody is on call before "+spec.Rotation.Start.Value, "start earlier, unless that is meant")
			}
		}
	}
	c.teams(schedules)
}

func suggestPerson(name string, known map[string]bool) string {
	names := slices.Sorted(maps.Keys(known))
	if n := source.Nearest(name, names); n != "" {
		return "did you mean " + n + "?"
	}
	return fmt.Sprintf("add telegram.people: {%s: <user id>}", name)
}

// teams finds labels that are nobody's: their alerts go to ops, or to all schedules where there is no ops.
func (c *checker) teams(schedules []oncall.Schedule) {
	var names []string
	for _, s := range schedules {
		names = append(names, s.Name)
	}
	others := len(slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == "ops" })) > 0
	for _, g := range c.rules {
		for _, r := range g.Rules {
			team, ok := r.Labels["team"]
			if !ok || slices.Contains(names, team) || !others && source.Nearest(team, names) == "" {
				continue // with one schedule for all, teams only name chats
			}
			takes := "all schedules take its alerts"
			if slices.Contains(names, "ops") {
				takes = "ops takes its alerts"
			}
			c.note(r.Pos(), fmt.Sprintf("team %s of %s has no schedule, %s", team, r.Name, takes), source.Suggest(team, names))
		}
	}
}
