// Flux's source-controller is only downloaded, for the CRDs of its kinds. It is apart from ../go.mod, so that its dependencies do not change
// the versions there.
module tributary.dev/bed/flux/crds

go 1.25.0

require github.com/fluxcd/source-controller v1.7.2
