// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Command web is the HTTP service of every Go tutorial. It knows nothing of weft.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
)

const version = "1.0"

func main() {
	name := os.Getenv("NAME")
	if name == "" {
		name, _ = os.Hostname()
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s\n", name, version)
	})
	log.Fatal(http.ListenAndServe(":8080", nil))
}
