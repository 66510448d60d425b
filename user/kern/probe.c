/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Trying what the kernel can do. */
#include "kern/probe.h"

#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "base/attr.h"
#include "kern/barrier.h"
#include "kern/try.h"

int try_load(const struct target *target, const struct bpf_insn *insns, size_t count, struct why *why)
{
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = target->attach,
		    .attach_btf_id = target->btf_id);
	int fd = bpf_prog_load(target->program, "weft_probe", "Dual BSD/GPL", insns, count, &options);

	if (fd < 0)
		return why_set(why, fd, "the kernel refuses a program that uses it: %s", strerror(-fd));
	return fd;
}

int try_program(const struct target *target, const struct bpf_insn *insns, size_t count, struct why *why)
{
	_cleanup_(closep) int fd = try_load(target, insns, count, why);

	return fd < 0 ? fd : 0;
}

static int try_btf(struct why *why)
{
	struct btf *btf = btf__load_vmlinux_btf();

	if (!btf)
		return why_set(why, -ENOENT, "no /sys/kernel/btf/vmlinux (CONFIG_DEBUG_INFO_BTF)");
	btf__free(btf);
	return 0;
}

static int try_cgroup_hooks(struct why *why)
{
	static const enum bpf_attach_type types[] = {
		BPF_CGROUP_INET4_CONNECT,
		BPF_CGROUP_UDP6_SENDMSG,
		BPF_CGROUP_UDP6_RECVMSG,
		BPF_CGROUP_INET6_GETPEERNAME,
	};
	const struct bpf_insn insns[] = { INSN_MOVE(BPF_REG_0, 1), INSN_EXIT };
	int error = 0;

	for (size_t i = 0; !error && i < ARRAY_LEN(types); i++) {
		const struct target target = { BPF_PROG_TYPE_CGROUP_SOCK_ADDR, types[i], 0 };

		error = try_program(&target, insns, ARRAY_LEN(insns), why);
	}
	return error;
}

static int try_set_retval(struct why *why)
{
	const struct bpf_insn insns[] = {
		INSN_MOVE(BPF_REG_1, -ECONNREFUSED),
		INSN_CALL(BPF_FUNC_set_retval),
		INSN_MOVE(BPF_REG_0, 1),
		INSN_EXIT,
	};

	const struct target target = { BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_CONNECT, 0 };

	return try_program(&target, insns, ARRAY_LEN(insns), why);
}

/* Can such a program look into TCP's own structure? */
static int try_tcp_sock(const struct target *target, size_t sk_offset, bool full, struct why *why)
{
	const struct bpf_insn insns[] = {
		INSN_LOAD(BPF_REG_1, BPF_REG_1, sk_offset),
		INSN_IF_ZERO(BPF_REG_1, 4),
		full ? INSN_CALL(BPF_FUNC_sk_fullsock) : INSN_COPY(BPF_REG_0, BPF_REG_1),
		INSN_IF_ZERO(BPF_REG_0, 2),
		INSN_COPY(BPF_REG_1, BPF_REG_0),
		INSN_CALL(BPF_FUNC_skc_to_tcp_sock),
		INSN_MOVE(BPF_REG_0, 1),
		INSN_EXIT,
	};

	return try_program(target, insns, ARRAY_LEN(insns), why);
}

static int try_health(struct why *why)
{
	const struct target target = { BPF_PROG_TYPE_SOCK_OPS, BPF_CGROUP_SOCK_OPS, 0 };

	return try_tcp_sock(&target, offsetof(struct bpf_sock_ops, sk), false, why);
}

static int try_response_time(struct why *why)
{
	const struct target target = { BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_INGRESS, 0 };

	return try_tcp_sock(&target, offsetof(struct __sk_buff, sk), true, why);
}

static int try_moved_affinity(struct why *why)
{
	const struct bpf_insn insns[] = { INSN_CALL(BPF_FUNC_get_netns_cookie), INSN_MOVE(BPF_REG_0, 1),
					  INSN_EXIT };
	const struct target target = { BPF_PROG_TYPE_SOCK_OPS, BPF_CGROUP_SOCK_OPS, 0 };

	return try_program(&target, insns, ARRAY_LEN(insns), why);
}

static int try_udp_flows(struct why *why)
{
	const struct bpf_insn insns[] = { INSN_MOVE(BPF_REG_0, 1), INSN_EXIT };
	const struct target target = { BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_RELEASE, 0 };

	return try_program(&target, insns, ARRAY_LEN(insns), why);
}

