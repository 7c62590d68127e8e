# All that people run. Slow things (control plane, venv, cargo's target) are cached outside the clone.
SHELL := /bin/bash
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/tributary
export CARGO_TARGET_DIR ?= $(CACHE)/target
BED := python3 tests/bed/bed.py
TRIBUTARY := $(CARGO_TARGET_DIR)/debug/tributary

# The image of a release is linked statically: it holds the operator and the certificates that this machine trusts, and nothing else.
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
HOST := $(shell rustc -vV | sed -n 's/^host: //p')
IMAGE := ghcr.io/tributary-dev/tributary:$(VERSION)
ARCHIVE := tributary-$(VERSION).oci.tar

.PHONY: help demo demo-webhook demo-down test test-bed test-pods image generate lint mutants soak bench scale build

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

build:
	@echo "build: the operator (cold: about 4 minutes, with the tests')"
	@cargo build --locked

demo: build ## a control plane, an AWS stand-in and the operator; Benchling events from a partner source into a queue, a function, a log group
	@TRIBUTARY=$(TRIBUTARY) python3 tests/demo/demo.py up

demo-webhook: build ## a signed webhook of a Benchling App in, a row in a real PostgreSQL out; ends by itself
	@TRIBUTARY=$(TRIBUTARY) TRIBUTARY_DEMO_STATE=$$(mktemp -d) python3 tests/demo/demo.py webhook

demo-down: ## end what demo started
	@python3 tests/demo/demo.py down

test: ## all tests
	@tests/run.sh

test-bed: ## the tests of the bed itself
	@python3 -m unittest discover -s tests/bed

test-pods: build ## the chart with its image in real pods, on a node in namespaces of its own; needs root. TRIBUTARY_IMAGE=FILE: an archive of `make image`
	@$(BED) run --node -- python3 -m unittest discover -v -s tests/pods

image: ## the image as an OCI archive, without Docker (optimised build: 14 minutes the first time)
	@RUSTFLAGS='-C target-feature=+crt-static' CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)-static cargo build --locked --release --target $(HOST)
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) python3 tests/bed/image.py $(CARGO_TARGET_DIR)-static/$(HOST)/release/tributary $(ARCHIVE) --name $(IMAGE) \
		--label org.opencontainers.image.title=tributary --label org.opencontainers.image.licenses=Apache-2.0 \
		--label org.opencontainers.image.source=https://github.com/tributary-dev/tributary \
		--label org.opencontainers.image.version=$(VERSION) --label org.opencontainers.image.revision=$$(git rev-parse HEAD)

generate: ## CRDs, RBAC rules, the chart's copies and the API reference, from the Rust types
	@cargo run --locked --quiet -- generate .

lint: ## rustfmt, clippy, helm lint; cargo-deny where it is installed
	@tests/lint.sh

mutants: ## apply each patch of tests/mutants/ and see its test go red
	@tests/mutants/run.py

soak: ## the reliability programme in its whole form (hours); writes docs/reliability.md and .json. ROWS="crash leader" for some of it
	@tests/soak.sh $(ROWS)

bench: ## operator, gateway and sync beside a raw floor and a Flask app, with their aims (optimised build: 14 minutes the first time)
	@CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)-bench $(BED) run --no-aws -- cargo bench --locked --bench rules
	@CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)-bench $(BED) run -- cargo bench --locked --bench burst

scale: ## what 100, 1,000 and 10,000 rules cost, each per object (half an hour)
	@BENCH_SCALE=100,1000,10000 CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)-bench $(BED) run --no-aws -- cargo bench --locked --bench rules
