/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From words to namespaces, and from these to what the kernel calls them. */
#include "kern/client.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/addr.h"
#include "base/vec.h"
#include "kern/cgroup.h"
#include "kern/netns.h"
#include "kern/pod.h"

/* Headers before 5.14 lack it. */
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

/* ---- what is to be known of a namespace ---- */

static int read_cookie(void *arg)
{
	_cleanup_(closep) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct client *client = arg;
	socklen_t length = sizeof(client->cookie);

	if (fd < 0)
		return -errno;
	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &client->cookie, &length))
		client->cookie = 0;
	return 0;
}

struct head_count {
	struct client *client;
	uint64_t cgroup;
};

static void count_process(struct head_count *count, long process)
{
	if (cgroup_has(count->cgroup, process))
		count->client->n_inside++;
	else
		count->client->n_outside++;
}

static int count_if_there(void *arg, int netns _unused_, uint64_t number, long process)
{
	struct head_count *count = arg;

	if (process && number == count->client->netns)
		count_process(count, process);
	return 0;
}

static int describe(const struct kern *kern, int netns, struct client *client, struct head_count *ret_count,
		    struct why *why)
{
	struct stat st;
	int error;

	if (fstat(netns, &st))
		return -errno;
	*client = (struct client){ .netns = st.st_ino };
	*ret_count = (struct head_count){ .client = client };
	error = cgroup_of_link(kern->dir, "weft_connect4", &ret_count->cgroup);
	if (error)
		return why_set(why, error,
			       "the program for connect() is not attached: %s; 'weft load' does it",
			       strerror(-error));
	return netns_visit(netns, read_cookie, client, why);
}

int client_of_process(const struct kern *kern, long process, struct client *ret, struct why *why)
{
	_cleanup_(closep) int netns = -1;
	struct head_count count;
	char path[64];
	int error;

	snprintf(path, sizeof(path), "/proc/%ld/ns/net", process);
	netns = open(path, O_RDONLY | O_CLOEXEC);
	if (netns < 0)
		return errno == ENOENT ? why_set(why, -ENOENT, "there is no process %ld", process)
				       : why_set(why, -errno, "%s: %s", path, strerror(errno));
	error = describe(kern, netns, ret, &count, why);
	if (!error)
		count_process(&count, process);
	return error;
}

/* ---- by address ---- */

struct search {
	struct addr address;
	uint64_t *seen; /* namespaces that were looked into */
	size_t n_seen, room;
	int found; /* -1: none yet */
	bool again;
	struct why *why;
};

static void search_done(struct search *search)
{
	free(search->seen);
	closep(&search->found);
}

static bool is_at(const struct sockaddr *at, const struct addr *address)
{
	struct addr own = { .bytes = { [10] = 0xff, 0xff } };

	if (at->sa_family == AF_INET)
		memcpy(own.bytes + 12, &((const struct sockaddr_in *)at)->sin_addr, 4);
	else if (at->sa_family == AF_INET6)
		memcpy(own.bytes, &((const struct sockaddr_in6 *)at)->sin6_addr, sizeof(own.bytes));
	else
		return false;
	return !addr_compare(&own, address);
}

/* Returns 1 if an interface of this namespace has the address. */
static int has_address(void *arg)
{
	const struct search *search = arg;
	struct ifaddrs *all;
	int has = 0;

	if (getifaddrs(&all))
		return -errno;
	for (const struct ifaddrs *one = all; one && !has; one = one->ifa_next)
		has = one->ifa_addr && is_at(one->ifa_addr, &search->address);
	freeifaddrs(all);
	return has;
}

static bool was_seen(const struct search *search, uint64_t number)
{
	for (size_t i = 0; i < search->n_seen; i++) {
		if (search->seen[i] == number)
			return true;
	}
	return false;
}

static int look_into(void *arg, int netns, uint64_t number, long process _unused_)
{
	struct search *search = arg;
	int has, error;

	if (was_seen(search, number))
		return 0;
	error = vec_reserve(&search->seen, search->n_seen + 1, &search->room, sizeof(*search->seen));
	if (error)
		return error;
	search->seen[search->n_seen++] = number;
	has = netns_visit(netns, has_address, search, search->why);
	if (has <= 0)
		return has;
	search->again = search->found >= 0;
	if (search->found < 0)
		search->found = fcntl(netns, F_DUPFD_CLOEXEC, 0);
	return search->found < 0 ? -errno : search->again;
}

int client_of_address(const struct kern *kern, const struct addr *address, struct client *ret,
		      struct why *why)
{
	_cleanup_(search_done) struct search search = { .address = *address, .found = -1, .why = why };
	char text[ADDR_TEXT];
	struct head_count count;
	int error = netns_each(look_into, &search);

	addr_print(address, text);
	if (error < 0)
		return error;
	if (search.again)
		return why_set(why, -ENOTUNIQ,
			       "several network namespaces have the address %s; give the id of a process",
			       text);
	if (search.found < 0)
		return why_set(
			why, -ENOENT,
			"no network namespace of this node has the address %s; choices are made on the "
			"client's own node, ask there",
			text);
	error = describe(kern, search.found, ret, &count, why);
	if (!error)
		netns_each(count_if_there, &count);
	return error;
}

int client_of_pod(const struct kern *kern, const char *logs, const char *namespace, const char *name,
		  struct client *ret, struct why *why)
{
	long process;
	int error = pod_find(logs, namespace, name, &process, why);

	return error ? error : client_of_process(kern, process, ret, why);
}
