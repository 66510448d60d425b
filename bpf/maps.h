/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every map, declared; maps.bpf.c defines them once, and the objects are linked into one. */
#pragma once

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#include "weft/interface.h"
#include "weft/limits.h"
#include "weft/monitor.h"
#include "weft/reason.h"
#include "weft/route.h"
#include "weft/service.h"
#include "weft/splice.h"
#include "weft/state.h"

/* Written by user space. Rows are made without preallocation: capacities are for the largest of clusters. */

struct services_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_SERVICES);
	__type(key, struct service_key);
	__type(value, struct service_row);
};

struct slots_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_SLOTS);
	__type(key, struct slot_key);
	__type(value, struct slot_row);
};

struct endpoints_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_ENDPOINTS);
	__type(key, uint64_t);
	__type(value, struct endpoint_row);
};

struct endpoint_index_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_ENDPOINTS);
	__type(key, struct service_key);
	__type(value, uint64_t);
};

struct members_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_MEMBERS);
	__type(key, struct member_key);
	__type(value, struct member_row);
};

struct names_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_NAMES);
	__type(key, uint32_t);
	__type(value, struct name_row);
};

struct meta_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct meta_row);
};

struct drains_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_DRAINS);
	__type(key, uint64_t);
	__type(value, struct drain_row);
};

struct settings_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct settings_row);
};

struct monitoring_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct monitoring_row);
};

struct routes_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_ROUTES);
	__type(key, struct route_key);
	__type(value, struct route_row);
};

struct interfaces_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_INTERFACES);
	__type(key, uint32_t);
	__type(value, struct interface_row);
};

struct sources_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_SOURCES);
	__type(key, struct source_key);
	__type(value, uint32_t);
};

/* Written by the kernel. */

struct endpoint_state_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_ENDPOINTS);
	__type(key, uint64_t);
	__type(value, struct endpoint_state);
};

struct response_state_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_MEMBERS);
	__type(key, struct member_key);
	__type(value, struct response_state);
};

struct health_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct health_row);
};

struct events_map {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, EVENT_BYTES);
};

struct monitor_map {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, MONITOR_BYTES);
};

struct monitored_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct monitored_row);
};

struct service_state_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_SERVICES);
	__type(key, uint32_t);
	__type(value, struct service_state);
};

struct affinity_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_AFFINITY);
	__type(key, struct affinity_key);
	__type(value, struct affinity_row);
};

struct stats_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct stats_row);
};

struct sock_state_map {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct sock_state);
};

struct udp_state_map {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct udp_state);
};

struct rescue_state_map {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct rescue_state);
};

struct rescues_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct rescues_row);
};

struct moves_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_MOVES);
	__type(key, struct move_key);
	__type(value, struct move_row);
};

struct fragments_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_FRAGMENTED);
	__type(key, struct fragment_key);
	__type(value, struct addr);
};

struct unresolved_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_UNRESOLVED);
	__type(key, struct addr);
	__type(value, struct unresolved_row);
};

struct splicing_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SPLICING_COUNT);
	__type(key, uint32_t);
	__type(value, uint64_t);
};

struct listeners_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_LISTENERS);
	__type(key, struct listener_key);
	__type(value, struct listener_row);
};

struct listener_homes_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_LISTENERS);
	__type(key, struct service_key);
	__type(value, uint64_t);
};

struct splice_programs_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_PROGRAMS);
	__type(key, struct program_key);
	__type(value, struct program_row);
};

struct splice_calls_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_SPLICES);
	__type(key, struct splice_call);
	__type(value, uint64_t);
};

struct splice_pairs_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_SPLICES);
	__type(key, uint64_t);
	__type(value, struct splice_pair);
};

struct splice_ends_map {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct splice_end);
};

struct splice_state_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_SERVICES);
	__type(key, uint32_t);
	__type(value, struct splice_state);
};

/* Key: a socket's cookie. Rows go with their sockets; none is ever replaced or deleted, which would lose bytes. */
struct splice_socks_map {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, 2 * MAX_SPLICES);
	__type(key, uint64_t);
	__type(value, uint64_t);
};

extern struct services_map services SEC(".maps");
extern struct slots_map slots SEC(".maps");
extern struct endpoints_map endpoints SEC(".maps");
extern struct endpoint_index_map endpoint_index SEC(".maps");
extern struct members_map members SEC(".maps");
extern struct names_map names SEC(".maps");
extern struct meta_map meta SEC(".maps");
extern struct drains_map drains SEC(".maps");
extern struct settings_map settings SEC(".maps");
extern struct monitoring_map monitoring SEC(".maps");
extern struct routes_map routes SEC(".maps");
extern struct interfaces_map interfaces SEC(".maps");
extern struct sources_map sources SEC(".maps");
extern struct endpoint_state_map endpoint_state SEC(".maps");
extern struct response_state_map response_state SEC(".maps");
extern struct health_map health SEC(".maps");
extern struct events_map events SEC(".maps");
extern struct monitor_map monitor SEC(".maps");
extern struct monitored_map monitored SEC(".maps");
extern struct service_state_map service_state SEC(".maps");
extern struct affinity_map affinity SEC(".maps");
extern struct stats_map stats SEC(".maps");
extern struct sock_state_map sock_state SEC(".maps");
extern struct udp_state_map udp_state SEC(".maps");
extern struct rescue_state_map rescue_state SEC(".maps");
extern struct rescues_map rescues SEC(".maps");
extern struct moves_map moves SEC(".maps");
extern struct fragments_map fragments SEC(".maps");
extern struct unresolved_map unresolved SEC(".maps");
extern struct splicing_map splicing SEC(".maps");
extern struct listeners_map listeners SEC(".maps");
extern struct listener_homes_map listener_homes SEC(".maps");
extern struct splice_programs_map splice_programs SEC(".maps");
extern struct splice_calls_map splice_calls SEC(".maps");
extern struct splice_pairs_map splice_pairs SEC(".maps");
extern struct splice_ends_map splice_ends SEC(".maps");
extern struct splice_state_map splice_state SEC(".maps");
extern struct splice_socks_map splice_socks SEC(".maps");

/* What the running kernel was found able to do; set before load, so that the verifier drops what it lacks. */
extern const volatile bool can_set_retval;
extern const volatile bool can_count_flows;
extern const volatile bool can_rescue;	    /* programs at tc move connects that fail */
extern const volatile bool can_name_client; /* sockops knows a socket's network namespace */
extern const volatile bool can_splice;
/* How long one of the kernel's ticks is; zero: not known. */
extern const volatile uint64_t tick_ns;
