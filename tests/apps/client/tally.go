// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"fmt"
	"os"
	"sync"
	"time"
)

const (
	maxMicros = 1000000 // what is slower counts as this
	maxErrors = 20      // messages on stderr; all are counted
)

// A second is what happened in one second of the run.
type second struct {
	Requests   int            `json:"requests"`
	Failures   int            `json:"failures"`
	ByEndpoint map[string]int `json:"by_endpoint"`
}

// A report is the line that the client prints when it ends.
type report struct {
	Requests   int            `json:"requests"`
	Failures   int            `json:"failures"`
	ByEndpoint map[string]int `json:"by_endpoint"`
	P50Micros  int            `json:"p50_us"`
	P99Micros  int            `json:"p99_us"`
	MaxMicros  int            `json:"max_us"`
	Seconds    float64        `json:"seconds"`
	PerSecond  float64        `json:"per_second"`
	Timeline   []second       `json:"timeline"`
}

// A tally counts results of many goroutines in bounded memory.
type tally struct {
	mu     sync.Mutex
	begin  time.Time
	micros []uint32 // how many requests took so many microseconds
	report report
}

func newTally() *tally {
	t := &tally{begin: time.Now(), micros: make([]uint32, maxMicros+1)}
	t.report.ByEndpoint = map[string]int{}
	return t
}

func (t *tally) thisSecond() *second {
	now := int(time.Since(t.begin) / time.Second)
	for len(t.report.Timeline) <= now {
		t.report.Timeline = append(t.report.Timeline, second{ByEndpoint: map[string]int{}})
	}
	return &t.report.Timeline[now]
}

func (t *tally) add(name string, took time.Duration, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.thisSecond()
	t.report.Requests++
	s.Requests++
	if err != nil {
		t.report.Failures++
		s.Failures++
		if t.report.Failures <= maxErrors {
			fmt.Fprintln(os.Stderr, "client:", err)
		}
		return
	}
	t.report.ByEndpoint[name]++
	s.ByEndpoint[name]++
	micros := int(took.Microseconds())
	if micros > maxMicros {
		micros = maxMicros
	}
	t.micros[micros]++
	if micros > t.report.MaxMicros {
		t.report.MaxMicros = micros
	}
}

// percentile is the time within which that share of the successful requests was answered.
func (t *tally) percentile(share float64) int {
	want := uint32(share * float64(t.report.Requests-t.report.Failures))
	var seen uint32
	for micros, count := range t.micros {
		seen += count
		if count > 0 && seen >= want {
			return micros
		}
	}
	return 0
}

func (t *tally) finish() report {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.report.Seconds = time.Since(t.begin).Seconds()
	t.report.PerSecond = float64(t.report.Requests) / t.report.Seconds
	t.report.P50Micros = t.percentile(0.50)
	t.report.P99Micros = t.percentile(0.99)
	return t.report
}
