// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
)

const cacheConns = 64 // open all at once

var cacheSizes = []int{0, 1, 100, 1400, 5000, 20000, 70000, 300000, 1000000}

// A cache is a connection to memcached, in its text protocol.
type cache struct {
	conn net.Conn
	from *bufio.Reader
}

func (c *cache) line() (string, error) {
	text, err := c.from.ReadString('\n')
	if err != nil {
		return "", err
	}
	return string(bytes.TrimRight([]byte(text), "\r\n")), nil
}

// ask sends a command and wants that answer.
func (c *cache) ask(command, wanted string) error {
	if _, err := io.WriteString(c.conn, command); err != nil {
		return err
	}
	got, err := c.line()
	if err == nil && got != wanted {
		err = fmt.Errorf("answered '%s', wanted '%s'", got, wanted)
	}
	return err
}

func setting(key string, data []byte, noreply string) string {
	return fmt.Sprintf("set %s 0 0 %d%s\r\n%s\r\n", key, len(data), noreply, data)
}

// value reads one value of an answer to "get".
func (c *cache) value(key string, wanted []byte) error {
	head, err := c.line()
	if err != nil {
		return err
	}
	if head != fmt.Sprintf("VALUE %s 0 %d", key, len(wanted)) {
		return fmt.Errorf("answered '%s' for %s", head, key)
	}
	got := make([]byte, len(wanted)+2)
	if _, err := io.ReadFull(c.from, got); err != nil {
		return err
	}
	return same(got, append(append([]byte{}, wanted...), '\r', '\n'))
}

func (c *cache) end() error {
	got, err := c.line()
	if err == nil && got != "END" {
		err = fmt.Errorf("answered '%s' at the end", got)
	}
	return err
}

func (c *cache) get(key string, wanted []byte) error {
	if _, err := fmt.Fprintf(c.conn, "get %s\r\n", key); err != nil {
		return err
	}
	if err := c.value(key, wanted); err != nil {
		return err
	}
	return c.end()
}

// pipeline sends sets without answers and one get of all keys in one go.
func (c *cache) pipeline(prefix string, count int) error {
	var all bytes.Buffer
	get := "get"
	for i := 0; i < count; i++ {
		key := fmt.Sprintf("%s-%d", prefix, i)
		all.WriteString(setting(key, noise(int64(i), 10*i), " noreply"))
		get += " " + key
	}
	all.WriteString(get + "\r\n")
	if _, err := c.conn.Write(all.Bytes()); err != nil {
		return err
	}
	for i := 0; i < count; i++ {
		if err := c.value(fmt.Sprintf("%s-%d", prefix, i), noise(int64(i), 10*i)); err != nil {
			return err
		}
	}
	return c.end()
}

// keep sets and gets over one connection.
func (c *cache) keep(t *tally, number int) {
	for i, size := range cacheSizes {
		// All at once would be more than the server has memory for.
		if size > 100000 && number%8 != 0 {
			continue
		}
		key, data := fmt.Sprintf("key-%d-%d", number, i), noise(int64(number*100+i), size)
		t.note("set", size, c.ask(setting(key, data, ""), "STORED"))
		t.note("get", size, c.get(key, data))
	}
	t.note("pipeline", 5*40*39, c.pipeline(fmt.Sprintf("pipe-%d", number), 40))
	for i := 1; i <= 50; i++ {
		key := fmt.Sprintf("count-%d", number)
		if i == 1 {
			t.note("set", 1, c.ask(setting(key, []byte("0"), ""), "STORED"))
		}
		t.note("count", 0, c.ask("incr "+key+" 3\r\n", fmt.Sprint(3*i)))
	}
}

func probeMemcached(t *tally, args []string) error {
	caches := make([]*cache, cacheConns)
	for i := range caches {
		conn, err := net.Dial("tcp", args[0])
		if err != nil {
			return err
		}
		defer conn.Close()
		caches[i] = &cache{conn, bufio.NewReader(conn)}
	}
	inParallel(cacheConns, func(i int) { caches[i].keep(t, i) })
	// What one connection has set the next one gets.
	inParallel(cacheConns, func(i int) {
		other := (i + 1) % cacheConns
		t.note("other", 5000, caches[i].get(fmt.Sprintf("key-%d-4", other), noise(int64(other*100+4), 5000)))
	})
	return nil
}
