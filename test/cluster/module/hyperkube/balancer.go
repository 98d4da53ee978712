package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/workqueue"
)

// newLoadBalancerCommand stands for a cloud's load balancer: each Service of type LoadBalancer gets an address of its own out of
// --cidr, written to its status. kube-proxy forwards what is sent there, so nothing listens here.
func newLoadBalancerCommand() *cobra.Command {
	var kubeconfig, cidr string
	command := &cobra.Command{Use: "load-balancer", SilenceUsage: true, RunE: func(*cobra.Command, []string) error {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		pool, err := netip.ParsePrefix(cidr)
		if err != nil {
			return err
		}
		config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
		if err != nil {
			return err
		}
		config.QPS, config.Burst = 200, 400
		client, err := kubernetes.NewForConfig(config)
		if err != nil {
			return err
		}
		return runLoadBalancer(ctx, client, pool.Masked())
	}}
	command.Flags().StringVar(&kubeconfig, "kubeconfig", os.Getenv("KUBECONFIG"), "kubeconfig file")
	command.Flags().StringVar(&cidr, "cidr", "10.97.0.0/24", "range to hand out; its first and last address stay unused")
	return command
}

type balancer struct {
	client   kubernetes.Interface
	services listers.ServiceLister
	pool     netip.Prefix
	// Written, but perhaps not in the lister yet: by the UID of its Service.
	given map[netip.Addr]string
}

func runLoadBalancer(ctx context.Context, client kubernetes.Interface, pool netip.Prefix) error {
	factory := informers.NewSharedInformerFactory(client, 0)
	services := factory.Core().V1().Services()
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[string]())
	enqueue := func(object any) {
		if key, err := cache.MetaNamespaceKeyFunc(object); err == nil {
			queue.Add(key)
		}
	}
	changes := cache.ResourceEventHandlerFuncs{AddFunc: enqueue, UpdateFunc: func(_, object any) { enqueue(object) }}
	if _, err := services.Informer().AddEventHandler(changes); err != nil {
		return err
	}
	b := &balancer{client: client, services: services.Lister(), pool: pool, given: map[netip.Addr]string{}}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	go func() { <-ctx.Done(); queue.ShutDown() }()
	for {
		key, quit := queue.Get()
		if quit {
			return nil
		}
		if err := b.reconcile(ctx, key); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", key, err)
			queue.AddRateLimited(key)
		} else {
			queue.Forget(key)
		}
		queue.Done(key)
	}
}

// reconcile gives the Service its address, or takes it back when it is no load balancer any more.
func (b *balancer) reconcile(ctx context.Context, key string) error {
	namespace, name, err := cache.SplitMetaNamespaceKey(key)
	if err != nil {
		return nil
	}
	service, err := b.services.Services(namespace).Get(name)
	if err != nil || service.DeletionTimestamp != nil {
		return nil // gone: its address is free again
	}
	wants := service.Spec.Type == core.ServiceTypeLoadBalancer
	if wants == (len(service.Status.LoadBalancer.Ingress) > 0) {
		return nil
	}
	service = service.DeepCopy()
	service.Status.LoadBalancer = core.LoadBalancerStatus{}
	if wants {
		address, err := b.choose(service)
		if err != nil {
			return err
		}
		vip := core.LoadBalancerIPModeVIP
		service.Status.LoadBalancer.Ingress = []core.LoadBalancerIngress{{IP: address.String(), IPMode: &vip}}
		b.given[address] = string(service.UID)
		fmt.Println(key, address)
	}
	_, err = b.client.CoreV1().Services(namespace).UpdateStatus(ctx, service, meta.UpdateOptions{})
	return err
}

// choose is the address that spec.loadBalancerIP asks for, or else the first free one.
func (b *balancer) choose(service *core.Service) (netip.Addr, error) {
	all, err := b.services.List(labels.Everything())
	if err != nil {
		return netip.Addr{}, err
	}
	owner, living := map[netip.Addr]string{}, map[string]bool{}
	for _, each := range all {
		living[string(each.UID)] = true
		for _, ingress := range each.Status.LoadBalancer.Ingress {
			if address, err := netip.ParseAddr(ingress.IP); err == nil {
				owner[address] = string(each.UID)
			}
		}
	}
	for address, uid := range b.given {
		if living[uid] {
			owner[address] = uid
		} else {
			delete(b.given, address)
		}
	}
	free := func(address netip.Addr) bool {
		uid, taken := owner[address]
		return b.pool.Contains(address) && b.pool.Contains(address.Next()) && (!taken || uid == string(service.UID))
	}
	if wanted := service.Spec.LoadBalancerIP; wanted != "" {
		address, err := netip.ParseAddr(wanted)
		if err != nil || !free(address) {
			return netip.Addr{}, fmt.Errorf("spec.loadBalancerIP %s is taken, or no address inside %s", wanted, b.pool)
		}
		return address, nil
	}
	for address := b.pool.Addr().Next(); b.pool.Contains(address); address = address.Next() {
		if free(address) {
			return address, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("no free address in %s", b.pool)
}