/* Types of a row that is a lock and a number, as BTF: what the two maps below need. */
static struct btf *lock_types(int *ret_int, int *ret_lock, int *ret_row)
{
	struct btf *btf = btf__new_empty();
	int number;

	if (!btf)
		return NULL;
	number = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	*ret_int = number;
	*ret_lock = btf__add_struct(btf, "bpf_spin_lock", 4);
	btf__add_field(btf, "val", number, 0, 0);
	*ret_row = btf__add_struct(btf, "row", 8);
	btf__add_field(btf, "lock", *ret_lock, 0, 0);
	btf__add_field(btf, "number", number, 32, 0);
	if (btf__load_into_kernel(btf)) {
		btf__free(btf);
		return NULL;
	}
	return btf;
}

int try_make_map(enum bpf_map_type type, bool locked, struct why *why)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_NO_PREALLOC);
	int number = 0, lock = 0, row = 0;
	struct btf *btf = lock_types(&number, &lock, &row);
	int fd;

	if (!btf)
		return why_set(why, -ENOTSUP, "the kernel refuses types (BTF)");
	options.btf_fd = btf__fd(btf);
	options.btf_key_type_id = number;
	options.btf_value_type_id = locked ? row : number;
	fd = bpf_map_create(type, "weft_probe", 4, locked ? 8 : 4, type == BPF_MAP_TYPE_HASH ? 1 : 0,
			    &options);
	btf__free(btf);
	if (fd < 0)
		return why_set(why, fd, "the kernel refuses such a map: %s", strerror(-fd));
	return fd;
}

static int try_map(enum bpf_map_type type, bool locked, struct why *why)
{
	_cleanup_(closep) int fd = try_make_map(type, locked, why);

	return fd < 0 ? fd : 0;
}

static int try_ring_buffer(struct why *why)
{
	_cleanup_(closep) int fd =
		bpf_map_create(BPF_MAP_TYPE_RINGBUF, "weft_probe", 0, 0, getpagesize(), NULL);

	return fd < 0 ? why_set(why, fd, "the kernel refuses such a map: %s", strerror(-fd)) : 0;
}

/* Can an iterator over TCP sockets give a socket storage? */
static int try_recount(struct why *why)
{
	int btf_id = libbpf_find_vmlinux_btf_id("tcp", BPF_TRACE_ITER);
	const struct target target = { BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, btf_id };
	_cleanup_(closep) int fd = -1;

	if (btf_id < 0)
		return why_set(why, btf_id, "the kernel has no iterator over TCP sockets");
	fd = try_make_map(BPF_MAP_TYPE_SK_STORAGE, false, why);
	if (fd < 0)
		return fd;
	const struct bpf_insn insns[] = {
		INSN_LOAD(BPF_REG_1, BPF_REG_1, sizeof(uint64_t)),
		INSN_IF_ZERO(BPF_REG_1, 8),
		INSN_CALL(BPF_FUNC_skc_to_tcp_sock),
		INSN_IF_ZERO(BPF_REG_0, 6),
		INSN_COPY(BPF_REG_2, BPF_REG_0),
		INSN_MAP(BPF_REG_1, fd),
		INSN_MOVE(BPF_REG_3, 0),
		INSN_MOVE(BPF_REG_4, BPF_SK_STORAGE_GET_F_CREATE),
		INSN_CALL(BPF_FUNC_sk_storage_get),
		INSN_MOVE(BPF_REG_0, 0),
		INSN_EXIT,
	};

	return try_program(&target, insns, ARRAY_LEN(insns), why);
}

static int try_sock_storage(struct why *why)
{
	return try_map(BPF_MAP_TYPE_SK_STORAGE, false, why);
}

static int try_spin_lock(struct why *why)
{
	return try_map(BPF_MAP_TYPE_HASH, true, why);
}

static int try_map_batch(struct why *why)
{
	LIBBPF_OPTS(bpf_map_batch_opts, options);
	LIBBPF_OPTS(bpf_map_create_opts, create, .map_flags = BPF_F_NO_PREALLOC);
	_cleanup_(closep) int fd = bpf_map_create(BPF_MAP_TYPE_HASH, "weft_probe", 4, 4, 1, &create);
	uint32_t key = 1, value = 1, count = 1;
	int error;

	if (fd < 0)
		return why_set(why, fd, "no map could be made: %s", strerror(-fd));
	error = bpf_map_update_batch(fd, &key, &value, &count, &options);
	if (error)
		return why_set(why, error, "the kernel has no batch operations: %s", strerror(-error));
	return 0;
}

