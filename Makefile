# Everything is built and checked with Go, bash, make, git and coreutils; the
# tools below are fetched by Go at the versions written here.
#
#   make test     the whole suite, on a fresh machine
#   make lint     gofmt, go vet, staticcheck, golangci-lint
#   make race     the suite under the race detector (needs a C compiler)
#   make fuzz     every fuzz target for FUZZTIME
#   make bench    the refresh path over HTTP, measured from outside (BENCHFLAGS=--help)
#   make microbench  every Go benchmark
#   make vuln     known vulnerabilities in what is linked
#   make screenshots  every page, in both colour schemes, as PNG files below bin/screenshots
#   make build    bin/latchkey;  make cross  the same for four systems

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build

GO_MIN := 1.26
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.8.0

PACKAGES ?= ./...
TESTFLAGS ?=
BENCHFLAGS ?=
FUZZTIME ?= 30s
FUZZJOBS ?= 2
PLATFORMS := linux/amd64 linux/arm64 darwin/arm64 windows/amd64

.PHONY: test lint fmt vet staticcheck golangci race fuzz bench microbench build cross vuln screenshots check-go check-cc check-postgres check-chromium check-clients

test: check-go check-postgres check-chromium check-clients
	go test -timeout 30m $(TESTFLAGS) $(PACKAGES)

lint: fmt vet staticcheck golangci

fmt: check-go
	@out=$$("$$(go env GOROOT)/bin/gofmt" -l .); if [[ -n $$out ]]; then echo "not gofmt-clean:" >&2; echo "$$out" >&2; exit 1; fi

vet: check-go
	go vet $(PACKAGES)

staticcheck: check-go
	go run $(STATICCHECK) $(PACKAGES)

golangci: check-go
	go run $(GOLANGCI) run $(PACKAGES)

race: check-go check-cc check-postgres check-chromium check-clients
	CGO_ENABLED=1 go test -race -timeout 40m $(TESTFLAGS) $(PACKAGES)

fuzz: check-go
	@.ci/fuzz $(FUZZTIME) $(FUZZJOBS) $(PACKAGES)

bench: check-go
	go run ./internal/bench $(BENCHFLAGS)

microbench: check-go
	go test -run '^$$' -bench . -benchmem $(TESTFLAGS) $(PACKAGES)

screenshots: check-go check-chromium
	@rm -rf bin/screenshots
	go test ./internal/browser -count=1 -run 'TestPages|TestDevice|TestLogout_Asks' -screenshots '$(CURDIR)/bin/screenshots'
	@echo "$$(ls bin/screenshots | wc -l) pictures in bin/screenshots"

build: check-go
	CGO_ENABLED=0 go build -trimpath -o bin/latchkey ./cmd/latchkey

cross: check-go
	@for p in $(PLATFORMS); do \
		os=$${p%/*}; arch=$${p#*/}; out=bin/latchkey-$$os-$$arch; [[ $$os != windows ]] || out=$$out.exe; \
		echo "build $$out"; \
		CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch go build -trimpath -o $$out ./cmd/latchkey; \
	done

# The list of vulnerabilities is fetched; without a network there is nothing to
# compare with, which is said and is no failure.
vuln: check-go
	@out=$$(go run $(GOVULNCHECK) $(PACKAGES) 2>&1) && code=0 || code=$$?; \
	echo "$$out"; \
	if [[ $$code != 0 && $$out == *"fetching vulnerabilities"* ]]; then \
		echo "vuln: SKIPPED: the vulnerability database cannot be reached"; exit 0; \
	fi; \
	exit $$code

check-go:
	@if ! command -v go >/dev/null; then \
		echo "make: go is missing: install Go $(GO_MIN) or newer from https://go.dev/dl/ and put it on PATH" >&2; exit 1; \
	fi; \
	have=$$(go version); \
	if ! [[ $$have =~ go([0-9]+)\.([0-9]+) ]]; then \
		echo "make: 'go version' answers '$$have': install Go $(GO_MIN) or newer from https://go.dev/dl/" >&2; exit 1; \
	fi; \
	min=$(GO_MIN); \
	if (( BASH_REMATCH[1]*1000 + BASH_REMATCH[2] < $${min%.*}*1000 + $${min#*.} )); then \
		echo "make: Go $(GO_MIN) or newer is needed, this is $${BASH_REMATCH[0]}: install it from https://go.dev/dl/" >&2; exit 1; \
	fi

# The tests start PostgreSQL by themselves.
check-postgres:
	@.ci/postgres

# The tests start Chromium by themselves.
check-chromium:
	@.ci/chromium

# The tests fetch and run other people's clients.
check-clients:
	@.ci/clients

check-cc:
	@cc=$$(go env CC); if ! command -v "$${cc%% *}" >/dev/null; then \
		echo "make: the race detector needs a C compiler, and $$cc is missing: install gcc or clang" >&2; exit 1; \
	fi
