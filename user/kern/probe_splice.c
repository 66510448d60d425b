/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the splice needs. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <bpf/btf.h>

#include "base/attr.h"
#include "kern/try.h"

/* Can a program of a sockhash look into a socket of which it has only the address? */
static int try_look(const struct btf *btf, int map, struct why *why)
{
	int look = btf__find_by_name_kind(btf, "bpf_rdonly_cast", BTF_KIND_FUNC);
	int tcp_sock = btf__find_by_name_kind(btf, "tcp_sock", BTF_KIND_STRUCT);
	const struct target target = { BPF_PROG_TYPE_SK_MSG, BPF_SK_MSG_VERDICT, 0 };

	if (look < 0 || tcp_sock < 0)
		return why_set(why, -ENOTSUP, "the kernel has no bpf_rdonly_cast()");
	const struct bpf_insn insns[] = {
		INSN_COPY(BPF_REG_6, BPF_REG_1),
		INSN_LOAD(BPF_REG_1, BPF_REG_6, offsetof(struct sk_msg_md, sk)),
		INSN_IF_ZERO(BPF_REG_1, 13),
		INSN_CALL(BPF_FUNC_skc_to_tcp_sock),
		INSN_IF_ZERO(BPF_REG_0, 11),
		INSN_COPY(BPF_REG_1, BPF_REG_0),
		INSN_MOVE(BPF_REG_2, tcp_sock),
		INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, 0, look),
		INSN_STORE(BPF_REG_10, -8, 0),
		INSN_COPY(BPF_REG_1, BPF_REG_6),
		INSN_COPY(BPF_REG_3, BPF_REG_10),
		INSN_ADD(BPF_REG_3, -8),
		INSN_MOVE(BPF_REG_4, BPF_F_INGRESS),
		INSN_MAP(BPF_REG_2, map),
		INSN_CALL(BPF_FUNC_msg_redirect_hash),
		INSN_MOVE(BPF_REG_0, SK_PASS),
		INSN_EXIT,
	};

	return try_program(&target, insns, ARRAY_LEN(insns), why);
}

int try_splice(struct why *why)
{
	_cleanup_(closep) int map = bpf_map_create(BPF_MAP_TYPE_SOCKHASH, "weft_probe", sizeof(uint64_t),
						   sizeof(uint64_t), 2, NULL);
	struct btf *btf;
	int error;

	if (map < 0)
		return why_set(why, map, "the kernel refuses such a map: %s", strerror(-map));
	btf = btf__load_vmlinux_btf();
	if (!btf)
		return why_set(why, -ENOENT, "no /sys/kernel/btf/vmlinux (CONFIG_DEBUG_INFO_BTF)");
	error = try_look(btf, map, why);
	btf__free(btf);
	return error;
}
