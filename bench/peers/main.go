// The peer of the benchmarks: go-control-plane's server over one LinearCache for each type.
package main

import (
	"context"

	_ "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/anypb"
	"weft/bench/peers/harness"
)

var caches = map[string]cache.Cache{}

func put(resources []harness.Resource) {
	changed := map[string]map[string]types.Resource{}
	for _, one := range resources {
		message, err := (&anypb.Any{TypeUrl: one.TypeUrl, Value: one.Value}).UnmarshalNew()
		harness.Check(err)
		if changed[one.TypeUrl] == nil {
			changed[one.TypeUrl] = map[string]types.Resource{}
		}
		changed[one.TypeUrl][one.Name] = message
	}
	for typeUrl, named := range changed {
		if caches[typeUrl] == nil {
			caches[typeUrl] = cache.NewLinearCache(typeUrl)
		}
		harness.Check(caches[typeUrl].(*cache.LinearCache).UpdateResources(named, nil))
	}
}

func register(serving *grpc.Server) {
	mux := &cache.MuxCache{
		Classify:      func(request *cache.Request) string { return request.GetTypeUrl() },
		ClassifyDelta: func(request *cache.DeltaRequest) string { return request.GetTypeUrl() },
		Caches:        caches,
	}
	discovery.RegisterAggregatedDiscoveryServiceServer(serving, server.NewServer(context.Background(), mux, server.CallbackFuncs{}))
}

func main() {
	harness.Serve(register, put)
}
