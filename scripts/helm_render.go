// Render a Helm chart as `helm template` does, as far as our chart goes: Go's templates, sprig, and Helm's include, tpl,
// required, toYaml, fromYaml, toJson, Files.Get and Capabilities. No subcharts, hooks order, lookup or schema: the
// schema is checked by whoever calls this. scripts/helm-render builds it.
//
//	helm_render CHART RELEASE NAMESPACE [VALUES.yaml ...]
//
// prints one JSON object, a template's path to its text.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"sigs.k8s.io/yaml"
)

const deepest = 100 // includes within includes

type dict = map[string]interface{}

type files string

// Get is the text of a file beside the templates; nothing where there is none.
func (folder files) Get(name string) string {
	text, err := os.ReadFile(filepath.Join(string(folder), name))
	if err != nil {
		return ""
	}
	return string(text)
}

type versions []string

// Has says whether the cluster would know a kind.
func (known versions) Has(name string) bool {
	for _, one := range known {
		if one == name {
			return true
		}
	}
	return false
}

func main() {
	if len(os.Args) < 4 {
		stop(fmt.Errorf("usage: helm_render CHART RELEASE NAMESPACE [VALUES.yaml ...]"))
	}
	chart, release, namespace := os.Args[1], os.Args[2], os.Args[3]
	about := parsed(filepath.Join(chart, "Chart.yaml"))
	values := parsed(filepath.Join(chart, "values.yaml"))
	for _, name := range os.Args[4:] {
		values = merged(values, parsed(name))
	}
	capital := dict{}
	for key, value := range about {
		capital[strings.ToUpper(key[:1])+key[1:]] = value
	}
	top := dict{
		"Chart":  capital,
		"Values": values,
		"Files":  files(chart),
		"Release": dict{
			"Name": release, "Namespace": namespace, "Service": "Helm", "Revision": 1, "IsInstall": true, "IsUpgrade": false,
		},
		"Capabilities": dict{
			"KubeVersion": dict{"Version": "v1.34.0", "Major": "1", "Minor": "34"},
			"APIVersions": versions{"v1", "apps/v1", "autoscaling/v2", "batch/v1", "networking.k8s.io/v1", "policy/v1"},
		},
	}
	texts, err := render(chart, fmt.Sprint(about["name"]), top)
	if err != nil {
		stop(err)
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(texts); err != nil {
		stop(err)
	}
}

// render executes every template that is no part, as Helm does: all of them know each other's definitions.
func render(chart, name string, top dict) (map[string]string, error) {
	paths, err := filepath.Glob(filepath.Join(chart, "templates", "*"))
	if err != nil {
		return nil, err
	}
	sort.Strings(paths)
	root := template.New(name).Option("missingkey=zero")
	root.Funcs(functions(root))
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if _, err := root.New(named(name, path)).Parse(string(text)); err != nil {
			return nil, err
		}
	}
	texts := map[string]string{}
	for _, path := range paths {
		if strings.HasPrefix(filepath.Base(path), "_") {
			continue
		}
		full := named(name, path)
		top["Template"] = dict{"Name": full, "BasePath": name + "/templates"}
		var written strings.Builder
		if err := root.ExecuteTemplate(&written, full, top); err != nil {
			return nil, err
		}
		texts["templates/"+filepath.Base(path)] = strings.ReplaceAll(written.String(), "<no value>", "")
	}
	return texts, nil
}

func named(name, path string) string {
	return name + "/templates/" + filepath.Base(path)
}

func functions(root *template.Template) template.FuncMap {
	all := sprig.TxtFuncMap()
	delete(all, "env") // as Helm: a chart does not read the environment
	delete(all, "expandenv")
	depth := 0
	all["include"] = func(name string, data interface{}) (string, error) {
		if depth++; depth > deepest {
			return "", fmt.Errorf("%s includes itself", name)
		}
		defer func() { depth-- }()
		var written strings.Builder
		err := root.ExecuteTemplate(&written, name, data)
		return written.String(), err
	}
	all["tpl"] = func(text string, data interface{}) (string, error) {
		copied, err := root.Clone()
		if err != nil {
			return "", err
		}
		one, err := copied.New("tpl").Parse(text)
		if err != nil {
			return "", err
		}
		var written strings.Builder
		err = one.Execute(&written, data)
		return strings.ReplaceAll(written.String(), "<no value>", ""), err
	}
	all["required"] = func(sentence string, value interface{}) (interface{}, error) {
		if text, isText := value.(string); value == nil || (isText && text == "") {
			return nil, fmt.Errorf("%s", sentence)
		}
		return value, nil
	}
	all["toYaml"] = func(value interface{}) string {
		text, err := yaml.Marshal(value)
		if err != nil {
			return ""
		}
		return strings.TrimSuffix(string(text), "\n")
	}
	all["fromYaml"] = func(text string) dict {
		value := dict{}
		if err := yaml.Unmarshal([]byte(text), &value); err != nil {
			value["Error"] = err.Error()
		}
		return value
	}
	return all
}

// merged lays one tree of values over another; null removes, as with Helm.
func merged(below, above dict) dict {
	result := dict{}
	for key, value := range below {
		result[key] = value
	}
	for key, value := range above {
		deeper, isDict := value.(dict)
		there, wasDict := result[key].(dict)
		switch {
		case value == nil:
			delete(result, key)
		case isDict && wasDict:
			result[key] = merged(there, deeper)
		default:
			result[key] = value
		}
	}
	return result
}

func parsed(path string) dict {
	text, err := os.ReadFile(path)
	if err != nil {
		stop(err)
	}
	value := dict{}
	if err := yaml.Unmarshal(text, &value); err != nil {
		stop(fmt.Errorf("%s: %w", path, err))
	}
	return value
}

func stop(err error) {
	fmt.Fprintln(os.Stderr, "error:", err)
	os.Exit(1)
}
