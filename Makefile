# Leadline. `make` lists what there is; `make run` shows what it does.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c

GOLANGCI_VERSION := v2.15.0
CHDB_VERSION := 26.7.3-stable.1
export CGO_ENABLED ?= 0

# The package of the embedded ClickHouse that npm serves for this machine.
CHDB := @chdb/lib-$(shell uname -s | sed 's/Linux/linux/;s/Darwin/darwin/')-$(shell uname -m | sed 's/x86_64/x64/;s/aarch64/arm64/')$(shell [ "$$(uname -s)" = Linux ] && echo -gnu || true)

##@ Use

.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' Makefile

.PHONY: run
run: build ## build, then show a campaign rush, a slow third party and the alert (ARGS="--for 4m")
	@bin/leadline demo $(ARGS)

.PHONY: build
build: engine web ## build bin/leadline
	@echo "· go build (a minute the first time)"
	@go build -trimpath -o bin/leadline ./cmd/leadline

.PHONY: engine
engine: node_modules/.leadline ## install the embedded ClickHouse, the country database, the pages' libraries

node_modules/.leadline: package.json package-lock.json
	@command -v node >/dev/null && command -v npm >/dev/null || { echo "Node.js 20 or newer with npm is needed: install it, then run make again"; exit 1; }
	@echo "· npm ci (ClickHouse, country database, page libraries)"
	@npm ci --no-fund --no-audit --loglevel=error
	@[ -e "node_modules/$(CHDB)" ] || npm install --no-save --no-fund --no-audit --loglevel=error "$(CHDB)@$(CHDB_VERSION)"
	@touch $@

.PHONY: web
web: web/dist/.built ## build the pages that the binary embeds

web/dist/.built: node_modules/.leadline $(shell find web -type f -not -path 'web/dist/*' -not -name '*.go')
	@echo "· npm run build"
	@npm run --silent build
	@touch $@

##@ Work

.PHONY: test
test: engine web ## run every test, against the real embedded ClickHouse
	@go test -timeout 10m ./...

.PHONY: race
race: engine web ## the same with the race detector (needs a C compiler)
	@CGO_ENABLED=1 go test -race -timeout 20m ./...

.PHONY: check
check: engine web bin/golangci-lint ## lint, formatting, examples
	@bin/golangci-lint run ./...
	@go mod verify >/dev/null
	@go build -o bin/leadline ./cmd/leadline && bin/leadline check examples

.PHONY: fmt
fmt: bin/golangci-lint ## format the code
	@bin/golangci-lint fmt ./...

bin/golangci-lint: Makefile
	@echo "· golangci-lint $(GOLANGCI_VERSION)"
	@GOBIN="$(CURDIR)/bin" go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	@touch $@

.PHONY: fuzz
fuzz: engine ## run every fuzz target for FUZZTIME (30s each)
	@grep -rlE '^func Fuzz' --include=*_test.go . | xargs -n1 dirname | sort -u | while read -r dir; do \
	  grep -ohE '^func Fuzz[A-Za-z]+' $$dir/*_test.go | sed 's/func //' | while read -r f; do \
	    echo "· $$dir $$f"; go test -run '^$$' -fuzz "^$$f$$" -fuzztime $${FUZZTIME:-30s} $$dir; done; done

.PHONY: bench
bench: build ## measure the intake beside its limits, write docs/PERFORMANCE.md
	@go run ./bench

.PHONY: clean
clean: ## remove what was built and the demo's data
	@rm -rf bin data web/dist/* web/dist/.built node_modules/.leadline
