// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package stream describes a gRPC service with every kind of call by hand, as its messages are well-known types
// and no code needs to be generated for it.
package stream

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const service = "weft.test.Stream"

// Server answers each kind of call.
type Server interface {
	// Echo answers with what it was sent.
	Echo(context.Context, []byte) ([]byte, error)
	// Sum is sent messages until io.EOF, and answers once.
	Sum(func() ([]byte, error)) ([]byte, error)
	// Many answers one message with any number.
	Many([]byte, func([]byte) error) error
	// Both reads and answers as it likes.
	Both(context.Context, func() ([]byte, error), func([]byte) error) error
}

func receive(from grpc.Stream) func() ([]byte, error) {
	return func() ([]byte, error) {
		in := new(wrapperspb.BytesValue)
		err := from.RecvMsg(in)
		return in.GetValue(), err
	}
}

func send(to grpc.Stream) func([]byte) error {
	return func(data []byte) error { return to.SendMsg(wrapperspb.Bytes(data)) }
}

func echo(srv interface{}, ctx context.Context, decode func(interface{}) error,
	_ grpc.UnaryServerInterceptor) (interface{}, error) {
	in := new(wrapperspb.BytesValue)
	if err := decode(in); err != nil {
		return nil, err
	}
	out, err := srv.(Server).Echo(ctx, in.GetValue())
	return wrapperspb.Bytes(out), err
}

func sum(srv interface{}, s grpc.ServerStream) error {
	out, err := srv.(Server).Sum(receive(s))
	if err != nil {
		return err
	}
	return send(s)(out)
}

func many(srv interface{}, s grpc.ServerStream) error {
	in, err := receive(s)()
	if err != nil {
		return err
	}
	return srv.(Server).Many(in, send(s))
}

func both(srv interface{}, s grpc.ServerStream) error {
	return srv.(Server).Both(s.Context(), receive(s), send(s))
}

var description = grpc.ServiceDesc{
	ServiceName: service,
	HandlerType: (*Server)(nil),
	Methods:     []grpc.MethodDesc{{MethodName: "Echo", Handler: echo}},
	Streams: []grpc.StreamDesc{
		{StreamName: "Sum", Handler: sum, ClientStreams: true},
		{StreamName: "Many", Handler: many, ServerStreams: true},
		{StreamName: "Both", Handler: both, ClientStreams: true, ServerStreams: true},
	},
}

// Register adds the service to a gRPC server.
func Register(to grpc.ServiceRegistrar, server Server) { to.RegisterService(&description, server) }

// Echo makes the unary call.
func Echo(ctx context.Context, conn grpc.ClientConnInterface, data []byte) ([]byte, error) {
	out := new(wrapperspb.BytesValue)
	err := conn.Invoke(ctx, "/"+service+"/Echo", wrapperspb.Bytes(data), out)
	return out.GetValue(), err
}

// A Call is an open stream of either end's messages.
type Call struct{ grpc.ClientStream }

// Send sends one message.
func (c Call) Send(data []byte) error { return send(c)(data) }

// Receive returns the next message, or io.EOF.
func (c Call) Receive() ([]byte, error) { return receive(c)() }

// Open begins the call of that name: "Sum", "Many" or "Both".
func Open(ctx context.Context, conn grpc.ClientConnInterface, name string) (Call, error) {
	s, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, "/"+service+"/"+name)
	return Call{s}, err
}
