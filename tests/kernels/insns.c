/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * insns PIN...: for each pinned program a line "INSNS name verified translated": instructions that the verifier
 * walked (0 where the kernel does not tell) and that the kernel keeps.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *slash = strrchr(argv[i], '/');
		struct bpf_prog_info info = { 0 };
		__u32 length = sizeof(info);
		int fd = bpf_obj_get(argv[i]);

		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &length)) {
			fprintf(stderr, "insns: %s: %s\n", argv[i], strerror(errno));
			return 1;
		}
		printf("INSNS %s %u %zu\n", slash ? slash + 1 : argv[i], info.verified_insns,
		       info.xlated_prog_len / sizeof(struct bpf_insn));
	}
	return 0;
}
