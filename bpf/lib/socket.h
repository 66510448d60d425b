/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Looking into sockets, the program's own and another one. A program holds no reference to the other: what it reads
 * there may be of a socket that has taken its place (sockets are SLAB_TYPESAFE_BY_RCU), until the cookie says that it
 * is not. A read that goes nowhere gives zero.
 */
#pragma once

#include <bpf/bpf_core_read.h>

#include "maps.h"

enum {
	OPEN_NONBLOCK = 04000, /* O_NONBLOCK of <fcntl.h> */
	SHUT_RECEIVING = 1,    /* RCV_SHUTDOWN and SEND_SHUTDOWN of the kernel's net/sock.h */
	SHUT_SENDING = 2,
};

/* A kernel function, of 6.2 and later. */
extern void *bpf_rdonly_cast(const void *object, uint32_t type) __ksym __weak;

static inline struct tcp_sock *socket_at(uint64_t address)
{
	return bpf_rdonly_cast((const void *)address, bpf_core_type_id_kernel(struct tcp_sock));
}

static inline uint64_t socket_cookie(struct tcp_sock *tcp)
{
	return (uint64_t)((struct sock *)tcp)->__sk_common.skc_cookie.counter;
}

enum descriptor {
	DESCRIPTOR_NONE, /* nobody has accepted it yet, or it is closed */
	DESCRIPTOR_BLOCKS,
	DESCRIPTOR_RETURNS, /* O_NONBLOCK */
};

static inline enum descriptor socket_descriptor(struct tcp_sock *tcp)
{
	struct socket *socket = ((struct sock *)tcp)->sk_socket;
	struct file *file = socket ? socket->file : NULL;

	if (!file)
		return DESCRIPTOR_NONE;
	return file->f_flags & OPEN_NONBLOCK ? DESCRIPTOR_RETURNS : DESCRIPTOR_BLOCKS;
}

/* Is it TCP and nothing on top of it? */
static inline bool socket_is_plain(struct tcp_sock *tcp)
{
	if (((struct inet_connection_sock *)tcp)->icsk_ulp_ops)
		return false;
	return !bpf_core_field_exists(tcp->is_mptcp) || !tcp->is_mptcp;
}

/* Has `receiver` had what `sender` sent, and nothing that it did not? */
static inline bool socket_is_within(struct tcp_sock *receiver, struct tcp_sock *sender)
{
	uint32_t received = receiver->rcv_nxt;

	return (int32_t)(received - sender->snd_una) >= 0 && (int32_t)(sender->write_seq - received) >= 0;
}

enum {
	USER_DATA_FLAGS = 7, /* the kernel's ~SK_USER_DATA_PTRMASK */
};

/* What the kernel keeps for a socket of the map; of any other it reads as zeros. */
static inline struct sk_psock *socket_psock(struct tcp_sock *tcp)
{
	uint64_t data = (uint64_t)((struct sock *)tcp)->sk_user_data & ~(uint64_t)USER_DATA_FLAGS;

	return bpf_rdonly_cast((const void *)data, bpf_core_type_id_kernel(struct sk_psock));
}

/* The map holds one reference to that, and every send() and recv() one more for as long as it takes. */
enum {
	PSOCK_AT_REST = 1,
	PSOCK_AT_WORK = 2,
};

/* Is some other thread at work on this socket, whose thread asks? */
static inline bool socket_is_crowded(struct tcp_sock *tcp)
{
	return socket_psock(tcp)->refcnt.refs.counter > PSOCK_AT_WORK;
}

/* Is no thread in a send() or recv() of this socket? */
static inline bool socket_is_at_rest(struct tcp_sock *tcp)
{
	return socket_psock(tcp)->refcnt.refs.counter == PSOCK_AT_REST;
}

/* Has all been read that was handed to it? Under its lock. */
static inline bool socket_is_read_empty(struct tcp_sock *tcp)
{
	struct sk_psock *psock = socket_psock(tcp);
	uint64_t head = (uint64_t)psock + bpf_core_field_offset(psock->ingress_msg);

	return (uint64_t)psock->ingress_msg.next == head;
}
