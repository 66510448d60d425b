// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	httpClients = 12 // at once, each with a connection that it keeps
	httpLeaves  = 8  // bodies that the client leaves, each way
)

var httpSizes = []int{0, 1, 2, 63, 1000, 4096, 16384, 65535, 65536, 65537, 300000, 1 << 20, 5 << 20}

// A newClient goes straight to the address: a proxy named in the environment is not what is tested.
func newClient() *http.Client {
	return &http.Client{Transport: &http.Transport{ExpectContinueTimeout: 5 * time.Second}}
}

func answerOf(client *http.Client, request *http.Request, code int) ([]byte, error) {
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != code {
		err = fmt.Errorf("HTTP status %d", response.StatusCode)
	}
	return body, err
}

// echoes sends a body of that size and reads it back. A body without a known length is chunked.
func echoes(client *http.Client, url string, seed int64, size int, chunked, expect bool) error {
	data := noise(seed, size)
	var body io.Reader = bytes.NewReader(data)
	if chunked {
		body = io.MultiReader(bytes.NewReader(data[:size/3]), bytes.NewReader(data[size/3:]))
	}
	request, err := http.NewRequest(http.MethodPost, url, body)
	if err != nil {
		return err
	}
	if expect {
		request.Header.Set("Expect", "100-continue")
	}
	got, err := answerOf(client, request, http.StatusOK)
	if err != nil {
		return err
	}
	return same(got, data)
}

// converse is one client with one connection.
func converse(t *tally, base string, number int) {
	client := newClient()
	for i, size := range httpSizes {
		seed := int64(number*1000 + i)
		t.note("length", 2*size, echoes(client, base+"/echo", seed, size, false, false))
		t.note("chunked", 2*size, echoes(client, base+"/echo?pieces=7000", seed+500, size, true, false))
		t.note("continue", 2*size, echoes(client, base+"/echo", seed+700, size, false, true))
	}
	// Small ones that follow each other closely.
	for i := 0; i < 300; i++ {
		t.note("small", 2*i, echoes(client, base+"/echo", int64(i), i, false, false))
	}
}

// refused: the server answers instead of asking for the body, which is not sent.
func refused(client *http.Client, base string) error {
	request, err := http.NewRequest(http.MethodPost, base+"/refuse", bytes.NewReader(noise(2, 3<<20)))
	if err != nil {
		return err
	}
	request.Header.Set("Expect", "100-continue")
	_, err = answerOf(client, request, http.StatusForbidden)
	return err
}

// leaveAnswer reads a part of an answer without end, and closes.
func leaveAnswer(base string, size int) error {
	client := newClient()
	defer client.CloseIdleConnections()
	response, err := client.Get(base + "/endless")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	got := make([]byte, size)
	if _, err := io.ReadFull(response.Body, got); err != nil {
		return err
	}
	return same(got, bytes.Repeat(noise(1, 64<<10), size/(64<<10)+1)[:size])
}

// leaveRequest sends a part of a body, and closes.
func leaveRequest(base string) error {
	reader, writer := io.Pipe()
	request, err := http.NewRequest(http.MethodPost, base+"/echo", reader)
	if err != nil {
		return err
	}
	go func() {
		writer.Write(noise(3, 200000))
		writer.CloseWithError(io.ErrUnexpectedEOF)
	}()
	if _, err = answerOf(newClient(), request, http.StatusOK); err == nil {
		return fmt.Errorf("an answer to half a body")
	}
	return nil
}

// noticed waits until the server has seen so many clients go.
func noticed(base string, count int) error {
	var got string
	for i := 0; i < 200; i++ {
		request, err := http.NewRequest(http.MethodGet, base+"/broken", nil)
		if err != nil {
			return err
		}
		body, err := answerOf(newClient(), request, http.StatusOK)
		if err != nil {
			return err
		}
		if got = strings.TrimSpace(string(body)); got == fmt.Sprint(count) {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("the server saw %s clients go, not %d", got, count)
}

func probeEcho(t *tally, args []string) error {
	inParallel(httpClients, func(i int) { converse(t, "http://"+args[0], i) })
	return nil
}

func probeHTTP(t *tally, args []string) error {
	if err := probeEcho(t, args); err != nil {
		return err
	}
	base := "http://" + args[0]
	client := newClient()
	for i := 0; i < 20; i++ {
		t.note("refused", 0, refused(client, base))
		t.note("length", 2000, echoes(client, base+"/echo", int64(i), 1000, false, false))
	}
	inParallel(httpLeaves, func(i int) {
		t.note("leave-answer", 100000<<i, leaveAnswer(base, 100000<<i))
		t.note("leave-request", 0, leaveRequest(base))
	})
	t.note("noticed", 0, noticed(base, 2*httpLeaves))
	return nil
}
