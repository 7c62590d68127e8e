#!/usr/bin/env bash
# All tests, each part with what it is and how long it took; ends with a summary of all.
set -uo pipefail
cd "$(dirname "$0")/.."
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT
passed=0 failed=0
# End-to-end tests wait more than they compute.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-6}
# Where the rows of the reliability report go, in their short form.
export TRIBUTARY_REPORT=$log/rows
# Kinds of AWS calls that the operator made, of all parts together.
export TRIBUTARY_ACTIONS=$log/actions
cargo_target() { echo "${CARGO_TARGET_DIR:-target}"; }
part() { # NAME COMMAND...
	local name=$1 start=$SECONDS
	shift
	echo "== $name"
	if "$@" 2>&1 | tee "$log/part"; then local ok=1; else local ok=0; fi
	# Counts of cargo test ("test result: ok. 3 passed; 0 failed") and of unittest ("Ran 66 tests", "FAILED (failures=1)").
	local p f
	p=$(awk '/^test result:/ {n += $4} /^Ran [0-9]+ tests?/ {n += $2} match($0, /^(OK|FAILED) .*skipped=[0-9]+/) {sub(/.*skipped=/, ""); n -= $0 + 0} END {print n + 0}' "$log/part")
	f=$(awk '/^test result:/ {n += $6} /^FAILED \(/ {sub(/skipped=[0-9]+/, ""); gsub(/[^0-9 ]/, " "); for (i = 1; i <= NF; i++) n += $i} END {print n + 0}' "$log/part")
	if [ "$ok" = 0 ] && [ "$f" = 0 ]; then f=1; fi
	if [ "$ok" = 1 ] && [ "$p" = 0 ] && ! grep -q '^NOT RUN' "$log/part"; then p=1; fi
	grep '^NOT RUN' "$log/part" >>"$log/missing"
	case "$(grep -c '^Ran ' "$log/part")" in 0) ;; *) p=$((p - f)) ;; esac
	passed=$((passed + p)) failed=$((failed + f))
	echo "== $name: $p passed, $f failed, $((SECONDS - start)) s"
}
real_pods() { # The chart and its image on a node. Where the machine cannot, that is said here and at the end, and nothing counts as passed.
	if [ "${TRIBUTARY_NO_PODS:-}" = 1 ]; then
		echo "NOT RUN: real pods. TRIBUTARY_NO_PODS is set"
		return
	fi
	python3 tests/bed/bed.py run --node -- python3 -m unittest discover -s tests/pods 2>&1 | tee "$log/pods"
	local code=${PIPESTATUS[0]}
	[ "$code" = 69 ] || return "$code"
	echo "NOT RUN: real pods. This machine cannot: $(grep -A2 'bed: no pods on this machine' "$log/pods" | head -n 3 | tr '\n' ' ')"
}
part "prepare the test bed (cold: about 7 minutes)" python3 tests/bed/bed.py prepare
part "build (cold: about 6 minutes)" cargo test --locked --no-run --bins --lib --tests
part "format" cargo fmt --all --check
part "tests of the bed" python3 -m unittest discover -s tests/bed
part "unit tests" cargo test --locked --lib --bins
part "generated files" cargo test --locked --test generated
part "properties of the plans" cargo test --locked --test properties
for target in e2e sinks subscription gateway sync hostile leader crash apiserver isolation; do
	part "end to end: $target" python3 tests/bed/bed.py run -- cargo test --locked --test "$target"
done
part "real pods (cold: 10 s more)" real_pods
part "demo and examples" env TRIBUTARY="$(cargo_target)/debug/tributary" TRIBUTARY_DEMO_STATE="$log/demo" python3 tests/demo/demo.py check
part "a signed webhook becomes a row" env TRIBUTARY="$(cargo_target)/debug/tributary" TRIBUTARY_DEMO_STATE="$log/webhook" python3 tests/demo/demo.py webhook
part "rights: none missing, none unexplained" cargo test --locked --test generated -- --ignored
if [ -d "$TRIBUTARY_REPORT" ]; then echo; python3 tests/reliability.py show "$TRIBUTARY_REPORT"; fi
echo
cat "$log/missing"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
