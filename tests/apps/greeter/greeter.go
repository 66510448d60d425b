// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package greeter describes a small gRPC service by hand, as its messages are well-known types and no code
// needs to be generated for it.
package greeter

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const (
	service = "weft.demo.Greeter"
	method  = "/" + service + "/Hello"
)

// Server answers a greeting.
type Server interface {
	Hello(context.Context, *wrapperspb.StringValue) (*wrapperspb.StringValue, error)
}

func hello(srv interface{}, ctx context.Context, decode func(interface{}) error,
	intercept grpc.UnaryServerInterceptor) (interface{}, error) {
	in := new(wrapperspb.StringValue)
	if err := decode(in); err != nil {
		return nil, err
	}
	if intercept == nil {
		return srv.(Server).Hello(ctx, in)
	}
	info := &grpc.UnaryServerInfo{Server: srv, FullMethod: method}
	return intercept(ctx, in, info, func(ctx context.Context, req interface{}) (interface{}, error) {
		return srv.(Server).Hello(ctx, req.(*wrapperspb.StringValue))
	})
}

// Register adds the service to a gRPC server.
func Register(to grpc.ServiceRegistrar, srv Server) {
	to.RegisterService(&grpc.ServiceDesc{
		ServiceName: service,
		HandlerType: (*Server)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "Hello", Handler: hello}},
	}, srv)
}

// Hello calls the service.
func Hello(ctx context.Context, conn grpc.ClientConnInterface, who string) (string, error) {
	out := new(wrapperspb.StringValue)
	err := conn.Invoke(ctx, method, wrapperspb.String(who), out)
	return out.GetValue(), err
}
