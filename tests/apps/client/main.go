// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Load for the demo, the tests and the benchmark: asks an HTTP or gRPC service who it is, again and again, and
// prints what it saw as one line of JSON when it is done (after -requests, after -duration, or at SIGTERM).
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"weft.dev/tests/apps/echo"
)

var (
	url       = flag.String("http", "", "URL to get")
	target    = flag.String("grpc", "", "host:port of the gRPC service")
	requests  = flag.Int("requests", 0, "stop after so many (0: no limit)")
	duration  = flag.Duration("duration", time.Minute, "stop after this time")
	workers   = flag.Int("workers", 4, "how many ask at the same time")
	pause     = flag.Duration("pause", 0, "wait between two requests of a worker")
	keepAlive = flag.Bool("keep-alive", false, "keep connections instead of dialling for each request")
)

type result struct {
	Requests   int            `json:"requests"`
	Failures   int            `json:"failures"`
	Seconds    float64        `json:"seconds"`
	PerSecond  float64        `json:"per_second"`
	P50us      int64          `json:"p50_us"`
	P99us      int64          `json:"p99_us"`
	ByEndpoint map[string]int `json:"by_endpoint"`
}

// asker returns what the service says of itself.
type asker func(ctx context.Context) (string, error)

func askHTTP() asker {
	transport := &http.Transport{DisableKeepAlives: !*keepAlive, MaxIdleConnsPerHost: *workers}
	client := &http.Client{Transport: transport, Timeout: 5 * time.Second}
	return func(ctx context.Context) (string, error) {
		answer, err := client.Get(*url)
		if err != nil {
			return "", err
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err == nil && answer.StatusCode != http.StatusOK {
			err = fmt.Errorf("status %s", answer.Status)
		}
		return string(body), err
	}
}

func dial(ctx context.Context) (*grpc.ClientConn, error) {
	return grpc.DialContext(ctx, *target, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithBlock(), grpc.FailOnNonTempDialError(true))
}

func askGRPC() asker {
	var kept *grpc.ClientConn
	var once sync.Once
	return func(ctx context.Context) (string, error) {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		if *keepAlive {
			once.Do(func() { kept, _ = dial(ctx) })
			if kept == nil {
				return "", fmt.Errorf("no connection")
			}
			return echo.Say(ctx, kept, "hello")
		}
		conn, err := dial(ctx)
		if err != nil {
			return "", err
		}
		defer conn.Close()
		return echo.Say(ctx, conn, "hello")
	}
}

// tally is shared by the workers.
type tally struct {
	sync.Mutex
	result
	started   int
	latencies []time.Duration
}

func (t *tally) next() bool {
	t.Lock()
	defer t.Unlock()
	t.started++
	return *requests == 0 || t.started <= *requests
}

func (t *tally) add(name string, err error, took time.Duration) {
	t.Lock()
	defer t.Unlock()
	t.Requests++
	if err != nil {
		t.Failures++
		if t.Failures <= 10 {
			fmt.Fprintln(os.Stderr, "client:", err)
		}
		return
	}
	t.ByEndpoint[strings.TrimSpace(name)]++
	t.latencies = append(t.latencies, took)
}

func (t *tally) work(ctx context.Context, ask asker) {
	for ctx.Err() == nil && t.next() {
		begin := time.Now()
		name, err := ask(context.Background())
		t.add(name, err, time.Since(begin))
		time.Sleep(*pause)
	}
}

func (t *tally) percentile(p int) int64 {
	if len(t.latencies) == 0 {
		return 0
	}
	return t.latencies[len(t.latencies)*p/100].Microseconds()
}

func main() {
	flag.Parse()
	if (*url == "") == (*target == "") {
		fmt.Fprintln(os.Stderr, "client: give either -http or -grpc")
		os.Exit(2)
	}
	ask := askHTTP()
	if *target != "" {
		ask = askGRPC()
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *duration)
	defer cancel()

	t := &tally{result: result{ByEndpoint: map[string]int{}}}
	begin := time.Now()
	var all sync.WaitGroup
	for i := 0; i < *workers; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			t.work(ctx, ask)
		}()
	}
	all.Wait()
	t.Seconds = time.Since(begin).Seconds()
	t.PerSecond = float64(t.Requests) / t.Seconds
	sort.Slice(t.latencies, func(a, b int) bool { return t.latencies[a] < t.latencies[b] })
	t.P50us, t.P99us = t.percentile(50), t.percentile(99)
	json.NewEncoder(os.Stdout).Encode(t.result)
}
