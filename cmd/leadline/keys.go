package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"leadline"
	"leadline/app"
)

func keys(ctx context.Context, c *command) error {
	flags := c.flags("keys")
	file := configFlag(flags)
	if err := c.parse(flags, 2); err != nil {
		return err
	}
	what, name := flags.Arg(0), flags.Arg(1)
	if known := what == "create" || what == "list" || what == "revoke"; !known || (what == "list") != (name == "") {
		fmt.Fprintln(c.err, "use: leadline keys create PARTNER, leadline keys list, or leadline keys revoke ID")
		return errUsage
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
		key, text, err := db.New(ctx, name, "", []string{leadline.ScopeEventsWrite})
		if err != nil {
			return err
		}
		fmt.Fprintf(c.out, "%s\n", text)
		fmt.Fprintf(c.err, "Shown once. Partner %s, id %s, scope %s.\n", key.Partner, key.ID, strings.Join(key.Scopes, " "))
		return nil
	case "list":
		return listKeys(ctx, c, db)
	default:
		return db.Revoke(ctx, name)
	}
}

func listKeys(ctx context.Context, c *command, db *app.Keys) error {
	all, err := db.List(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tPARTNER\tSCOPES\tCREATED\tREVOKED\tNOTE")
	for _, k := range all {
		revoked := "–"
		if !k.RevokedAt.IsZero() {
			revoked = k.RevokedAt.Format(time.DateOnly)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Partner, strings.Join(k.Scopes, " "), k.CreatedAt.Format(time.DateOnly), revoked, k.Note)
	}
	return w.Flush()
}
