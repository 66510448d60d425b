// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"weft.dev/tests/apps/greeter"
)

// An ask makes one request and returns the name of the endpoint that answered.
type ask func(context.Context) (string, error)

// firstWord cuts the name from an answer "name version".
func firstWord(answer string) (string, error) {
	words := strings.Fields(answer)
	if len(words) == 0 {
		return "", fmt.Errorf("empty answer")
	}
	return words[0], nil
}

// askHTTP goes straight to the address: a proxy named in the environment is not what is tested.
func askHTTP(url string, keepAlive bool) ask {
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives:   !keepAlive,
		MaxIdleConnsPerHost: 64,
	}}
	return func(ctx context.Context) (string, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return "", err
		}
		response, err := client.Do(request)
		if err != nil {
			return "", err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(io.LimitReader(response.Body, 4096))
		if err != nil {
			return "", err
		}
		if response.StatusCode != http.StatusOK {
			return "", fmt.Errorf("HTTP status %d", response.StatusCode)
		}
		return firstWord(string(body))
	}
}

func dial(target string) (*grpc.ClientConn, error) {
	return grpc.Dial(target, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
}

func hello(ctx context.Context, conn *grpc.ClientConn) (string, error) {
	answer, err := greeter.Hello(ctx, conn, "weft")
	if err != nil {
		return "", err
	}
	return firstWord(answer)
}

func askGRPC(target string, keepAlive bool) (ask, error) {
	if keepAlive {
		conn, err := dial(target)
		return func(ctx context.Context) (string, error) { return hello(ctx, conn) }, err
	}
	return func(ctx context.Context) (string, error) {
		conn, err := dial(target)
		if err != nil {
			return "", err
		}
		defer conn.Close()
		return hello(ctx, conn)
	}, nil
}
