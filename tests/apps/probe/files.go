// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
)

const fileClients = 8 // at once, each with a connection that it keeps

// fetch gets a file, or a range of it, and compares.
func fetch(client *http.Client, url string, wanted []byte, from int) error {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	code := http.StatusOK
	if from > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
		code = http.StatusPartialContent
	}
	got, err := answerOf(client, request, code)
	if err != nil {
		return err
	}
	return same(got, wanted[from:])
}

func probeFiles(t *tally, args []string) error {
	paths, err := filepath.Glob(filepath.Join(args[1], "*"))
	if err != nil || len(paths) == 0 {
		return fmt.Errorf("no files in %s: %v", args[1], err)
	}
	contents := map[string][]byte{}
	for _, path := range paths {
		if contents[filepath.Base(path)], err = os.ReadFile(path); err != nil {
			return err
		}
	}
	inParallel(fileClients, func(int) {
		client := newClient()
		for round := 0; round < 5; round++ {
			for name, wanted := range contents {
				t.note("whole", len(wanted), fetch(client, args[0]+"/"+name, wanted, 0))
				if from := len(wanted) / 3; from > 0 {
					t.note("range", len(wanted)-from, fetch(client, args[0]+"/"+name, wanted, from))
				}
			}
		}
	})
	return nil
}
