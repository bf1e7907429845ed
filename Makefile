# Every target does its own set-up and can be repeated. Set YES=1 (or CI) to be asked nothing.
# A `##` line above a target is its help; a `### WORD` line begins a section of it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
BIN := target/release/codemate-preview
DEMO := tests/fixtures/projects/flask-hello
# The product alone: `cargo build` without this makes the guest once more, for the host.
BUILD := cargo build --bin codemate-preview

.PHONY: help demo clean-demo setup setup-tests \
	test test-pure test-projects lint deny notice \
	prove-sandbox prove-cloudflared prove-paths prove-vm fuzz \
	size bench bench-abuse bench-gateway bench-isolation bench-supabase

### Use

## Set everything up and run the main job: a Flask project, a URL, and what it answers.
demo: setup
	$(BUILD) --release
	$(BIN) images build
	URL=$$($(BIN) up $(DEMO)); echo "$$URL"; curl --fail --silent --show-error "$$URL"
	@printf '\nTo have it on your PATH in this shell:\n  export PATH="%s/target/release:$$PATH"\n' "$(CURDIR)"

## Take the demo's preview away again, with everything it kept.
clean-demo:
# Exit 3: it is gone already.
	$(BIN) down --purge $(DEMO) || [ $$? -eq 3 ]
	$(BIN) agent stop

## Install Docker and the Debian bases of our images, where they are missing.
setup:
	images/setup

## That, and what the tests need: Chromium, Node.js and what npm installs for them, sshd, PostgreSQL.
setup-tests:
	images/setup tests
	tests/supabase/setup

## Print this list.
help:
	@awk '/^### / { printf "\n%s\n", substr($$0, 5); next } \
		/^## / { text = text " " substr($$0, 4); next } \
		/^[a-z-]+:/ && text { name = $$1; sub(":", "", name); \
			printf "  %-16s%s\n", name, text } \
		{ text = "" }' $(firstword $(MAKEFILE_LIST))

### Test

## Set everything up and run every test, on the real Docker and in a real browser.
test: notice setup-tests lint
	$(BUILD)
	target/debug/codemate-preview images build
	target/debug/codemate-preview images build codemate/python:3.11
	target/debug/codemate-preview agent stop
	CODEMATE_PREVIEW_TEST_DOCKER=required CODEMATE_PREVIEW_TEST_BROWSER=required \
		CODEMATE_PREVIEW_TEST_TUNNELS=required CODEMATE_PREVIEW_TEST_SUPABASE=required \
		cargo test --no-fail-fast --lib --tests

## Run the tests that need no Docker.
test-pure:
	CODEMATE_PREVIEW_TEST_DOCKER=none cargo test --lib --tests -- --skip docker_engine::

## Bring up every small project of tests/projects, fresh; `make test` has a core of them.
test-projects: setup-tests
	$(BUILD)
	target/debug/codemate-preview images build
	target/debug/codemate-preview agent stop
	CODEMATE_PREVIEW_TEST_DOCKER=required CODEMATE_PREVIEW_TEST_PROJECTS=all \
		cargo test --test projects

## Check format, lints and documentation of every Rust file, those of fuzz/ included.
lint:
	cargo fmt --check
	cargo fmt --check --manifest-path fuzz/Cargo.toml
	cargo clippy --all-targets --quiet -- -D warnings
	cargo clippy --manifest-path fuzz/Cargo.toml --target-dir target --quiet -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --quiet --lib --package codemate-preview --package guest_api

## Check licences, doubled and yanked crates, and advisories. Takes `cargo install cargo-deny`.
deny:
	cargo deny check

# The first line of a run that nobody can answer: what it would do, and how to allow it.
notice:
	@if ! [ -t 0 ] && [ -z "$${YES:-}$${CI:-}" ]; then \
		echo "make test installs what is missing (Docker, Chromium, Node.js, PostgreSQL, sshd) with apt and npm and starts Docker; with no terminal to ask, allow that with YES=1 or CI=1" >&2; \
	fi

### Prove

## Let 200 previews probe from their first instruction, run eight stacks under the profile (an image
## of 1.5 GB), an engine that maps users, and gVisor if `runsc` is there. As root, for a second
## engine; its user `dockremap` stays.
prove-sandbox: setup-tests
	$(BUILD)
	target/debug/codemate-preview images build
	target/debug/codemate-preview images build codemate/python:3.11
	target/debug/codemate-preview agent stop
	CODEMATE_PREVIEW_TEST_DOCKER=required CODEMATE_PREVIEW_PROVE_SANDBOX=1 \
		cargo test --test sandbox -- --nocapture

## Try quick and named tunnels of a real cloudflared against an API and an edge on this host.
## CODEMATE_CLOUDFLARED names it.
prove-cloudflared:
	images/setup capnp
	cargo clippy --package cloudflared_tests --all-targets --quiet -- -D warnings
	cargo test --package cloudflared_tests

## Try seventy classes of hostile paths at every entrance, and the swap races ten times as long.
prove-paths:
	CODEMATE_PREVIEW_TEST_SWAPS=1000000 cargo test --test it -- paths:: --include-ignored --nocapture

## Run a preview in two virtual machines: Debian's own kernels and engines (20.10 and 26.1), cgroup
## v2, volumes with quotas on xfs. As root. Without a KVM that runs a stock kernel they are emulated.
prove-vm: setup
	$(BUILD) --release --quiet
	$(BIN) images build
	job=$$(mktemp -d); trap 'rm -rf "$$job"' EXIT; \
	tests/vm/pack preview "$$job"; \
	for suite in bookworm trixie; do tests/vm/run "$$suite" "$$job" "target/vm/$$suite.out"; done

FUZZ_SECONDS ?= 600
FUZZ_TARGETS ?= path_rules wire journal dockerignore rows toml_config filter
## Fuzz what reads the unknown, FUZZ_SECONDS each. Takes `cargo install cargo-fuzz` and a nightly.
fuzz:
	for target in $(FUZZ_TARGETS); do \
		mkdir -p "fuzz/target/found/$$target"; \
		cargo +nightly fuzz run "$$target" "fuzz/target/found/$$target" "fuzz/corpus/$$target" \
			-- -max_total_time=$(FUZZ_SECONDS); \
	done

### Measure

# Bytes. Whoever raises it says why. The goal is 20 MiB. What a smaller profile costs was measured: with
# `opt-level = "s"`, but 3 for what carries a preview's bytes, it is 24.2 MiB and takes three quarters of
# the CPU to build, the gateway passes 10 % fewer requests, and a second `up` and `ls` take 14 and 22 % longer.
CEILING := 31457280

## Build the release, and fail if the program is larger than its ceiling.
size:
	$(BUILD) --release
	@size=$$(stat --format %s $(BIN)); echo "$$size bytes of $(CEILING)"; [ "$$size" -le $(CEILING) ]

## Our `up`, edits and first sync beside docker's own, in one run.
bench: setup
	$(BUILD) --release --quiet
	$(BIN) images build
	cargo bench --bench up

## A preview and the agent while another preview takes all it can get.
bench-abuse: setup
	$(BUILD) --release --quiet
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
	$(BUILD) --release --quiet
	$(BIN) images build
	cargo bench --bench supabase
	cargo bench --bench supabase_edit
