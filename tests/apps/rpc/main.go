// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// A gRPC service: it answers with its name. It knows nothing of weft.
package main

import (
	"context"
	"log"
	"net"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"weft.dev/tests/apps/echo"
)

type server struct {
	name string
}

func (s server) Say(context.Context, *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
	return wrapperspb.String(s.name), nil
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
	echo.Register(s, server{name})
	grpc_health_v1.RegisterHealthServer(s, health.NewServer())
	log.Fatal(s.Serve(listener))
}
