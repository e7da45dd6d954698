package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"leadline"
	"leadline/app"
)

const keysUse = "use: leadline keys create PARTNER [--scope SCOPE]… [--note TEXT], leadline keys rotate PARTNER [--grace 72h], leadline keys list, or leadline keys revoke ID"

// maxGrace keeps a forgotten key from living on.
const maxGrace = 90 * 24 * time.Hour

func keys(ctx context.Context, c *command) error {
	flags := c.flags("keys")
	file := configFlag(flags)
	var scopes []string
	flags.Func("scope", "what a created key may do, "+strings.Join(leadline.Scopes, ", ")+"; may be repeated (default "+leadline.ScopeEventsWrite+")", func(s string) error {
		if !slices.Contains(leadline.Scopes, s) {
			return fmt.Errorf("there are %s", strings.Join(leadline.Scopes, ", "))
		}
		if !slices.Contains(scopes, s) {
			scopes = append(scopes, s)
		}
		return nil
	})
	note := flags.String("note", "", "whose a created key is, for the list")
	grace := flags.Duration("grace", 72*time.Hour, "how long a rotated key lives on")
	if err := c.parse(flags, 2); err != nil {
		return err
	}
	what, name := flags.Arg(0), flags.Arg(1)
	if known := slices.Contains([]string{"create", "rotate", "list", "revoke"}, what); !known || (what == "list") != (name == "") {
		fmt.Fprintln(c.err, keysUse)
		return errUsage
	}
	if *grace < 0 || *grace > maxGrace {
		fmt.Fprintf(c.err, "--grace %s: want 0s to %s\n", *grace, maxGrace)
		return errUsage
	}
	if len(scopes) == 0 {
		scopes = []string{leadline.ScopeEventsWrite}
	}
	config, err := c.config(*file)
	if err != nil {
		return err
	}
	db, err := app.OpenKeys(config)
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // every change is on disk already
	switch what {
	case "create":
		key, text, err := db.New(ctx, name, *note, scopes)
		if err != nil {
			return err
		}
		c.showKey(key, text)
		return nil
	case "rotate":
		key, old, text, err := db.Rotate(ctx, name, *grace)
		if err != nil {
			return err
		}
		c.showKey(key, text)
		fmt.Fprintf(c.err, "Key %s ends at %s.\n", old.ID, old.RevokedAt.UTC().Format(time.RFC3339))
		return nil
	case "list":
		return listKeys(ctx, c, db)
	default:
		return db.Revoke(ctx, name)
	}
}

// showKey says a new key's text, alone on standard output, and what it is.
func (c *command) showKey(key leadline.APIKey, text string) {
	fmt.Fprintf(c.out, "%s\n", text)
	fmt.Fprintf(c.err, "Shown once. Partner %s, id %s, scope %s.\n", key.Partner, key.ID, strings.Join(key.Scopes, " "))
}

func listKeys(ctx context.Context, c *command, db *app.Keys) error {
	all, err := db.List(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tPARTNER\tSCOPES\tCREATED\tLAST USED\tENDS\tNOTE")
	for _, k := range all {
		ends, used := "–", "–"
		if !k.RevokedAt.IsZero() {
			ends = k.RevokedAt.UTC().Format("2006-01-02 15:04")
		}
		if k.LastUsed != "" {
			used = k.LastUsed
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Partner, strings.Join(k.Scopes, " "), k.CreatedAt.Format(time.DateOnly), used, ends, k.Note)
	}
	return w.Flush()
}
