#!/usr/bin/env bash
# rustfmt, clippy (pedantic, warnings are errors), helm lint; cargo-deny where it is installed.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo fmt --all --check
cargo clippy --locked --all-targets -- -D warnings
# shellcheck disable=SC2012 # Names that this repository chooses.
helm=$(ls -d "${XDG_CACHE_HOME:-$HOME/.cache}"/tributary/controlplane-*/helm 2>/dev/null | head -n 1 || true)
helm=${helm:-$(command -v helm || true)}
if [ -n "$helm" ]; then "$helm" lint --strict --quiet charts/*; else echo "lint: no helm; charts not looked at"; fi
if cargo deny --version >/dev/null 2>&1; then cargo deny check; else echo "lint: cargo-deny is not installed (cargo install cargo-deny); licences and advisories not looked at"; fi
