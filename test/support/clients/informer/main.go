// The typed informer of a Go program: it prints the names of objects as they come, are changed and go.
package main

import (
	"fmt"
	"io"
	"os"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// Arguments: the address of the API, a token, and the media types to accept or "". It follows namespaces, and ends with its standard input.
func main() {
	config := &rest.Config{Host: os.Args[1], BearerToken: os.Args[2]}
	config.AcceptContentTypes = os.Args[3]
	config.Insecure = true
	client := kubernetes.NewForConfigOrDie(config)
	factory := informers.NewSharedInformerFactory(client, 0)
	informer := factory.Core().V1().Namespaces().Informer()
	print := func(what string, object any) {
		if unknown, ok := object.(cache.DeletedFinalStateUnknown); ok {
			object = unknown.Obj
		}
		fmt.Println(what, object.(metav1.Object).GetName())
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
