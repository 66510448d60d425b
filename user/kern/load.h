/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Programs into the kernel and out again. */
#pragma once

#include "kern/kern.h"
#include "kern/probe.h"

struct load_report {
	char cgroup[PATH_MAX]; /* where the programs are attached */
	bool adopted;	       /* they were there already, and were left as they are */
	bool replaced;	       /* they were there already, and run this binary's code now */
	bool mounted;	       /* a BPF file system had to be mounted */
	struct feature_state features[FEATURE_COUNT];
	uint32_t splice_test;	    /* enum splice_test; zero: the splice is off, nothing was tried */
	struct why splice_test_why; /* what failed, if anything did */
};

/*
 * Loads, pins and attaches. Maps that are pinned are kept with their rows; links that are pinned are switched to
 * the new programs without a gap. On failure what this call added is taken back. The handle holds the lock.
 * -EBUSY: another weft is at work there.
 */
int kern_load(const struct kern_options *options, struct why *why, struct kern *ret,
	      struct load_report *ret_report);

/* As kern_load(), but programs that are attached are left alone. */
int kern_adopt(const struct kern_options *options, struct why *why, struct kern *ret,
	       struct load_report *ret_report);

struct unload_report {
	bool found;	/* there was anything */
	uint64_t netns; /* nonzero: of this network namespace, which was not found, the filters may be left */
};

/* Detaches and unpins everything. */
int kern_unload(const char *bpffs, struct unload_report *ret, struct why *why);

/* The names of the counters, by number, as the types of the programs have them. */
struct stat_names {
	char *items[REASON_COUNT];
};

void stat_names_done(struct stat_names *names);
int stat_names_read(struct stat_names *ret);

/* What libbpf has to say goes to the debug log, or, with `verbose` false, nowhere. */
void kern_quiet(bool verbose);
