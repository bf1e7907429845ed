# Every target does its own set-up and can be repeated. Set YES=1 (or CI) to be asked nothing.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
BIN := target/release/codemate-preview
DEMO := tests/fixtures/projects/flask-hello

.PHONY: demo test test-pure test-projects lint prove-sandbox bench bench-abuse bench-gateway bench-supabase completions setup setup-tests clean-demo bench-isolation prove-paths prove-vm fuzz

## Set everything up and run the main job: a Flask project, a URL, and what it answers.
demo: setup
	cargo build --release --quiet
	$(BIN) images build
	URL=$$($(BIN) up $(DEMO)); echo "$$URL"; curl --fail --silent --show-error "$$URL"

## Take the demo's preview away again, with everything it kept.
clean-demo:
	$(BIN) down --purge $(DEMO)
	$(BIN) agent stop

## Set everything up and run every test, on the real Docker and in a real browser.
test: setup-tests lint
	cargo build
	target/debug/codemate-preview images build
	target/debug/codemate-preview images build codemate/python:3.11
	target/debug/codemate-preview agent stop
	CODEMATE_PREVIEW_TEST_DOCKER=required CODEMATE_PREVIEW_TEST_BROWSER=required \
		CODEMATE_PREVIEW_TEST_TUNNELS=required CODEMATE_PREVIEW_TEST_SUPABASE=required \
		cargo test --lib --tests

## The tests that need no Docker.
test-pure:
	CODEMATE_PREVIEW_TEST_DOCKER=none cargo test --lib --tests -- --skip docker_engine::

## Every small project of tests/projects, brought up fresh; `make test` has a core of them.
test-projects: setup-tests
	cargo build
	target/debug/codemate-preview images build
	target/debug/codemate-preview agent stop
	CODEMATE_PREVIEW_TEST_DOCKER=required CODEMATE_PREVIEW_TEST_PROJECTS=all \
		cargo test --test projects

## What is too slow for every run: 200 previews that probe from their first instruction, eight stacks
## under the profile (an image of 1.5 GB), an engine that maps users, gVisor if `runsc` is there. As
## root, for a second engine; its user `dockremap` stays.
prove-sandbox: setup-tests
	cargo build
	target/debug/codemate-preview images build
	target/debug/codemate-preview images build codemate/python:3.11
	target/debug/codemate-preview agent stop
	CODEMATE_PREVIEW_TEST_DOCKER=required CODEMATE_PREVIEW_PROVE_SANDBOX=1 \
		cargo test --test sandbox -- --nocapture

## Seventy classes of hostile paths at every entrance, and the swap races ten times as long.
prove-paths:
	CODEMATE_PREVIEW_TEST_SWAPS=1000000 cargo test --test it -- paths:: --include-ignored --nocapture

## A preview in two virtual machines: Debian's own kernels and engines (20.10 and 26.1), cgroup v2,
## volumes with quotas on xfs. As root. Without a KVM that runs a stock kernel they are emulated.
prove-vm: setup
	cargo build --release --quiet
	$(BIN) images build
	job=$$(mktemp -d); trap 'rm -rf "$$job"' EXIT; \
	tests/vm/pack preview "$$job"; \
	for suite in bookworm trixie; do tests/vm/run "$$suite" "$$job" "target/vm/$$suite.out"; done

## Fuzz what reads the unknown, FUZZ_SECONDS each. Takes `cargo install cargo-fuzz` and a nightly.
FUZZ_SECONDS ?= 600
FUZZ_TARGETS ?= path_rules wire journal dockerignore rows toml_config filter
fuzz:
	for target in $(FUZZ_TARGETS); do \
		mkdir -p "fuzz/target/found/$$target"; \
		cargo +nightly fuzz run "$$target" "fuzz/target/found/$$target" "fuzz/corpus/$$target" \
			-- -max_total_time=$(FUZZ_SECONDS); \
	done

lint:
	cargo fmt --check
	cargo clippy --all-targets --quiet -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --quiet

## Our `up`, edits and first sync beside docker's own, in one run.
bench: setup
	cargo build --release --quiet
	$(BIN) images build
	cargo bench --bench up

## A preview and the agent while another preview takes all it can get.
bench-abuse: setup
	cargo build --release --quiet
	$(BIN) images build
	cargo bench --bench abuse

## A start in a network that is held, beside a plain container's on the default bridge.
bench-isolation:
	cargo bench --bench isolation

## The gateway beside nginx, if that is installed.
bench-gateway:
	cargo bench --bench gateway
	cargo bench --bench slow_clients

## The first pull of 10 000 rows beside paging by offset, then saves in a table until they are seen
## over HTTP; both on a real PostgreSQL and PostgREST.
bench-supabase: setup-tests
	cargo build --release --quiet
	$(BIN) images build
	cargo bench --bench supabase
	cargo bench --bench supabase_edit

## Write completions/ anew from the binary.
completions:
	UPDATE_COMPLETIONS=1 cargo test --quiet --test it completions

## Docker and the Debian bases of our images, where they are missing.
setup:
	images/setup

## That, and what the tests need: Chromium, Node.js and what npm installs for them, sshd, PostgreSQL.
setup-tests:
	images/setup tests
	tests/supabase/setup
