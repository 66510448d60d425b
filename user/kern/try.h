/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the probes are made of; for probe*.c only. */
#pragma once

#include <bpf/bpf.h>
#include <stdbool.h>

#include "base/why.h"

/* Instructions by hand, in the encoding of the kernel's Documentation/bpf/standardization. */
#define INSN(op, dst, src, offset, value)                                                                    \
	((struct bpf_insn){                                                                                  \
		.code = (op), .dst_reg = (dst), .src_reg = (src), .off = (offset), .imm = (value) })
#define INSN_MOVE(reg, value) INSN(BPF_ALU64 | BPF_MOV | BPF_K, reg, 0, 0, value)
#define INSN_CALL(helper) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, helper)
#define INSN_COPY(to, from) INSN(BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0)
#define INSN_LOAD(to, from, offset) INSN(BPF_LDX | BPF_MEM | BPF_DW, to, from, offset, 0)
#define INSN_IF_ZERO(reg, skip) INSN(BPF_JMP | BPF_JEQ | BPF_K, reg, 0, skip, 0)
#define INSN_ADD(reg, value) INSN(BPF_ALU64 | BPF_ADD | BPF_K, reg, 0, 0, value)
#define INSN_STORE(to, offset, value) INSN(BPF_ST | BPF_MEM | BPF_DW, to, 0, offset, value)
/* Two instructions, as the number is 64 bits long. */
#define INSN_MAP(reg, fd) INSN(BPF_LD | BPF_DW | BPF_IMM, reg, BPF_PSEUDO_MAP_FD, 0, fd), INSN(0, 0, 0, 0, 0)
#define INSN_EXIT INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

struct target {
	enum bpf_prog_type program;
	enum bpf_attach_type attach;
	int btf_id; /* of the iterator; zero: none */
};

/* All return 0 or, of what opens, a descriptor to close; or a negative errno with `why`. */
int try_program(const struct target *target, const struct bpf_insn *insns, size_t count, struct why *why);
/* As try_program(), but the program stays, for the descriptor's owner. */
int try_load(const struct target *target, const struct bpf_insn *insns, size_t count, struct why *why);
int try_make_map(enum bpf_map_type type, bool locked, struct why *why);

int try_splice(struct why *why);
int try_tc(struct why *why);
int try_tcx(struct why *why);
