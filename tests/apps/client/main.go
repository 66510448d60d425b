// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Command client drives requests at one address and says who answered. It ends after -duration, or at
// SIGTERM or SIGINT, and prints one line of JSON; what went wrong goes to stderr.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

const (
	maxDuration    = 10 * time.Minute
	maxConcurrency = 256
	maxRate        = 100000
)

type options struct {
	mode, target      string
	keepAlive         bool
	rate, concurrency int
	duration, timeout time.Duration
}

func parse() (options, error) {
	var o options
	flag.StringVar(&o.mode, "mode", "http", "http or grpc")
	flag.StringVar(&o.target, "target", "", "URL, or host:port for gRPC")
	flag.BoolVar(&o.keepAlive, "keep-alive", false, "reuse connections; else each request has its own")
	flag.IntVar(&o.rate, "rate", 0, "requests per second in all; 0: as fast as answers come")
	flag.IntVar(&o.concurrency, "concurrency", 1, "requests under way at a time")
	flag.DurationVar(&o.duration, "duration", 0, "how long; 0: until a signal, at most 10 minutes")
	flag.DurationVar(&o.timeout, "timeout", 2*time.Second, "of one request")
	flag.Parse()
	if o.duration <= 0 || o.duration > maxDuration {
		o.duration = maxDuration
	}
	if o.target == "" || flag.NArg() > 0 {
		return o, fmt.Errorf("give a -target and no other arguments")
	}
	if o.concurrency < 1 || o.concurrency > maxConcurrency || o.rate < 0 || o.rate > maxRate {
		return o, fmt.Errorf("-concurrency is 1 to %d, -rate 0 to %d", maxConcurrency, maxRate)
	}
	return o, nil
}

func newAsk(o options) (ask, error) {
	switch o.mode {
	case "http":
		return askHTTP(o.target, o.keepAlive), nil
	case "grpc":
		return askGRPC(o.target, o.keepAlive)
	}
	return nil, fmt.Errorf("there is no mode %q", o.mode)
}

// work asks until ctx ends. A request under way then is finished, not failed.
func work(ctx context.Context, o options, a ask, ticks <-chan time.Time, t *tally) {
	for ctx.Err() == nil {
		if ticks != nil {
			select {
			case <-ctx.Done():
				return
			case <-ticks:
			}
		}
		one, cancel := context.WithTimeout(context.Background(), o.timeout)
		begin := time.Now()
		name, err := a(one)
		t.add(name, time.Since(begin), err)
		cancel()
	}
}

func run(ctx context.Context, o options, a ask) report {
	var ticks <-chan time.Time
	if o.rate > 0 {
		ticker := time.NewTicker(time.Second / time.Duration(o.rate))
		defer ticker.Stop()
		ticks = ticker.C
	}
	t := newTally()
	var workers sync.WaitGroup
	for i := 0; i < o.concurrency; i++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			work(ctx, o, a, ticks, t)
		}()
	}
	workers.Wait()
	return t.finish()
}

func main() {
	o, err := parse()
	var a ask
	if err == nil {
		a, err = newAsk(o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, o.duration)
	defer cancel()
	if err := json.NewEncoder(os.Stdout).Encode(run(ctx, o, a)); err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(1)
	}
}
