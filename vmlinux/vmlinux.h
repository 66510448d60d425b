/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Kernel types for the BPF programs, trimmed by hand over the kernel's user API: a full dump of the types
 * is 135,000 lines and makes each file compile fourteen times slower. Kernel structures that programs read
 * by CO-RE are added here with the members that are read, under preserve_access_index.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/errno.h>
#include <linux/in.h>
#include <linux/in6.h>

typedef __u8 uint8_t;
typedef __u16 uint16_t;
typedef __u32 uint32_t;
typedef __u64 uint64_t;
typedef __s32 int32_t;
typedef __s64 int64_t;
typedef _Bool bool;

enum {
	false = 0,
	true = 1,
};

/* Structures of the kernel: the members that are read, at whatever offset the running kernel has them. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct netns_ipv4 {
	__u8 sysctl_tcp_syn_retries;
	__u8 sysctl_tcp_syn_linear_timeouts;
};

struct net {
	__u64 net_cookie;
	struct netns_ipv4 ipv4;
};

typedef struct {
	struct net *net;
} possible_net_t;

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	__s64 counter;
} atomic64_t;

typedef struct {
	int owned;
} socket_lock_t;

struct sock_common {
	__be32 skc_daddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	struct in6_addr skc_v6_daddr;
	atomic64_t skc_cookie;
	unsigned long skc_flags;
	possible_net_t skc_net;
};

enum sock_flags {
	SOCK_URGINLINE = 1000,
	SOCK_RCVTSTAMP,
	SOCK_ZEROCOPY,
};

struct inode {
	unsigned long i_ino;
	__s64 i_size;
};

struct file {
	unsigned int f_flags;
	struct inode *f_inode;
};

struct mm_struct {
	struct file *exe_file;
};

struct task_struct {
	struct mm_struct *mm;
};

struct socket {
	struct file *file;
};

typedef struct {
	atomic_t refs;
} refcount_t;

struct list_head {
	struct list_head *next;
};

struct sk_psock {
	struct list_head ingress_msg;
	refcount_t refcnt;
};

struct sock {
	struct sock_common __sk_common;
	int sk_err;
	socket_lock_t sk_lock;
	struct {
		atomic_t rmem_alloc;
	} sk_backlog;
	int sk_rcvbuf;
	int sk_rcvlowat;
	int sk_peek_off;
	__u32 sk_tsflags;
	__u8 sk_shutdown;
	struct socket *sk_socket;
	void *sk_user_data;
};

struct inet_connection_sock {
	const void *icsk_ulp_ops;
	__u8 icsk_syn_retries;
};

struct tcp_sock {
	__u32 rcv_nxt;
	__u32 copied_seq;
	__u32 snd_una;
	__u32 write_seq;
	__u8 repair : 1;
	__u8 syn_data : 1;
	__u8 recvmsg_inq : 1;
	bool is_mptcp;
	__u64 bytes_sent;
	__u64 bytes_acked;
	__u64 bytes_received;
	__u64 tcp_wstamp_ns;
	__u32 srtt_us;
	__u32 total_retrans;
	__u8 bpf_sock_ops_cb_flags;
};

#pragma clang attribute pop

/* Context of the iterator over TCP sockets; the programs' own view of it, not the kernel's memory. */
struct bpf_iter__tcp {
	struct bpf_iter_meta *meta __attribute__((aligned(8)));
	struct sock_common *sk_common __attribute__((aligned(8)));
	__u32 uid __attribute__((aligned(8)));
};
