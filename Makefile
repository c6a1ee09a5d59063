# Weir. `make` or `make help` lists the targets.

GO      ?= go
PYTHON  ?= python3
CACHE   := $(CURDIR)/.cache
BIN     := $(CACHE)/bin
FUZZ    ?= 30s
TESTS   ?= ./...

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build the program into ./weir
	@$(GO) build -o weir ./cmd/weir

.PHONY: demo
demo: build ## two simulators, the gateway and the query API on this machine, until Ctrl-C
	@./weir demo $(ARGS)

.PHONY: check
check: ## format, vet, staticcheck, floors, generated files, known vulnerabilities
	@out=$$(gofmt -s -l $$(git ls-files '*.go')); test -z "$$out" || { echo "not gofmt -s: $$out"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) test -count=1 .
	$(GO) test -count=1 -run TestReference ./cmd/weir
	@sh e2e/vulncheck.sh $(BIN)

.PHONY: test
test: sdks ## every test, with the race detector; fetches the pinned SDKs first
	WEIR_SDKS=$(CACHE) $(GO) test -race -timeout 20m $(TESTS)

.PHONY: sdks
sdks: $(CACHE)/python.stamp $(CACHE)/node.stamp

$(CACHE)/python.stamp: e2e/python/requirements.txt
	@mkdir -p $(CACHE)
	@if command -v $(PYTHON) >/dev/null && $(PYTHON) -c 'import venv, ensurepip' 2>/dev/null; then \
	  echo "fetching the Python SDK into .cache/python"; \
	  $(PYTHON) -m venv $(CACHE)/python && $(CACHE)/python/bin/pip install --quiet --disable-pip-version-check -r $< && touch $@; \
	else echo "no python3 with venv here: the tests of the Python SDK will be skipped"; fi

$(CACHE)/node.stamp: e2e/node/package.json e2e/node/package-lock.json
	@mkdir -p $(CACHE)/node
	@if command -v npm >/dev/null; then \
	  echo "fetching the Node SDK into .cache/node"; \
	  cp e2e/node/package.json e2e/node/package-lock.json $(CACHE)/node/ && npm --prefix $(CACHE)/node ci --silent --no-audit --no-fund --ignore-scripts && touch $@; \
	else echo "no npm here: the tests of the Node SDK will be skipped"; fi

.PHONY: bench
bench: ## the gateway beside a bare reverse proxy: ratios, printed as a table
	$(GO) run ./bench $(ARGS)

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZ (30s) each
	@for p in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz' || true); do \
	    echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZ) $$p || exit 1; done; done

.PHONY: docs
docs: ## write the generated reference pages and goldens anew
	$(GO) test -count=1 -run TestReference ./cmd/weir -update

.PHONY: clean
clean: ## remove what was built and fetched
	rm -rf weir $(CACHE) weir-demo
