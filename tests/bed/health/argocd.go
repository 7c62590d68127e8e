package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	luajson "layeh.com/gopher-json"
	"sigs.k8s.io/yaml"
)

// What Argo CD v3.4 does with resource customizations, on the engine that it uses (its go.mod: gopher-lua v1.1.1 and gopher-json): the limits of
// util/lua (libraries base, table and package, a module "os" with time and date only, one second), and the keys of util/settings.

const keyPrefix = "resource.customizations."

var validStatus = []string{"Unknown", "Progressing", "Suspended", "Healthy", "Degraded", "Missing"}

type definition struct {
	Name   string `json:"name"`
	Action string `json:"action.lua"`
}

type actions struct {
	Discovery   string       `json:"discovery.lua"`
	Definitions []definition `json:"definitions"`
}

// override holds the customizations of one group and kind.
type override struct {
	healthLua string
	actions   actions
}

// readOverrides reads keys of the form resource.customizations.TYPE.GROUP_KIND.
func readOverrides(data map[string]string) (map[string]override, error) {
	found := map[string]override{}
	for key, value := range data {
		rest, ok := strings.CutPrefix(key, keyPrefix)
		if !ok {
			continue
		}
		kind, groupKind, _ := strings.Cut(rest, ".")
		group, name, ok := strings.Cut(groupKind, "_")
		if !ok || strings.Contains(name, "_") {
			return nil, fmt.Errorf("%s: not of the form %sTYPE.GROUP_KIND", key, keyPrefix)
		}
		one := found[group+"/"+name]
		switch kind {
		case "health":
			one.healthLua = value
		case "actions":
			if err := yaml.UnmarshalStrict([]byte(value), &one.actions); err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
		default:
			return nil, fmt.Errorf("%s: unknown type of customization", key)
		}
		found[group+"/"+name] = one
	}
	return found, nil
}

func (o override) health(object *unstructured.Unstructured) (*health, error) {
	if o.healthLua == "" {
		return nil, nil
	}
	var found health
	if err := runLua(object, o.healthLua, &found); err != nil {
		return nil, err
	}
	if !slices.Contains(validStatus, found.Status) {
		return nil, fmt.Errorf("invalid health status %q", found.Status)
	}
	return &found, nil
}

func (o override) offered(object *unstructured.Unstructured) (map[string]bool, error) {
	found := map[string]bool{}
	if o.actions.Discovery == "" {
		return found, nil
	}
	var table map[string]struct {
		Disabled bool `json:"disabled"`
	}
	if err := runLua(object, o.actions.Discovery, &table); err != nil {
		return nil, err
	}
	for name, action := range table {
		if !slices.ContainsFunc(o.actions.Definitions, func(one definition) bool { return one.Name == name }) {
			return nil, fmt.Errorf("action %s has no definition", name)
		}
		found[name] = !action.Disabled
	}
	return found, nil
}

func (o override) act(object *unstructured.Unstructured, name string) (map[string]any, error) {
	for _, one := range o.actions.Definitions {
		if one.Name == name {
			var found map[string]any
			err := runLua(object, one.Action, &found)
			return clean(found, object.Object), err
		}
	}
	return nil, fmt.Errorf("action %s has no definition", name)
}

// clean makes an empty list an empty object again where it was one: Lua has one kind of table for both.
func clean(after, before map[string]any) map[string]any {
	for key, old := range before {
		switch now := after[key].(type) {
		case map[string]any:
			if was, ok := old.(map[string]any); ok {
				after[key] = clean(now, was)
			}
		case []any:
			if _, ok := old.(map[string]any); ok && len(now) == 0 {
				after[key] = map[string]any{}
			}
			if was, ok := old.([]any); ok {
				for i := range min(len(now), len(was)) {
					inner, isObject := now[i].(map[string]any)
					if wasInner, ok := was[i].(map[string]any); ok && isObject {
						now[i] = clean(inner, wasInner)
					}
				}
			}
		}
	}
	return after
}

// runLua runs the script with the global obj, and decodes the table that it returns.
func runLua(object *unstructured.Unstructured, script string, into any) error {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for _, library := range []struct {
		name string
		open lua.LGFunction
	}{{lua.LoadLibName, lua.OpenPackage}, {lua.BaseLibName, lua.OpenBase}, {lua.TabLibName, lua.OpenTable}} {
		if err := state.CallByParam(lua.P{Fn: state.NewFunction(library.open), Protect: true}, lua.LString(library.name)); err != nil {
			return err
		}
	}
	state.PreloadModule(lua.OsLibName, safeOs)
	limit, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	state.SetContext(limit)
	state.SetGlobal("obj", decode(state, object.Object))
	if err := state.DoString(script); err != nil {
		return err
	}
	returned := state.Get(-1)
	if returned.Type() != lua.LTTable {
		return fmt.Errorf("expected a table, not %s", returned.Type())
	}
	text, err := luajson.Encode(returned)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// safeOs is the part of the library os that scripts may use.
func safeOs(state *lua.LState) int {
	whole := lua.NewState()
	defer whole.Close()
	table := whole.GetGlobal(lua.OsLibName).(*lua.LTable)
	safe := state.NewTable()
	for _, name := range []string{"time", "date"} {
		safe.RawSetString(name, state.NewFunction(table.RawGetString(name).(*lua.LFunction).GFunction))
	}
	state.Push(safe)
	return 1
}

func decode(state *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case bool:
		return lua.LBool(value)
	case float64:
		return lua.LNumber(value)
	case int64:
		return lua.LNumber(value)
	case string:
		return lua.LString(value)
	case []any:
		list := state.CreateTable(len(value), 0)
		for _, item := range value {
			list.Append(decode(state, item))
		}
		return list
	case map[string]any:
		table := state.CreateTable(0, len(value))
		for key, item := range value {
			table.RawSetString(key, decode(state, item))
		}
		return table
	}
	return lua.LNil
}
