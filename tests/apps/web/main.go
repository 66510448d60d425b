// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// A web service as in every tutorial: it answers with its name. It knows nothing of weft.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
)

func main() {
	name := os.Getenv("NAME")
	if name == "" {
		name, _ = os.Hostname()
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, name)
	})
	log.Fatal(http.ListenAndServe(":8080", nil))
}
