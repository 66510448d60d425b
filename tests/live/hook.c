/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * hook tcx PROGRAM IFACE ingress|egress LINK: a pinned program at an interface by tcx, pinned as LINK.
 * hook runs COMMAND...: runs it while the kernel counts how often programs run (run_cnt of bpftool).
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>

enum {
	/* enum bpf_attach_type of newer headers */
	TCX_INGRESS = 46,
	TCX_EGRESS = 47,
};

static int complain(const char *what, int error)
{
	fprintf(stderr, "hook: %s: %s\n", what, strerror(error));
	return 1;
}

static int attach(char **argv)
{
	int type = strcmp(argv[4], "ingress") ? TCX_EGRESS : TCX_INGRESS;
	int program = bpf_obj_get(argv[2]), link;

	if (program < 0)
		return complain(argv[2], -program);
	link = bpf_link_create(program, (int)if_nametoindex(argv[3]), (enum bpf_attach_type)type, NULL);
	if (link < 0)
		return complain(argv[3], -link);
	return bpf_obj_pin(link, argv[5]) ? complain(argv[5], errno) : 0;
}

static int count(char **argv)
{
	int status, fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	pid_t child;

	if (fd < 0)
		return complain("counting", -fd);
	child = fork();
	if (!child) {
		execvp(argv[2], argv + 2);
		_exit(complain(argv[2], errno));
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return complain(argv[2], errno);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
	if (argc == 6 && !strcmp(argv[1], "tcx"))
		return attach(argv);
	if (argc > 2 && !strcmp(argv[1], "runs"))
		return count(argv);
	fprintf(stderr, "usage: hook tcx PROGRAM IFACE ingress|egress LINK\n       hook runs COMMAND...\n");
	return 2;
}
