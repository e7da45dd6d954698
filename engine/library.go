package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// packages maps a platform to the npm package that ships libchdb.so for it. They exist for these four.
var packages = map[string]string{
	"linux/amd64":  "@chdb/lib-linux-x64-gnu",
	"linux/arm64":  "@chdb/lib-linux-arm64-gnu",
	"darwin/amd64": "@chdb/lib-darwin-x64",
	"darwin/arm64": "@chdb/lib-darwin-arm64",
}

// FindLibrary returns the path of libchdb.so: the explicit one if it is not empty, else the first found next to the
// executable, in node_modules beside the executable's directory, and in node_modules of the working directory or of one
// above it. The error says which command installs it.
func FindLibrary(explicit string) (string, error) {
	if explicit != "" {
		if !isFile(explicit) {
			return "", fmt.Errorf("engine: no libchdb.so at %s: correct LEADLINE_CHDB, or unset it and run `make engine`", explicit)
		}
		return filepath.Abs(explicit)
	}
	pkg, err := libraryPackage(runtime.GOOS + "/" + runtime.GOARCH)
	if err != nil {
		return "", err
	}
	for _, path := range candidates(pkg) {
		if isFile(path) {
			return path, nil
		}
	}
	return "", fmt.Errorf("engine: libchdb.so of %s is not installed: run `make engine`, or set LEADLINE_CHDB to its path, "+
		"or use a ClickHouse server with clickhouse.addrs", pkg)
}

func libraryPackage(platform string) (string, error) {
	pkg, ok := packages[platform]
	if !ok {
		return "", fmt.Errorf("engine: there is no embedded ClickHouse for %s: use a ClickHouse server with clickhouse.addrs", platform)
	}
	return pkg, nil
}

func candidates(pkg string) []string {
	const name = "libchdb.so"
	inModules := filepath.Join("node_modules", filepath.FromSlash(pkg), name)
	var paths []string
	if exe, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(exe); err == nil {
			exe = real
		}
		dir := filepath.Dir(exe)
		paths = append(paths, filepath.Join(dir, name), filepath.Join(dir, "..", inModules))
	}
	if dir, err := os.Getwd(); err == nil {
		for {
			paths = append(paths, filepath.Join(dir, inModules))
			parent := filepath.Dir(dir)
			if parent == dir {
				break
			}
			dir = parent
		}
	}
	return paths
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
