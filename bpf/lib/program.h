/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Do the sockets of a program block? Those that a server accepts are used in one way, whatever its listening socket
 * does: so the first that it accepts is watched. By its end, or when the next one comes, it has been used and has the
 * mode in which it is. Of clients only those are known that were found out.
 */
#pragma once

#include "lib/count.h"
#include "lib/socket.h"

/* Of the process that calls. */
static inline void program_of_caller(uint32_t place, enum splice_side side, struct program_key *ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct mm_struct *mm = task->mm;
	struct file *file = mm ? mm->exe_file : NULL;
	struct inode *inode = file ? file->f_inode : NULL;

	ret->place = place;
	ret->side = side;
	if (!inode)
		return;
	ret->executable = inode->i_ino;
	ret->size = (uint64_t)inode->i_size;
}

/* That it blocks is for good. */
static inline void program_note(const struct program_key *key, enum program_verdict verdict)
{
	struct program_row *known = bpf_map_lookup_elem(&splice_programs, key);
	struct program_row row = { .verdict = verdict };

	if (!known)
		bpf_map_update_elem(&splice_programs, key, &row, BPF_ANY);
	else if (known->verdict != PROGRAM_BLOCKS)
		known->verdict = verdict;
}

/* Has its program sent anything over it, or read? */
static inline bool program_has_used(struct tcp_sock *tcp)
{
	uint32_t first = tcp->rcv_nxt - (uint32_t)tcp->bytes_received;

	return tcp->bytes_sent || (int32_t)(tcp->copied_seq - first) > 0;
}

/* What a socket shows of its program, once that has used it. */
static inline enum program_verdict program_judge(struct tcp_sock *tcp)
{
	enum descriptor descriptor = socket_descriptor(tcp);

	if (!program_has_used(tcp) || descriptor == DESCRIPTOR_NONE)
		return PROGRAM_UNKNOWN;
	return descriptor == DESCRIPTOR_BLOCKS ? PROGRAM_BLOCKS : PROGRAM_RETURNS;
}

/* As far as it is known by now. */
static inline enum program_verdict program_verdict(const struct program_key *key)
{
	struct program_row *row = bpf_map_lookup_elem(&splice_programs, key);
	enum program_verdict verdict;
	struct tcp_sock *watched;

	if (!row)
		return PROGRAM_UNKNOWN;
	if (row->verdict != PROGRAM_UNKNOWN || !row->cookie)
		return row->verdict;
	watched = socket_at(row->sock);
	verdict = program_judge(watched);
	/* It was read of that socket only if it is still there. */
	if (socket_cookie(watched) != row->cookie)
		return PROGRAM_UNKNOWN;
	if (verdict != PROGRAM_UNKNOWN)
		row->verdict = verdict;
	return verdict;
}

/* This socket is to show it, unless another one is about to. */
static inline void program_watch(const struct program_key *key, struct bpf_sock *sk, uint64_t cookie)
{
	struct program_row row = { .sock = (uint64_t)sk, .cookie = cookie };
	struct program_row *known = bpf_map_lookup_elem(&splice_programs, key);

	if (known && (known->verdict != PROGRAM_UNKNOWN ||
		      (known->cookie && socket_cookie(socket_at(known->sock)) == known->cookie)))
		return;
	bpf_map_update_elem(&splice_programs, key, &row, BPF_ANY);
}

/* A socket that is watched is about to be closed. */
static inline void program_last_look(struct bpf_sock *sk, const struct program_key *key)
{
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);
	enum program_verdict verdict = tcp ? program_judge(tcp) : PROGRAM_UNKNOWN;

	if (verdict != PROGRAM_UNKNOWN)
		program_note(key, verdict);
}
