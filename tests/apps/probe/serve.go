// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"weft.dev/tests/apps/stream"
)

const maxMessage = 32 << 20

// broken counts conversations that the client left before their end.
var broken int64

// pieces writes data in so many bytes at a time, each sent at once: the answer is chunked.
func pieces(w http.ResponseWriter, data []byte, size int) {
	for len(data) > 0 {
		n := size
		if n > len(data) {
			n = len(data)
		}
		if _, err := w.Write(data[:n]); err != nil {
			atomic.AddInt64(&broken, 1)
			return
		}
		w.(http.Flusher).Flush()
		data = data[n:]
	}
}

// echo answers with the body; with ?pieces=N it is chunked.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		atomic.AddInt64(&broken, 1)
		return
	}
	if size, _ := strconv.Atoi(r.URL.Query().Get("pieces")); size > 0 {
		pieces(w, body, size)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body)
}

// endless answers until the client goes.
func endless(w http.ResponseWriter, _ *http.Request) {
	data := noise(1, 64<<10)
	for {
		if _, err := w.Write(data); err != nil {
			atomic.AddInt64(&broken, 1)
			return
		}
	}
}

type streams struct{}

func (streams) Echo(_ context.Context, data []byte) ([]byte, error) { return data, nil }

func digest(h hash.Hash) []byte { return []byte(fmt.Sprintf("%x", h.Sum(nil))) }

func (streams) Sum(receive func() ([]byte, error)) ([]byte, error) {
	h := sha256.New()
	for {
		data, err := receive()
		if err == io.EOF {
			return digest(h), nil
		}
		if err != nil {
			return nil, err
		}
		h.Write(data)
	}
}

// Many is sent "SEED SIZE COUNT".
func (streams) Many(order []byte, send func([]byte) error) error {
	var seed int64
	var size, count int
	if _, err := fmt.Sscan(string(order), &seed, &size, &count); err != nil || size > maxMessage {
		return status.Error(codes.InvalidArgument, "SEED SIZE COUNT is wanted")
	}
	for i := 0; i < count; i++ {
		if err := send(noise(seed+int64(i), size)); err != nil {
			return err
		}
	}
	return nil
}

// Both echoes, and notes when it is called off.
func (streams) Both(ctx context.Context, receive func() ([]byte, error), send func([]byte) error) error {
	for {
		data, err := receive()
		if err == nil {
			err = send(data)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			if ctx.Err() == context.Canceled {
				atomic.AddInt64(&broken, 1)
			}
			return err
		}
	}
}

func serve(httpPort, grpcPort string) error {
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", echo)
	mux.HandleFunc("/endless", endless)
	mux.HandleFunc("/refuse", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) })
	mux.HandleFunc("/broken", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, atomic.LoadInt64(&broken)) })
	web, err := net.Listen("tcp", ":"+httpPort)
	if err != nil {
		return err
	}
	rpc, err := net.Listen("tcp", ":"+grpcPort)
	if err != nil {
		return err
	}
	failed := make(chan error)
	go func() { failed <- http.Serve(web, mux) }()
	go func() {
		s := grpc.NewServer(grpc.MaxRecvMsgSize(maxMessage))
		stream.Register(s, streams{})
		failed <- s.Serve(rpc)
	}()
	fmt.Println("serving")
	return <-failed
}
