/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Two connected sockets of loopback in a sockhash of their own, under a program that hands over messages of an even
 * length and lets those of an odd length go through the stack. So each step below chooses by what it sends.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/attr.h"
#include "kern/splice.h"
#include "kern/try.h"

enum {
	PATIENCE_MS = 2000,
};

struct pair {
	int map, client, server;
};

static void pair_close(struct pair *pair)
{
	closep(&pair->client);
	closep(&pair->server);
	closep(&pair->map);
}

/* Notes the first failure in words, all of them in bits. */
static void find(uint32_t *result, uint32_t failure, struct why *why, const char *what)
{
	if (!(*result & ~SPLICE_TESTED))
		why_set(why, 0, "%s", what);
	*result |= failure;
}

/* A socket's key is its own port, so its peer's is the remote one. */
static int load_verdict(int map, struct why *why)
{
	const struct bpf_insn insns[] = {
		INSN_COPY(BPF_REG_6, BPF_REG_1),
		INSN(BPF_LDX | BPF_MEM | BPF_W, BPF_REG_2, BPF_REG_6, offsetof(struct sk_msg_md, size), 0),
		INSN(BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_2, 0, 0, 1),
		INSN(BPF_JMP | BPF_JNE | BPF_K, BPF_REG_2, 0, 10, 0),
		INSN(BPF_LDX | BPF_MEM | BPF_W, BPF_REG_2, BPF_REG_6, offsetof(struct sk_msg_md, remote_port),
		     0),
		INSN(BPF_ALU | BPF_END | BPF_TO_BE, BPF_REG_2, 0, 0, 32),
		INSN(BPF_STX | BPF_MEM | BPF_W, BPF_REG_10, BPF_REG_2, -4, 0),
		INSN_COPY(BPF_REG_1, BPF_REG_6),
		INSN_COPY(BPF_REG_3, BPF_REG_10),
		INSN_ADD(BPF_REG_3, -4),
		INSN_MOVE(BPF_REG_4, BPF_F_INGRESS),
		INSN_MAP(BPF_REG_2, map),
		INSN_CALL(BPF_FUNC_msg_redirect_hash),
		INSN_MOVE(BPF_REG_0, SK_PASS),
		INSN_EXIT,
	};
	const struct target target = { BPF_PROG_TYPE_SK_MSG, BPF_SK_MSG_VERDICT, 0 };
	_cleanup_(closep) int program = try_load(&target, insns, ARRAY_LEN(insns), why);

	if (program < 0)
		return program;
	/* The map keeps the program. */
	if (bpf_prog_attach(program, map, BPF_SK_MSG_VERDICT, 0))
		return why_set(why, -errno, "cannot attach to a sockhash: %s", strerror(errno));
	return 0;
}

static int add(int map, int socket, struct why *why)
{
	struct sockaddr_in own;
	socklen_t length = sizeof(own);
	uint32_t port;

	if (getsockname(socket, (struct sockaddr *)&own, &length))
		return why_set(why, -errno, "getsockname: %s", strerror(errno));
	port = ntohs(own.sin_port);
	if (bpf_map_update_elem(map, &port, &socket, BPF_NOEXIST))
		return why_set(why, -errno, "cannot put a socket into a sockhash: %s", strerror(errno));
	return 0;
}

static int connect_pair(struct pair *pair, struct why *why)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	_cleanup_(closep) int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t length = sizeof(address);

	pair->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || pair->client < 0 || bind(listener, (struct sockaddr *)&address, length) ||
	    listen(listener, 1) || getsockname(listener, (struct sockaddr *)&address, &length) ||
	    connect(pair->client, (struct sockaddr *)&address, length))
		return why_set(why, -errno, "cannot connect over loopback: %s", strerror(errno));
	pair->server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (pair->server < 0)
		return why_set(why, -errno, "accept: %s", strerror(errno));
	return 0;
}

static int make_pair(struct pair *pair, struct why *why)
{
	int error;

	pair->map =
		bpf_map_create(BPF_MAP_TYPE_SOCKHASH, "weft_probe", sizeof(uint32_t), sizeof(int), 2, NULL);
	if (pair->map < 0)
		return why_set(why, pair->map, "cannot make a sockhash: %s", strerror(-pair->map));
	error = load_verdict(pair->map, why);
	if (!error)
		error = connect_pair(pair, why);
	if (!error)
		error = add(pair->map, pair->client, why);
	return error ? error : add(pair->map, pair->server, why);
}

static bool await_input(const struct pair *pair)
{
	struct pollfd poll_fd = { .fd = pair->server, .events = POLLIN };

	return poll(&poll_fd, 1, PATIENCE_MS) > 0;
}

