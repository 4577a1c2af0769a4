// Command pod-security judges the pods of rendered manifests by the Pod Security Standard "restricted", with the
// evaluator that the API server's own admission uses; no API server is asked.
//
//	pod-security FILE...
//
// It prints a line for each object whose pods the standard refuses, then how many it allows, and exits with 1 when it
// refuses one, with 2 when it cannot read a file.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/pod-security-admission/admission"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// The linker sets it.
var version = "development"

func main() {
	if len(os.Args) < 2 {
		fail(errors.New("usage: pod-security FILE..."))
	}
	if os.Args[1] == "version" {
		fmt.Println(version)
		return
	}
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		fail(err)
	}
	allowed, refused := 0, 0
	for _, path := range os.Args[1:] {
		objects, err := read(path)
		if err != nil {
			fail(fmt.Errorf("%s: %w", path, err))
		}
		for _, object := range objects {
			name, metadata, spec, err := podOf(object)
			if err != nil {
				fail(fmt.Errorf("%s: %w", path, err))
			}
			if spec == nil {
				continue
			}
			level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
			result := policy.AggregateCheckResults(evaluator.EvaluatePod(level, metadata, spec))
			if result.Allowed {
				allowed++
				continue
			}
			refused++
			fmt.Printf("%s: %s: %s\n", path, name, result.ForbiddenDetail())
		}
	}
	fmt.Printf("%d pods allowed, %d refused\n", allowed, refused)
	if refused > 0 {
		os.Exit(1)
	}
}

// read gives the objects of a file whose kinds are Kubernetes' own; no other kind has pods here.
func read(path string) ([]runtime.Object, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var objects []runtime.Object
	documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		var empty any
		if yaml.Unmarshal(document, &empty) == nil && empty == nil {
			continue
		}
		object, _, err := scheme.Codecs.UniversalDeserializer().Decode(document, nil, nil)
		if runtime.IsNotRegisteredError(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
}

// podOf gives what an object makes pods of; nil where it makes none.
func podOf(object runtime.Object) (string, *metav1.ObjectMeta, *corev1.PodSpec, error) {
	accessor, err := meta.Accessor(object)
	if err != nil {
		return "", nil, nil, err
	}
	name := object.GetObjectKind().GroupVersionKind().Kind + " " + accessor.GetName()
	metadata, spec, err := admission.DefaultPodSpecExtractor{}.ExtractPodSpec(object)
	if err != nil {
		// The extractor refuses what is not of a kind that has pods.
		return name, nil, nil, nil
	}
	return name, metadata, spec, nil
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "error:", err)
	os.Exit(2)
}
