// The typed informer of a Go program: it prints the names of config maps as they come, are changed and go.
package main

import (
	"fmt"
	"io"
	"os"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// Arguments: the address of the API, and a namespace. It ends with its standard input.
func main() {
	client := kubernetes.NewForConfigOrDie(&rest.Config{Host: os.Args[1]})
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(os.Args[2]))
	informer := factory.Core().V1().ConfigMaps().Informer()
	print := func(what string, object any) {
		fmt.Println(what, object.(*corev1.ConfigMap).Name)
	}
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { print("ADDED", object) },
		UpdateFunc: func(_, object any) { print("MODIFIED", object) },
		DeleteFunc: func(object any) { print("DELETED", object) },
	})
	if err != nil {
		panic(err)
	}
	stop := make(chan struct{})
	factory.Start(stop)
	if !cache.WaitForCacheSync(stop, informer.HasSynced) {
		panic("not synced")
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	close(stop)
}
