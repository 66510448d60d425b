// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"weft.dev/tests/apps/stream"
)

const (
	grpcCallers = 8 // at once, over each connection
	grpcConns   = 3
)

var grpcSizes = []int{0, 1, 100, 5000, 16384, 65536, 200000, 1 << 20, 6 << 20}

func unary(ctx context.Context, conn *grpc.ClientConn, seed int64, size int) error {
	data := noise(seed, size)
	got, err := stream.Echo(ctx, conn, data)
	if err != nil {
		return err
	}
	return same(got, data)
}

// upload sends many messages; the answer is the digest of all of them.
func upload(ctx context.Context, conn *grpc.ClientConn, seed int64, size, count int) error {
	call, err := stream.Open(ctx, conn, "Sum")
	if err != nil {
		return err
	}
	h := sha256.New()
	for i := 0; i < count; i++ {
		data := noise(seed+int64(i), size)
		h.Write(data)
		if err := call.Send(data); err != nil {
			return err
		}
	}
	if err := call.CloseSend(); err != nil {
		return err
	}
	got, err := call.Receive()
	if err != nil {
		return err
	}
	return same(got, digest(h))
}

func ended(call stream.Call) error {
	if _, err := call.Receive(); err != io.EOF {
		return fmt.Errorf("instead of the end: %v", err)
	}
	return nil
}

func download(ctx context.Context, conn *grpc.ClientConn, seed int64, size, count int) error {
	call, err := stream.Open(ctx, conn, "Many")
	if err != nil {
		return err
	}
	if err := call.Send([]byte(fmt.Sprintf("%d %d %d", seed, size, count))); err != nil {
		return err
	}
	if err := call.CloseSend(); err != nil {
		return err
	}
	for i := 0; i < count; i++ {
		got, err := call.Receive()
		if err == nil {
			err = same(got, noise(seed+int64(i), size))
		}
		if err != nil {
			return fmt.Errorf("message %d: %w", i, err)
		}
	}
	return ended(call)
}

// talk sends and receives at the same time.
func talk(ctx context.Context, conn *grpc.ClientConn, seed int64, size, count int) error {
	call, err := stream.Open(ctx, conn, "Both")
	if err != nil {
		return err
	}
	sent := make(chan error, 1)
	go func() {
		for i := 0; i < count; i++ {
			if err := call.Send(noise(seed+int64(i), size)); err != nil {
				sent <- err
				return
			}
		}
		sent <- call.CloseSend()
	}()
	for i := 0; i < count; i++ {
		got, err := call.Receive()
		if err == nil {
			err = same(got, noise(seed+int64(i), size))
		}
		if err != nil {
			return fmt.Errorf("message %d: %w", i, err)
		}
	}
	if err := <-sent; err != nil {
		return err
	}
	return ended(call)
}

// callOff cancels a call in its middle, with messages under way in both directions.
func callOff(ctx context.Context, conn *grpc.ClientConn, size int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	call, err := stream.Open(ctx, conn, "Both")
	if err != nil {
		return err
	}
	data := noise(9, size)
	go func() {
		for call.Send(data) == nil {
		}
	}()
	for i := 0; i < 3; i++ {
		got, err := call.Receive()
		if err == nil {
			err = same(got, data)
		}
		if err != nil {
			return err
		}
	}
	cancel()
	for err == nil {
		_, err = call.Receive()
	}
	if status.Code(err) != codes.Canceled {
		return fmt.Errorf("after it was called off: %v", err)
	}
	return nil
}

// late: a call that the server has no time to answer in full.
func late(ctx context.Context, conn *grpc.ClientConn) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Millisecond)
	defer cancel()
	err := download(ctx, conn, 1, 1<<20, 1<<30)
	for err != nil {
		if status.Code(err) == codes.DeadlineExceeded {
			return nil
		}
		wrapped, ok := err.(interface{ Unwrap() error })
		if !ok {
			break
		}
		err = wrapped.Unwrap()
	}
	return fmt.Errorf("at the end of its time: %v", err)
}

func call(t *tally, conn *grpc.ClientConn, number int) {
	ctx := context.Background()
	for i, size := range grpcSizes {
		seed := int64(number*10000 + i*100)
		count := 1 + (1<<20)/(size+(1<<15))
		t.note("unary", 2*size, unary(ctx, conn, seed, size))
		t.note("upload", count*size, upload(ctx, conn, seed, size, count))
		t.note("download", count*size, download(ctx, conn, seed, size, count))
		t.note("talk", 2*count*size, talk(ctx, conn, seed, size, count))
	}
	for i := 0; i < 100; i++ {
		t.note("small", 2*i, unary(ctx, conn, int64(i), i))
	}
	t.note("call-off", 3*100000, callOff(ctx, conn, 100000))
	t.note("late", 0, late(ctx, conn))
	// The connection is as good as before.
	t.note("after", 2*50000, unary(ctx, conn, 7, 50000))
}

func probeGRPC(t *tally, args []string) error {
	for i := 0; i < grpcConns; i++ {
		conn, err := grpc.Dial(args[0], grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy(),
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)))
		if err != nil {
			return err
		}
		inParallel(grpcCallers, func(j int) { call(t, conn, i*grpcCallers+j) })
		if err := conn.Close(); err != nil {
			return err
		}
	}
	return nil
}
