// Package harness is what the peers have in common: they are told what to do by the same lines of JSON as the other contestants
// (bench/support/protocol.ts).
package harness

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// Resource is one resource as every contestant is given it.
type Resource struct {
	TypeUrl string
	Name    string
	Value   []byte
}

// Certificates as PEM: the server asks for one of the client's.
type Certificates struct {
	Authority string
	Server    struct{ CertificateChain, PrivateKey string }
}

type command struct {
	Name    string
	Details struct {
		Resources    []Resource
		Streams      int64
		Certificates *Certificates
	}
}

var (
	// How many requests are still awaited, and who waits.
	left atomic.Int64
	done = make(chan struct{}, 1)
)

// A request was read. An acknowledgement counts once it was read; what the server does with it
// after that is not waited for.
func requested() {
	if left.Add(-1) == 0 {
		done <- struct{}{}
	}
}

// Serve does as it is told until standard input ends: `register` puts the services on a server, `put` the resources into them.
func Serve(register func(*grpc.Server), put func([]Resource)) {
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var command command
		Check(json.Unmarshal(line, &command))
		var reply any = map[string]any{}
		switch command.Name {
		case "start":
			put(command.Details.Resources)
			reply = map[string]any{"port": listen(command.Details.Certificates, register)}
		case "push":
			reply = push(command, put)
		case "usage":
			reply = usage()
		default:
			Check(fmt.Errorf("unknown command %s", command.Name))
		}
		text, err := json.Marshal(map[string]any{"reply": reply})
		Check(err)
		fmt.Println(string(text))
	}
}

func listen(given *Certificates, register func(*grpc.Server)) int {
	options := []grpc.ServerOption{grpc.MaxConcurrentStreams(1000)}
	if given != nil {
		pair, err := tls.X509KeyPair([]byte(given.Server.CertificateChain), []byte(given.Server.PrivateKey))
		Check(err)
		clients := x509.NewCertPool()
		clients.AppendCertsFromPEM([]byte(given.Authority))
		options = append(options, grpc.Creds(credentials.NewTLS(&tls.Config{
			Certificates: []tls.Certificate{pair}, ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13,
		})))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Check(err)
	serving := grpc.NewServer(append(options, grpc.StreamInterceptor(counting))...)
	register(serving)
	go func() { Check(serving.Serve(listener)) }()
	return listener.Addr().(*net.TCPAddr).Port
}

func counting(server any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	return next(server, counted{stream})
}

type counted struct{ grpc.ServerStream }

func (stream counted) RecvMsg(message any) error {
	err := stream.ServerStream.RecvMsg(message)
	if err == nil {
		requested()
	}
	return err
}

func push(command command, put func([]Resource)) any {
	before, startedAt := processorTime(), monotonic()
	left.Store(command.Details.Streams)
	put(command.Details.Resources)
	<-done
	took := monotonic() - startedAt
	return map[string]any{"startedAt": startedAt, "took": took, "cpu": processorTime() - before, "encodes": 0}
}

// Check ends the program with what went wrong.
func Check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}
