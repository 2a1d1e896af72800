# Pierhead's tasks. `make help` lists them.

# Kept outside the clone, so that a fresh one does not compile everything again.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/pierhead/target

.PHONY: help demo demo-stop test lint build screenshots soak bench fuzz dev clean

help: ## list the tasks
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

demo: ## deploy the examples for real and print their URLs (DETACH=1 leaves them running)
	@scripts/demo.sh

demo-stop: ## end the demo and remove what it made
	@scripts/demo-stop.sh

test: ## every test of every kind; installs and starts what they need
	@scripts/test.sh

lint: ## formatting, clippy, types and eslint
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- --deny warnings
	cargo fmt --manifest-path plugins/wait-for/Cargo.toml --check
	CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)/plugins cargo clippy --manifest-path plugins/wait-for/Cargo.toml --all-targets -- --deny warnings
	@scripts/console.sh lint

build: ## the release binary with the console inside, at target/release/pierhead
	@scripts/console.sh build
	CARGO_TARGET_DIR=target cargo build --release --package pierhead

screenshots: ## pictures of every page of the console, at target/screenshots
	cargo build --package pierhead
	@scripts/console.sh screenshots

soak: ## ten minutes of high load on an ingress with 50,000 routes that change twenty times a second
	PIERHEAD_SOAK_S=600 cargo test --release --package pierhead-ingress --test ingress -- --nocapture soak::

bench: ## proxy and static files against nginx and HAProxy, in one run
	@scripts/bench.sh

fuzz: ## whatever bytes there can be into every parser of foreign text, a minute each
	@scripts/fuzz.sh

dev: ## a server on ./.pierhead-data
	cargo run --package pierhead -- up --data-dir .pierhead-data

clean: ## remove what the build made
	cargo clean
