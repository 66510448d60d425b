// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Command rpc is a gRPC service with the standard health service beside it. It knows nothing of weft.
package main

import (
	"context"
	"log"
	"net"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"weft.dev/tests/apps/greeter"
)

const version = "1.0"

type server struct {
	name  string
	delay time.Duration
}

func (s server) Hello(context.Context, *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
	time.Sleep(s.delay)
	return wrapperspb.String(s.name + " " + version), nil
}

func main() {
	name := os.Getenv("NAME")
	if name == "" {
		name, _ = os.Hostname()
	}
	// How long each answer takes, "20ms"; a service that is slow for a reason that only it knows.
	delay, _ := time.ParseDuration(os.Getenv("DELAY"))
	port := os.Getenv("PORT")
	if port == "" {
		port = "9090"
	}
	listener, err := net.Listen("tcp", ":"+port)
	if err != nil {
		log.Fatal(err)
	}
	s := grpc.NewServer()
	greeter.Register(s, server{name, delay})
	healthpb.RegisterHealthServer(s, health.NewServer())
	log.Fatal(s.Serve(listener))
}
