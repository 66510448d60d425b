// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Command probe is both ends of conversations that are checked byte by byte, and a client of other people's servers
// that checks what they answer. It knows nothing of weft.
package main

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"runtime/debug"
	"sync"
	"time"
)

const usage = `usage: probe serve HTTP-PORT GRPC-PORT
       probe http HOST:PORT        the server above, over HTTP/1.1
       probe echo HOST:PORT        the same, only what a proxy between them leaves alone
       probe grpc HOST:PORT        the server above, over gRPC
       probe memcached HOST:PORT
       probe redis HOST:PORT
       probe files URL DIRECTORY   a server of the files of the directory
A client prints a line of JSON; what was wrong goes to stderr.
`

const patience = 25 * time.Second // for all that a client does

// A tally counts what was checked, of many goroutines.
type tally struct {
	mu       sync.Mutex
	Checks   int            `json:"checks"`
	Failures int            `json:"failures"`
	Bytes    int64          `json:"bytes"` // that were compared
	By       map[string]int `json:"by"`    // checks of each kind
}

func (t *tally) note(kind string, bytes int, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.Checks++
	t.By[kind]++
	t.Bytes += int64(bytes)
	if err != nil {
		t.Failures++
		fmt.Fprintf(os.Stderr, "probe: %s: %v\n", kind, err)
	}
}

// inParallel runs work so many times at once, each with its own number.
func inParallel(count int, work func(int)) {
	var workers sync.WaitGroup
	for i := 0; i < count; i++ {
		workers.Add(1)
		go func(i int) {
			defer workers.Done()
			work(i)
		}(i)
	}
	workers.Wait()
}

// noise is size bytes that follow from the seed: both ends can make them.
func noise(seed int64, size int) []byte {
	data := make([]byte, size)
	rand.New(rand.NewSource(seed)).Read(data)
	return data
}

// same says where two texts differ.
func same(got, wanted []byte) error {
	for i := 0; i < len(got) && i < len(wanted); i++ {
		if got[i] != wanted[i] {
			return fmt.Errorf("byte %d of %d is another", i, len(wanted))
		}
	}
	if len(got) != len(wanted) {
		return fmt.Errorf("got %d bytes, wanted %d", len(got), len(wanted))
	}
	return nil
}

func main() {
	clients := map[string]func(*tally, []string) error{
		"http": probeHTTP, "echo": probeEcho, "grpc": probeGRPC, "memcached": probeMemcached, "redis": probeRedis,
		"files": probeFiles,
	}
	wanted := map[string]int{"serve": 2, "http": 1, "echo": 1, "grpc": 1, "memcached": 1, "redis": 1, "files": 2}
	if len(os.Args) < 2 || wanted[os.Args[1]] == 0 || len(os.Args)-2 != wanted[os.Args[1]] {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	if os.Args[1] == "serve" {
		fmt.Fprintln(os.Stderr, "probe:", serve(os.Args[2], os.Args[3]))
		os.Exit(1)
	}
	debug.SetTraceback("all")
	time.AfterFunc(patience, func() { panic("probe: this takes too long") })
	t := &tally{By: map[string]int{}}
	if err := clients[os.Args[1]](t, os.Args[2:]); err != nil {
		t.note("probe", 0, err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(t); err != nil || t.Failures > 0 {
		os.Exit(1)
	}
}
