// The peer of the benchmarks: go-control-plane's server over one LinearCache for each type, told what to do by the same lines
// of JSON as the other contestants (bench/support/protocol.ts).
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"sync/atomic"

	_ "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/types/known/anypb"
)

type resource struct {
	TypeUrl string
	Name    string
	Value   []byte
}

type command struct {
	Name    string
	Details struct {
		Resources    []resource
		Streams      int64
		Certificates *struct {
			Authority string
			Server    struct{ CertificateChain, PrivateKey string }
		}
	}
}

var (
	caches = map[string]cache.Cache{}
	// How many requests are still awaited, and who waits.
	left atomic.Int64
	done = make(chan struct{}, 1)
)

func put(resources []resource) {
	changed := map[string]map[string]types.Resource{}
	for _, one := range resources {
		message, err := (&anypb.Any{TypeUrl: one.TypeUrl, Value: one.Value}).UnmarshalNew()
		check(err)
		if changed[one.TypeUrl] == nil {
			changed[one.TypeUrl] = map[string]types.Resource{}
		}
		changed[one.TypeUrl][one.Name] = message
	}
	for typeUrl, named := range changed {
		if caches[typeUrl] == nil {
			caches[typeUrl] = cache.NewLinearCache(typeUrl)
		}
		check(caches[typeUrl].(*cache.LinearCache).UpdateResources(named, nil))
	}
}

// An acknowledgement counts once it was read; what the server does with it after that is not waited for.
func requested(_ int64, _ *discovery.DeltaDiscoveryRequest) error {
	if left.Add(-1) == 0 {
		done <- struct{}{}
	}
	return nil
}

func start(command command) any {
	put(command.Details.Resources)
	mux := &cache.MuxCache{
		Classify:      func(request *cache.Request) string { return request.GetTypeUrl() },
		ClassifyDelta: func(request *cache.DeltaRequest) string { return request.GetTypeUrl() },
		Caches:        caches,
	}
	callbacks := server.CallbackFuncs{StreamDeltaRequestFunc: requested}
	options := []grpc.ServerOption{grpc.MaxConcurrentStreams(1000)}
	if given := command.Details.Certificates; given != nil {
		pair, err := tls.X509KeyPair([]byte(given.Server.CertificateChain), []byte(given.Server.PrivateKey))
		check(err)
		clients := x509.NewCertPool()
		clients.AppendCertsFromPEM([]byte(given.Authority))
		options = append(options, grpc.Creds(credentials.NewTLS(&tls.Config{
			Certificates: []tls.Certificate{pair}, ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13,
		})))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	serving := grpc.NewServer(options...)
	discovery.RegisterAggregatedDiscoveryServiceServer(serving, server.NewServer(context.Background(), mux, callbacks))
	go func() { check(serving.Serve(listener)) }()
	return map[string]any{"port": listener.Addr().(*net.TCPAddr).Port}
}

func push(command command) any {
	before, startedAt := processorTime(), monotonic()
	left.Store(command.Details.Streams)
	put(command.Details.Resources)
	<-done
	took := monotonic() - startedAt
	return map[string]any{"startedAt": startedAt, "took": took, "cpu": processorTime() - before, "encodes": 0}
}

func main() {
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var command command
		check(json.Unmarshal(line, &command))
		var reply any = map[string]any{}
		switch command.Name {
		case "start":
			reply = start(command)
		case "push":
			reply = push(command)
		case "usage":
			reply = usage()
		default:
			check(fmt.Errorf("unknown command %s", command.Name))
		}
		text, err := json.Marshal(map[string]any{"reply": reply})
		check(err)
		fmt.Println(string(text))
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}