static int try_rcu_barrier(struct why *why)
{
	int error = barrier_rcu();

	if (error)
		return why_set(why, error, "membarrier(MEMBARRIER_CMD_GLOBAL): %s", strerror(-error));
	return 0;
}

static const struct {
	const char *name;
	const char *effect;
	bool required;
	int (*try)(struct why *why);
} features[FEATURE_COUNT] = {
	[FEATURE_BTF] = { "btf", "programs cannot be fitted to the kernel", true, try_btf },
	[FEATURE_CGROUP_HOOKS] = { "cgroup_hooks", "no connection is balanced", true, try_cgroup_hooks },
	[FEATURE_SOCK_STORAGE] = { "sock_storage", "replies and peers cannot show the service", true,
				   try_sock_storage },
	[FEATURE_SPIN_LOCK] = { "spin_lock", "rows cannot be updated in place", true, try_spin_lock },
	[FEATURE_SET_RETVAL] = { "set_retval", "a service without endpoints refuses with EPERM", false,
				 try_set_retval },
	[FEATURE_RING_BUFFER] = { "ring_buffer", "nobody could be told of an ejection", true,
				  try_ring_buffer },
	[FEATURE_HEALTH] = { "health",
			     "no endpoint is ejected, and connections are not counted: least_conn and ewma "
			     "choose "
			     "by chance",
			     false, try_health },
	[FEATURE_RESPONSE_TIME] = { "response_time",
				    "response times are not taken: ewma goes by connections alone", false,
				    try_response_time },
	[FEATURE_UDP_FLOWS] = { "udp_flows", "UDP flows are not counted", false, try_udp_flows },
	[FEATURE_RECOUNT] = { "recount", "connections from before a new load are not counted", false,
			      try_recount },
	[FEATURE_MOVED_AFFINITY] = { "moved_affinity",
				     "a client does not stay with the endpoint that its connect was moved to",
				     false, try_moved_affinity },
	[FEATURE_TC] = { "tc",
			 "nothing is attached to interfaces: a connect that fails is not moved, and a pod "
			 "may send "
			 "from any address",
			 false, try_tc },
	[FEATURE_TCX] = { "tcx", "programs are attached to interfaces by filters of clsact", false, try_tcx },
	[FEATURE_SPLICE] = { "splice",
			     "bytes between two sockets of a node go through the network stack, always",
			     false, try_splice },
	[FEATURE_MAP_BATCH] = { "map_batch", "rows are written and read one by one, which is slower", false,
				try_map_batch },
	[FEATURE_RCU_BARRIER] = { "rcu_barrier", "old rows stay for a second before they are deleted", false,
				  try_rcu_barrier },
};

/* Is `name` one of the list's? */
static bool list_has(const char *list, const char *name)
{
	size_t length = strlen(name);

	while (list && *list) {
		size_t item = strcspn(list, ",");

		if (item == length && !strncmp(list, name, length))
			return true;
		list += item;
		list += *list == ',';
	}
	return false;
}

static int check_list(const char *list, struct why *why)
{
	while (list && *list) {
		int item = strcspn(list, ",");
		bool known = false;

		for (size_t i = 0; i < FEATURE_COUNT; i++)
			known = known || (strlen(features[i].name) == (size_t)item &&
					  !strncmp(list, features[i].name, item));
		if (!known)
			return why_set(why, -EINVAL, "no feature is called '%.*s'; 'weft check' lists them",
				       item, list);
		list += item;
		list += *list == ',';
	}
	return 0;
}

struct feature_state feature_describe(enum feature feature)
{
	return (struct feature_state){
		.name = features[feature].name,
		.effect = features[feature].effect,
		.required = features[feature].required,
	};
}

int probe_features(const char *without, struct feature_state ret[FEATURE_COUNT], struct why *why)
{
	int error = check_list(without, why);

	if (error)
		return error;
	for (size_t i = 0; i < FEATURE_COUNT; i++) {
		ret[i] = feature_describe(i);
		if (list_has(without, features[i].name))
			why_set(&ret[i].why, 0, "turned off by --without");
		else
			ret[i].on = !features[i].try(&ret[i].why);
	}
	return 0;
}

const struct feature_state *probe_missing(const struct feature_state states[FEATURE_COUNT])
{
	for (size_t i = 0; i < FEATURE_COUNT; i++) {
		if (states[i].required && !states[i].on)
			return &states[i];
	}
	return NULL;
}
