/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What goes into a shim program and comes out of it. */
#pragma once

#include "weft/interface.h"
#include "weft/service.h"
#include "weft/state.h"

enum {
	SHIM_LOOKUPS = 1000,
};

struct shim_route {
	struct service_key key;
	uint64_t client;
	/* out */
	struct addr address;
	uint64_t endpoint;
	uint32_t found;
	uint32_t verdict; /* enum verdict of bpf/lib/route.h */
	uint32_t port;
	uint32_t sock_flags; /* enum sock_flag */
};

struct shim_pick {
	struct slot_row slot;
	uint32_t count;
	uint32_t random;
	/* out */
	uint64_t endpoint;
	uint32_t column;
	uint32_t reserved;
};

struct shim_torn {
	struct service_key key;
	/* in and out */
	uint64_t lookups, missing, mixed, changes;
	uint32_t last;
	uint32_t reserved;
};

struct shim_udp {
	struct service_key key; /* dialled */
	struct addr address;	/* of the endpoint to remember */
	uint64_t endpoint;
	uint32_t service;
	uint32_t port;
	/* out */
	struct addr answered;
	uint32_t answered_port;
	uint32_t place;
	uint32_t stuck;
	uint32_t reserved;
};

struct shim_decay {
	uint64_t value, elapsed_ns, mean_ns, sample_ns;
	uint32_t decay_ms;
	uint32_t reserved;
	/* out */
	uint64_t decayed, next;
	uint32_t bucket; /* of the sample */
	uint32_t reserved2;
};

enum shim_eject_act {
	SHIM_FITNESS,
	SHIM_DUE,
	SHIM_EJECT,
	SHIM_RETURNS,
};

struct shim_eject {
	struct endpoint_state state; /* in and out */
	struct service_row service;
	uint64_t now_ns;
	uint32_t act; /* enum shim_eject_act */
	uint32_t probe;
	/* out */
	uint64_t result;
};

struct shim_share {
	uint32_t listed, ejected, usable, available, percent;
	/* out */
	uint32_t allowed, panic;
};

struct shim_weigh {
	uint64_t live[2], connect_ns[2], response_ns[2];
	uint32_t weight[2];
	/* out: is the second the better one? */
	uint32_t less_loaded, cheaper;
};

/* A connection of `sock` that failed, or that was answered. */
struct shim_health {
	struct sock_state sock;
	uint64_t endpoint; /* for the row */
	uint32_t failure;  /* enum failure; zero: answered */
	uint32_t reserved;
};

struct shim_exchange {
	struct sock_state sock;
	uint64_t now_ns, response_ns;
};

struct shim_verdict {
	struct sock_state sock;
	int32_t error;
	uint32_t answered;
	/* out */
	uint32_t failure;
	uint32_t reserved;
};

/* A struct packet of bpf/lib/packet.h, which only the BPF compiler can read. */
struct shim_view {
	struct addr source, target;
	uint32_t l3, l4;
	uint32_t sequence, acknowledged, payload;
	uint16_t source_port, target_port, window;
	uint8_t v4, protocol, traffic_class;
	uint8_t tcp_flags, tcp_length, tcp_reserved;
	uint8_t icmp_type, icmp_code;
	uint8_t reserved[6];
};

/* What the tc programs are told, and what they tell. */
struct shim_packet {
	struct addr client;
	struct addr address; /* at the other end, as it is to be */
	uint16_t remote_port, local_port;
	uint8_t mac[MAC_SIZE];
	uint8_t reserved[2];
	/* in and out */
	struct syn_copy syn;
	/* out */
	uint32_t kind;	/* enum packet_kind of bpf/lib/packet.h */
	uint32_t error; /* enum icmp_error, the same */
	uint32_t is_quoted;
	struct shim_view packet, quoted;
};

/* What they return: done, left as it was, or a negative error. */
enum {
	SHIM_OK = 1000,
	SHIM_LEFT = 1001,
};
