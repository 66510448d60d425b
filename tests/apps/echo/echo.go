// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package echo describes the gRPC service of the tests by hand, with messages that protobuf brings along, so
// that no code has to be generated.
package echo

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const (
	service = "weft.test.Echo"
	method  = "Say"
)

// Server answers Say.
type Server interface {
	Say(context.Context, *wrapperspb.StringValue) (*wrapperspb.StringValue, error)
}

func handle(srv interface{}, ctx context.Context, decode func(interface{}) error,
	intercept grpc.UnaryServerInterceptor) (interface{}, error) {
	in := new(wrapperspb.StringValue)
	if err := decode(in); err != nil {
		return nil, err
	}
	return srv.(Server).Say(ctx, in)
}

var description = grpc.ServiceDesc{
	ServiceName: service,
	HandlerType: (*Server)(nil),
	Methods:     []grpc.MethodDesc{{MethodName: method, Handler: handle}},
}

// Register adds the service to a gRPC server.
func Register(to *grpc.Server, server Server) {
	to.RegisterService(&description, server)
}

// Say calls the service.
func Say(ctx context.Context, conn *grpc.ClientConn, text string) (string, error) {
	out := new(wrapperspb.StringValue)
	err := conn.Invoke(ctx, "/"+service+"/"+method, wrapperspb.String(text), out)
	return out.GetValue(), err
}
