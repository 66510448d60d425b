/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From a file that is renamed into its place to the row of the service that has changed. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "base/addr.h"
#include "weft/service.h"

enum {
	MOST = 100000,
	WAIT_NS = 1000000000,
};

static void die(const char *what)
{
	fprintf(stderr, "change: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint32_t generation(int map, const struct service_key *key)
{
	struct service_row row;

	if (bpf_map_lookup_elem(map, key, &row))
		die("the service");
	return row.generation;
}

static void copy(const char *from, const char *to)
{
	FILE *in = fopen(from, "r"), *out = fopen(to, "w");
	char buffer[65536];
	size_t size;

	if (!in || !out)
		die(in ? to : from);
	while ((size = fread(buffer, 1, sizeof(buffer), in)) > 0)
		fwrite(buffer, 1, size, out);
	if (fclose(out) || fclose(in))
		die(to);
}

static int compare(const void *a, const void *b)
{
	const double *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

/* Milliseconds, or -1 if it never came. */
static double change_once(int map, const struct service_key *key, const char *next, const char *target)
{
	uint32_t before = generation(map, key);
	uint64_t begin_ns = now_ns();

	if (rename(next, target))
		die(target);
	while (generation(map, key) == before) {
		if (now_ns() - begin_ns > WAIT_NS)
			return -1;
		/* Without a rest the agent would wait for the processor. */
		usleep(20);
	}
	return (double)(now_ns() - begin_ns) / 1e6;
}

int main(int argc, char **argv)
{
	struct service_key key = { .port = 80, .protocol = IPPROTO_TCP };
	static double took_ms[MOST];
	char next[4096];
	int map, count;

	if (argc != 7 || addr_parse(argv[2], &key.address)) {
		fputs("usage: change MAP ADDRESS FILE OTHER TARGET COUNT\n"
		      "         puts FILE and OTHER by turns in the place of TARGET, COUNT times in all, and "
		      "waits each time\n"
		      "         until the row of ADDRESS, port 80, has another generation; prints a line of "
		      "JSON\n",
		      stderr);
		return 2;
	}
	count = atoi(argv[6]);
	if (count < 1 || count > MOST)
		return 2;
	map = bpf_obj_get(argv[1]);
	if (map < 0)
		die(argv[1]);
	snprintf(next, sizeof(next), "%s.next", argv[3]);
	for (int i = 0; i < count; i++) {
		copy(argv[3 + i % 2], next);
		took_ms[i] = change_once(map, &key, next, argv[5]);
		if (took_ms[i] < 0) {
			fprintf(stderr, "change: change %d never came to the kernel\n", i + 1);
			return 1;
		}
		/* One that follows on another's heels waits for the old rows to be cleaned up. */
		usleep(300000);
	}
	qsort(took_ms, (size_t)count, sizeof(*took_ms), compare);
	printf("{\"changes\":%d,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"most_ms\":%.3f}\n", count,
	       took_ms[count / 2], took_ms[(size_t)count * 99 / 100], took_ms[count - 1]);
	return 0;
}
