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
	@test -d ../shared/data || echo "no ../shared/data: the tests over real Telegram updates and the Bot API's specification are SKIPPED" >&2
	@go test -timeout 10m ./...

.PHONY: race
race: engine web ## the same with the race detector (needs a C compiler)
	@CGO_ENABLED=1 go test -race -timeout 20m ./...

.PHONY: check
check: engine web bin/golangci-lint ## lint, formatting, examples and their tests
	@bin/golangci-lint run ./...
	@go mod verify >/dev/null
	@go build -o bin/leadline ./cmd/leadline && bin/leadline check examples && bin/leadline test examples

.PHONY: fmt
fmt: bin/golangci-lint ## format the code
	@bin/golangci-lint fmt ./...

bin/golangci-lint: Makefile
	@echo "· golangci-lint $(GOLANGCI_VERSION)"
	@GOBIN="$(CURDIR)/bin" go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	@touch $@

.PHONY: fuzz
fuzz: engine ## fuzz every target for FUZZTIME=30s, four at a time (FUZZ=^./ingest narrows them)
	@targets=$$(grep -roE '^func Fuzz[A-Za-z0-9]+' --include=*_test.go --exclude-dir=node_modules . | sed -E 's|/[^/]*:func | |' | sort -u | grep -E '$(FUZZ)') || \
	  { echo "no fuzz target matches $(FUZZ)" >&2; exit 1; }; \
	for package in $$(cut -d ' ' -f 1 <<<"$$targets" | sort -u); do $(FUZZ_BUILD) || exit 1; done; \
	xargs -P 4 -n 2 bash -c "$$FUZZ_ONE" <<<"$$targets"

# With its instrumentation each package is built once before: several that want it at the same time would build it each.
FUZZ_BUILD = go test -run '^$$' -fuzz '^$$' "$$package" >/dev/null

# Go tells in which file the input is that broke a target; whoever reads a log needs the input itself. When the time is
# up, Go before 1.27 can fail a target that has found nothing: https://go.dev/issue/75804.
FUZZ ?= .
FUZZTIME ?= 30s
define FUZZ_ONE
out=$$(go test -run '^$$' -fuzz "^$$1\$$" -fuzztime $(FUZZTIME) -parallel 1 "$$0" 2>&1) && { echo "· $$0 $$1: $$(grep -E '^fuzz: elapsed' <<<"$$out" | tail -1)"; exit; }
grep -q 'context deadline exceeded' <<<"$$out" && ! grep -qE 'Failing input|Failing seed|panic|_test.go' <<<"$$out" && { echo "· $$0 $$1: $$(grep -E '^fuzz: elapsed' <<<"$$out" | tail -1), cut off by the end of its time"; exit; }
echo "$$out"
for file in $$(sed -nE 's/.*Failing input written to (.*)/\1/p' <<<"$$out"); do echo "· $$0 $$1 fails with $$file:"; cat "$$0/$$file"; done
exit 1
endef
export FUZZ_ONE

.PHONY: torture
torture: engine web ## kill and cut Leadline, its engine and its connections under load (FOR=3m SEED=…)
	@go test ./cmd/leadline -count 1 -run '^TestTorture$$' -v -timeout $(TIMEOUT) -torture.for $(FOR) $(if $(SEED),-seed $(SEED))

.PHONY: soak
soak: engine web ## 10,000 rules of 500 instances; a mixed load among misbehaving clients: nothing lost, nothing grows (FOR=3m SEED=…)
	@go test ./rules -count 1 -run '^TestManyRules$$' -v -timeout $(TIMEOUT) -soak
	@go test ./cmd/leadline -count 1 -run '^TestSoak$$' -v -timeout $(TIMEOUT) -soak.for $(FOR) $(if $(SEED),-seed $(SEED))

FOR ?= 3m
TIMEOUT ?= 30m

.PHONY: bench
bench: build ## measure the intake beside its limits, write docs/PERFORMANCE.md
	@go run ./bench

.PHONY: clean
clean: ## remove what was built and the demo's data
	@rm -rf bin data web/dist/* web/dist/.built node_modules/.leadline
