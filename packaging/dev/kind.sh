#!/usr/bin/env bash
# The operator of this working copy in a kind cluster, with the AWS stand-in in the cluster. Needs Docker.
#   kind.sh up          create the cluster if it does not exist, build and load both images, install the chart
#   kind.sh load IMAGE  build the operator and load it into the cluster under this name (Tilt calls it)
#   kind.sh down        delete the cluster
#   kind.sh check       report which programs are missing
# Environment: CLUSTER, the name of the cluster. Defaults to tributary.
set -euo pipefail
cd "$(dirname "$0")/../.."
CLUSTER=${CLUSTER:-tributary}
IMAGE=ghcr.io/tributary-dev/tributary:dev
STANDIN=tributary-aws-standin:dev
SYSTEM=tributary-system
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}

# Program and where to get it.
PROGRAMS=(
	"docker https://docs.docker.com/get-started/get-docker/"
	"kind https://kind.sigs.k8s.io/docs/user/quick-start/#installation"
	"kubectl https://kubernetes.io/docs/tasks/tools/"
	"helm https://helm.sh/docs/intro/install/"
	"cargo https://rustup.rs"
	"python3 https://www.python.org/downloads/"
)

step() { printf '\nkind: %s\n' "$*"; }

check() {
	local missing=0 entry name
	for entry in "${PROGRAMS[@]}"; do
		name=${entry%% *}
		if ! command -v "$name" >/dev/null; then
			echo "kind: $name not found. Install it: ${entry#* }" >&2
			missing=1
		fi
	done
	if [ "$missing" = 0 ] && ! docker info >/dev/null 2>&1; then
		echo "kind: the Docker daemon does not answer. Start it, or set DOCKER_HOST." >&2
		missing=1
	fi
	if [ "$missing" = 1 ]; then
		echo "kind: \`make demo\` runs without Docker and without a cluster." >&2
		return 69
	fi
}

# The debug build with its shared libraries: a static release build takes 14 minutes the first time.
load() {
	local archive
	cargo build --locked --bin tributary-operator
	archive=$(mktemp --suffix .tar)
	python3 tests/bed/image.py "$CARGO_TARGET_DIR/debug/tributary-operator" "$archive" --name "$1" --libraries --plain
	kind load image-archive "$archive" --name "$CLUSTER"
	rm -f "$archive"
}

up() {
	check
	if ! kind get clusters 2>/dev/null | grep -qx "$CLUSTER"; then
		step "creating the cluster $CLUSTER (about a minute)"
		kind create cluster --name "$CLUSTER" --wait 120s
	fi
	kubectl config use-context "kind-$CLUSTER"
	step "building the operator (about 4 minutes the first time)"
	load "$IMAGE"
	step "building the AWS stand-in (about a minute the first time)"
	docker build --quiet --file packaging/dev/standin.Containerfile --tag "$STANDIN" tests/bed
	kind load docker-image "$STANDIN" --name "$CLUSTER"
	step "installing the chart"
	kubectl apply --filename packaging/dev/standin.yaml
	helm upgrade --install tributary charts/tributary --namespace "$SYSTEM" --create-namespace --values packaging/dev/values.yaml
	kubectl apply --filename packaging/dev/account.yaml
	# The image has the same name as before, so the pods would stay.
	kubectl rollout restart deployment/tributary --namespace "$SYSTEM"
	kubectl rollout status deployment/aws --namespace aws-standin --timeout 120s
	kubectl rollout status deployment/tributary --namespace "$SYSTEM" --timeout 120s
	step "ready. Try:"
	echo "  kubectl apply -k examples/custom-bus-to-sqs && kubectl get tributary -A"
	echo "  kubectl logs -n $SYSTEM deployment/tributary -f"
	echo "  make kind            # after a change of the source"
	echo "  make kind-down       # delete the cluster"
}

case "${1:-}" in
up) up ;;
load) load "${2:?name of the image}" ;;
down) kind delete cluster --name "$CLUSTER" ;;
check) check && echo "kind: all programs found" ;;
*)
	sed -n '2,7s/^# \{0,1\}//p' "$0"
	exit 2
	;;
esac
