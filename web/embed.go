// Package web holds the pages that the binary serves. Their source lies beside this file; `make web` bundles it into
// dist, which is embedded and never committed.
package web

import (
	"embed"
	"errors"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// ErrNotBuilt is the error of Files in a binary that was built before its pages.
var ErrNotBuilt = errors.New("the pages are not built into this binary: run `make web`, then build again")

// Files are the built pages: one directory each, such as phone, with an index.html.
func Files() (fs.FS, error) {
	if _, err := fs.Stat(dist, "dist/phone/index.html"); err != nil {
		return nil, ErrNotBuilt
	}
	return fs.Sub(dist, "dist")
}
