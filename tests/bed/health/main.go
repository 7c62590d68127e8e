// Command health says how GitOps tools see objects: Flux and helm by kstatus, Argo CD by the Lua scripts of its resource customizations.
//
// It reads {"customizations": DATA, "objects": [OBJECT...]} from standard input, where DATA are the keys of the ConfigMap argocd-cm, and writes a
// list with an entry for each object.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type request struct {
	Customizations map[string]string `json:"customizations"`
	Objects        []json.RawMessage `json:"objects"`
}

type health struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

type answer struct {
	Kstatus health `json:"kstatus"`
	// ArgoCD is absent for a kind without a health script.
	ArgoCD *health `json:"argoCD,omitempty"`
	// Actions that are offered, by name: whether each is enabled.
	Actions map[string]bool `json:"actions"`
	// Results has the object as each enabled action returns it.
	Results map[string]map[string]any `json:"results"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "health:", err)
		os.Exit(1)
	}
}

func run() error {
	var asked request
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		return err
	}
	overrides, err := readOverrides(asked.Customizations)
	if err != nil {
		return err
	}
	answers := []answer{}
	for _, raw := range asked.Objects {
		// Numbers as Kubernetes decodes them: integers stay integers.
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(raw); err != nil {
			return err
		}
		found, err := judge(object, overrides)
		if err != nil {
			return fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
		}
		answers = append(answers, *found)
	}
	return json.NewEncoder(os.Stdout).Encode(answers)
}

func judge(object *unstructured.Unstructured, overrides map[string]override) (*answer, error) {
	computed, err := status.Compute(object)
	if err != nil {
		return nil, err
	}
	found := &answer{Kstatus: health{string(computed.Status), computed.Message}, Actions: map[string]bool{}, Results: map[string]map[string]any{}}
	custom, ok := overrides[object.GroupVersionKind().Group+"/"+object.GetKind()]
	if !ok {
		return found, nil
	}
	if found.ArgoCD, err = custom.health(object); err != nil {
		return nil, err
	}
	if found.Actions, err = custom.offered(object); err != nil {
		return nil, err
	}
	for name, enabled := range found.Actions {
		if !enabled {
			continue
		}
		if found.Results[name], err = custom.act(object, name); err != nil {
			return nil, err
		}
	}
	return found, nil
}
