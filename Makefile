# The commands of this repository. Slow builds (control plane, venv, cargo's target) are cached outside the clone.
SHELL := /bin/bash
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/tributary
export CARGO_TARGET_DIR ?= $(CACHE)/target
BED := python3 tests/bed/bed.py
CLAIM := python3 tests/bed/build_cache.py
TRIBUTARY := $(CARGO_TARGET_DIR)/debug/tributary

# The release image contains the statically linked operator and the CA certificates that this machine trusts, nothing else.
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
HOST := $(shell rustc -vV | sed -n 's/^host: //p')
IMAGE := ghcr.io/tributary-dev/tributary:$(VERSION)
ARCHIVE := tributary-$(VERSION).oci.tar
OPERATOR = $(CARGO_TARGET_DIR)-static/$(HOST)/release/tributary-operator

.PHONY: help demo demo-webhook demo-down test test-bed test-pods image cli generate lint mutants soak bench scale fleet build docs release-check release-check-image kind kind-down

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

build:
	@echo "build: the operator (cold: about 4 minutes, with the tests')"
	@$(CLAIM) $(CARGO_TARGET_DIR)
	@cargo build --locked

demo: build ## start a control plane, an AWS stand-in and the operator; send Benchling events to a queue, a function and a log group
	@TRIBUTARY=$(TRIBUTARY) python3 tests/demo/demo.py up

demo-webhook: build ## send a signed webhook of a Benchling App and show the row in a real PostgreSQL, then stop
	@TRIBUTARY=$(TRIBUTARY) TRIBUTARY_DEMO_STATE=$$(mktemp -d) python3 tests/demo/demo.py webhook

demo-down: ## stop the demo
	@python3 tests/demo/demo.py down

kind: ## run the operator and the AWS stand-in in a kind cluster; needs Docker. Again after a change of the source
	@packaging/dev/kind.sh up

kind-down: ## delete the kind cluster
	@packaging/dev/kind.sh down

test: ## run all tests
	@python3 tests/run.py

test-bed: ## run the tests of the test bed
	@python3 -m unittest discover -s tests/bed

test-pods: build ## run the chart in real pods on a private node; needs root. TRIBUTARY_IMAGE=FILE uses an archive of `make image`
	@$(BED) run --node -- python3 -m unittest discover -v -s tests/pods

image: ## build the image as an OCI archive, without Docker (optimized build: 14 minutes the first time)
	@$(CLAIM) $(CARGO_TARGET_DIR)-static --release --target $(HOST)
	@export CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)-static; \
		CARGO_ENCODED_RUSTFLAGS="$$(python3 packaging/reproducible.py flags)" cargo build --locked --release --bin tributary-operator --target $(HOST) && \
		python3 packaging/reproducible.py paths $(OPERATOR)
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) python3 tests/bed/image.py $(OPERATOR) $(ARCHIVE) --name $(IMAGE) \
		--label org.opencontainers.image.title=tributary --label org.opencontainers.image.licenses=Apache-2.0 \
		--label org.opencontainers.image.source=https://github.com/tributary-dev/tributary \
		--label org.opencontainers.image.version=$(VERSION) --label org.opencontainers.image.revision=$$(git rev-parse HEAD)

cli: ## build the command line as a static binary, for any Linux of this architecture (optimized build: 14 minutes the first time)
	@$(CLAIM) $(CARGO_TARGET_DIR)-static --release --target $(HOST)
	@export CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)-static; \
		CARGO_ENCODED_RUSTFLAGS="$$(python3 packaging/reproducible.py flags)" cargo build --locked --release --bin tributary --target $(HOST)
	@echo "cli: $(CARGO_TARGET_DIR)-static/$(HOST)/release/tributary"

generate: ## generate CRDs, RBAC rules, the chart's copies and README, the API reference and the IAM policies
	@$(CLAIM) $(CARGO_TARGET_DIR)
	@cargo run --locked --quiet -- generate .
	@python3 tests/chart/readme.py --write
	@python3 tests/chart/argocd.py --write
	@python3 tests/chart/bases.py --write

lint: ## run rustfmt, clippy and helm lint; cargo-deny if it is installed
	@$(CLAIM) $(CARGO_TARGET_DIR)
	@tests/lint.sh

docs: ## build the documentation site into target/site; links that lead nowhere are errors
	@python3 packaging/site/build.py

release-check: lint docs ## check all of a release that needs no network. TAG=v1.2.3 also checks the version and the changelog
	@python3 packaging/release.py check $(TAG)
	@$(BED) tools -- python3 -m unittest discover -s tests/packaging
	@$(BED) tools -- python3 -m unittest discover -s tests/chart

release-check-image: image ## build the image, then once more in other folders, and compare the digests (half an hour)
	@python3 packaging/reproducible.py again $(ARCHIVE)

mutants: ## apply each patch in tests/mutants/ and check that its test fails
	@tests/mutants/run.py

soak: ## run the complete reliability program (hours); writes docs/reliability.md and .json. ROWS="crash leader" runs some of it
	@$(CLAIM) $(CARGO_TARGET_DIR)
	@tests/soak.sh $(ROWS)

bench: ## benchmark patterns, operator, gateway and sync against their targets (optimized build: 14 minutes the first time)
	@$(CLAIM) $(CARGO_TARGET_DIR)-bench --release
	@CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)-bench cargo bench --locked -p tributary-pattern --bench patterns
	@CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)-bench $(BED) run --no-aws -- cargo bench --locked --bench rules
	@CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)-bench $(BED) run -- cargo bench --locked --bench burst

scale: ## measure the cost per object at 100, 1,000 and 10,000 rules (half an hour)
	@$(CLAIM) $(CARGO_TARGET_DIR)-bench --release
	@BENCH_SCALE=100,1000,10000 CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)-bench $(BED) run --no-aws -- cargo bench --locked --bench rules

fleet: ## measure 30,000 objects in 30 accounts: cost, restart, resyncs, fairness, replicas (three quarters of an hour)
	@$(CLAIM) $(CARGO_TARGET_DIR)-bench --release
	@BENCH_FLEET=$${BENCH_FLEET:-30000} BENCH_FLEET_REPLICAS=$${BENCH_FLEET_REPLICAS:-3} CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)-bench $(BED) run --no-aws -- cargo bench --locked --bench rules
