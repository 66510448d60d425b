// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Command web is the HTTP service of every Go tutorial. It knows nothing of weft.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"time"
)

const version = "1.0"

func main() {
	name := os.Getenv("NAME")
	if name == "" {
		name, _ = os.Hostname()
	}
	// How long each answer takes, "20ms"; a service that is slow for a reason that only it knows.
	delay, _ := time.ParseDuration(os.Getenv("DELAY"))
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(delay)
		fmt.Fprintf(w, "%s %s\n", name, version)
	})
	log.Fatal(http.ListenAndServe(":8080", nil))
}
