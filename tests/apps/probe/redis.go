// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
)

const redisConns = 16 // open all at once

var redisSizes = []int{0, 1, 100, 1400, 16384, 65536, 300000, 1 << 20, 9 << 20}

// command is a command of redis as it goes over the wire.
func command(words ...[]byte) []byte {
	var all bytes.Buffer
	fmt.Fprintf(&all, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(&all, "$%d\r\n%s\r\n", len(word), word)
	}
	return all.Bytes()
}

// answers reads what a redis answers to that, byte by byte.
func answers(from io.Reader, wanted []byte) error {
	got := make([]byte, len(wanted))
	if _, err := io.ReadFull(from, got); err != nil {
		return err
	}
	return same(got, wanted)
}

func bulk(data []byte) []byte { return []byte(fmt.Sprintf("$%d\r\n%s\r\n", len(data), data)) }

// setAndGet asks for the value only when it is told that it is there.
func setAndGet(conn net.Conn, from io.Reader, key, data []byte) error {
	if _, err := conn.Write(command([]byte("SET"), key, data)); err != nil {
		return err
	}
	if err := answers(from, []byte("+OK\r\n")); err != nil {
		return err
	}
	if _, err := conn.Write(command([]byte("GET"), key)); err != nil {
		return err
	}
	return answers(from, bulk(data))
}

// pipelined sends many commands at once, and reads their answers meanwhile.
func pipelined(conn net.Conn, from io.Reader, prefix string, count, size int) error {
	var all, wanted bytes.Buffer
	for i := 0; i < count; i++ {
		key, data := []byte(fmt.Sprintf("%s-%d", prefix, i)), noise(int64(i), size)
		all.Write(command([]byte("SET"), key, data))
		all.Write(command([]byte("GET"), key))
		wanted.WriteString("+OK\r\n")
		wanted.Write(bulk(data))
	}
	sent := make(chan error, 1)
	go func() {
		_, err := conn.Write(all.Bytes())
		sent <- err
	}()
	if err := answers(from, wanted.Bytes()); err != nil {
		return err
	}
	return <-sent
}

func probeRedis(t *tally, args []string) error {
	conns := make([]net.Conn, redisConns)
	for i := range conns {
		conn, err := net.Dial("tcp", args[0])
		if err != nil {
			return err
		}
		defer conn.Close()
		conns[i] = conn
	}
	inParallel(redisConns, func(i int) {
		from := bufio.NewReader(conns[i])
		for j, size := range redisSizes {
			key := []byte(fmt.Sprintf("value-%d-%d", i, j))
			t.note("value", size, setAndGet(conns[i], from, key, noise(int64(i*100+j), size)))
		}
		t.note("pipeline", 300*200, pipelined(conns[i], from, fmt.Sprintf("pipe-%d", i), 300, 200))
		t.note("pipeline", 40*50000, pipelined(conns[i], from, fmt.Sprintf("large-%d", i), 40, 50000))
	})
	return nil
}
