// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Command rpc is a gRPC service with the standard health service beside it. It knows nothing of weft.
package main

import (
	"context"
	"log"
	"net"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"weft.dev/tests/apps/greeter"
)

const version = "1.0"

type server struct{ name string }

func (s server) Hello(context.Context, *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
	return wrapperspb.String(s.name + " " + version), nil
}

func main() {
	name := os.Getenv("NAME")
	if name == "" {
		name, _ = os.Hostname()
	}
	listener, err := net.Listen("tcp", ":9090")
	if err != nil {
		log.Fatal(err)
	}
	s := grpc.NewServer()
	greeter.Register(s, server{name})
	healthpb.RegisterHealthServer(s, health.NewServer())
	log.Fatal(s.Serve(listener))
}
