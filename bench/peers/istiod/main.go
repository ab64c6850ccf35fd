// Another peer of the benchmarks: the discovery server of istiod, without Kubernetes and without debouncing, over a registry in memory.
// It makes its resources itself, so it is told services and endpoints, and its clusters bear names of its own.
package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/test/xds"
	"istio.io/istio/pkg/config/host"
	"istio.io/istio/pkg/config/protocol"
	"istio.io/istio/pkg/log"
	"istio.io/istio/pkg/test"
	"weft/bench/peers/harness"
)

const (
	namespace = "default"
	portName  = "http"
	port      = 8080
)

// The endpoints of an assignment, in istiod's words.
func endpointsOf(one harness.Resource) (hostname string, all []*model.IstioEndpoint) {
	var assignment endpoint.ClusterLoadAssignment
	harness.Check(proto.Unmarshal(one.Value, &assignment))
	for _, group := range assignment.Endpoints {
		for _, member := range group.LbEndpoints {
			all = append(all, &model.IstioEndpoint{
				Addresses:       []string{member.GetEndpoint().Address.GetSocketAddress().Address},
				ServicePortName: portName,
				EndpointPort:    port,
				LbWeight:        member.LoadBalancingWeight.GetValue(),
				Locality:        model.Locality{Label: group.Locality.Region + "/" + group.Locality.Zone},
			})
		}
	}
	return strings.TrimSuffix(one.Name, fmt.Sprintf(":%d", port)), all
}

func serve(failer test.Failer) {
	server := xds.NewFakeDiscoveryServer(failer, xds.FakeOptions{})
	known := map[string]bool{}
	put := func(resources []harness.Resource) {
		for index, one := range resources {
			hostname, endpoints := endpointsOf(one)
			if !known[hostname] {
				known[hostname] = true
				server.MemRegistry.AddService(&model.Service{
					Hostname:       host.Name(hostname),
					DefaultAddress: fmt.Sprintf("10.96.%d.%d", index>>8, index&255),
					Ports:          model.PortList{{Name: portName, Port: port, Protocol: protocol.HTTP}},
					Attributes:     model.ServiceAttributes{Name: hostname, Namespace: namespace},
				})
			}
			server.MemRegistry.SetEndpoints(hostname, namespace, endpoints)
		}
	}
	start := func(serving *grpc.Server) {
		// What came at the start is taken in before the first proxy is there.
		for server.Discovery.CommittedUpdates.Load() < server.Discovery.InboundUpdates.Load() {
			time.Sleep(10 * time.Millisecond)
		}
		server.Discovery.Register(serving)
	}
	harness.Serve(start, put)
}

func main() {
	options := log.DefaultOptions()
	// Standard output is for replies; what it misses without Kubernetes is of no use to anybody.
	options.OutputPaths = []string{"stderr"}
	options.SetDefaultOutputLevel(log.OverrideScopeName, log.FatalLevel)
	harness.Check(log.Configure(options))
	harness.Check(test.Wrap(serve))
	os.Exit(0)
}