/* Sends, and returns when there is something to read. */
static bool bring(const struct pair *pair, const char *text)
{
	ssize_t length = strlen(text);

	return send(pair->client, text, length, MSG_NOSIGNAL) == length && await_input(pair);
}

/* Reads exactly this. */
static bool take(const struct pair *pair, const char *text)
{
	size_t length = strlen(text), have = 0;
	char buffer[16] = { 0 };

	while (have < length && await_input(pair)) {
		ssize_t n = recv(pair->server, buffer + have, length - have, MSG_DONTWAIT);

		if (n <= 0)
			return false;
		have += n;
	}
	return have == length && !memcmp(buffer, text, length);
}

static int waiting(const struct pair *pair)
{
	int bytes = -1;

	return ioctl(pair->server, FIONREAD, &bytes) ? -1 : bytes;
}

static bool is_charged(const struct pair *pair)
{
	uint32_t memory[SK_MEMINFO_VARS] = { 0 };
	socklen_t length = sizeof(memory);

	return !getsockopt(pair->server, SOL_SOCKET, SO_MEMINFO, memory, &length) &&
	       memory[SK_MEMINFO_RMEM_ALLOC];
}

/* TCP has not seen the bytes that were handed over. */
static uint64_t sent_by_tcp(const struct pair *pair)
{
	struct tcp_info info = { 0 };
	socklen_t length = sizeof(info);

	getsockopt(pair->client, IPPROTO_TCP, TCP_INFO, &info, &length);
	return info.tcpi_bytes_acked;
}

static void test_count(const struct pair *pair, uint32_t *result, struct why *why)
{
	char text[128];

	if (!bring(pair, "a")) {
		find(result, SPLICE_FAILED_RUN, why, "a byte that went through the stack did not arrive");
		return;
	}
	if (waiting(pair) != 1) {
		snprintf(text, sizeof(text),
			 "FIONREAD says %d where 1 byte waits that went through the stack", waiting(pair));
		find(result, SPLICE_FAILED_FIONREAD_PASSED, why, text);
	}
	if (!take(pair, "a"))
		find(result, SPLICE_FAILED_RUN, why, "a byte that went through the stack could not be read");
	if (!bring(pair, "bc")) {
		find(result, SPLICE_FAILED_RUN, why, "bytes that were handed over did not arrive");
		return;
	}
	if (waiting(pair) != 2) {
		snprintf(text, sizeof(text), "FIONREAD says %d where 2 bytes wait that were handed over",
			 waiting(pair));
		find(result, SPLICE_FAILED_FIONREAD_REDIRECTED, why, text);
	}
	if (!is_charged(pair))
		find(result, SPLICE_FAILED_MEMORY, why,
		     "bytes that were handed over are not charged to the receiver's buffer");
}

/* On top of two bytes that wait. */
static void test_order(const struct pair *pair, uint32_t *result, struct why *why)
{
	if (!bring(pair, "d") || !take(pair, "bcd"))
		find(result, SPLICE_FAILED_ORDER, why,
		     "bytes that went through the stack did not come behind those handed over before");
	if (sent_by_tcp(pair) > 3)
		find(result, SPLICE_FAILED_RUN, why,
		     "bytes that were to be handed over went through the stack");
}

static void test_end(const struct pair *pair, uint32_t *result, struct why *why)
{
	char byte;

	if (!bring(pair, "ef"))
		find(result, SPLICE_FAILED_RUN, why, "bytes that were handed over did not arrive");
	shutdown(pair->client, SHUT_WR);
	if (send(pair->client, "g", 1, MSG_NOSIGNAL) >= 0 || errno != EPIPE)
		find(result, SPLICE_FAILED_EPIPE, why, "a byte was accepted after shutdown()");
	if (!take(pair, "ef") || !await_input(pair) || recv(pair->server, &byte, 1, MSG_DONTWAIT))
		find(result, SPLICE_FAILED_FIN, why,
		     "the end of the stream did not come behind bytes that were handed over");
}

uint32_t splice_test(struct why *why)
{
	_cleanup_(pair_close) struct pair pair = { -1, -1, -1 };
	uint32_t result = SPLICE_TESTED;

	if (make_pair(&pair, why))
		return SPLICE_TESTED | SPLICE_FAILED_RUN;
	test_count(&pair, &result, why);
	if (!(result & SPLICE_FAILED_RUN))
		test_order(&pair, &result, why);
	if (!(result & SPLICE_FAILED_RUN))
		test_end(&pair, &result, why);
	return result;
}
