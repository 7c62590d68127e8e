#!/usr/bin/env bash
# The reliability programme in its whole form, one test target after the other; then the report in docs/. Red rows do not stop the others.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
export TRIBUTARY_FORM=whole TRIBUTARY_REPORT=${TRIBUTARY_REPORT:-$PWD/target/reliability} RUST_TEST_THREADS=${RUST_TEST_THREADS:-1}
mkdir -p "$TRIBUTARY_REPORT"
red=()
[ $# -gt 0 ] || set -- sync leader crash storm apiserver isolation hostile pods
for target in "$@"; do
	echo "== soak: $target, $(date -u +%H:%M)"
	command=(run -- cargo test --locked --test "$target" -- --nocapture)
	[ "$target" != pods ] || command=(run --node -- python3 -m unittest discover -v -s tests/pods)
	python3 tests/bed/bed.py "${command[@]}" || red+=("$target")
done
python3 tests/reliability.py write "$TRIBUTARY_REPORT"
[ ${#red[@]} = 0 ] || { echo "red: ${red[*]}"; exit 1; }
