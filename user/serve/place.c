/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names of sockets to sockets. */
#include "serve/place.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#include "base/addr.h"

enum {
	BACKLOG = 32,
	MAX_PORT = 65535,
};

#define UNIX_PREFIX "unix:"

static int refuse(const char *text, struct why *why)
{
	return why_set(
		why, -EINVAL,
		"'%s' is nothing to listen at; give ADDRESS:PORT, [ADDRESS]:PORT, :PORT, unix:PATH or off",
		text);
}

static int parse_port(const char *text, in_port_t *ret)
{
	char *end;
	unsigned long port;

	/* strtoul() takes signs and spaces. */
	if (*text < '0' || *text > '9')
		return -EINVAL;
	port = strtoul(text, &end, 10);
	if (*end || port < 1 || port > MAX_PORT)
		return -EINVAL;
	*ret = htons(port);
	return 0;
}

static int set_inet(const char *address, bool brackets, in_port_t port, struct serve_place *ret)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&ret->address.inet;
	struct sockaddr_in *four = (struct sockaddr_in *)&ret->address.inet;

	if (!*address && !brackets) {
		*six = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = port };
		ret->length = sizeof(*six);
		ret->dual = true;
		return 0;
	}
	if (brackets) {
		*six = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = port };
		ret->length = sizeof(*six);
		return inet_pton(AF_INET6, address, &six->sin6_addr) == 1 ? 0 : -EINVAL;
	}
	*four = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = port };
	ret->length = sizeof(*four);
	return inet_pton(AF_INET, address, &four->sin_addr) == 1 ? 0 : -EINVAL;
}

static int parse_inet(const char *text, struct serve_place *ret)
{
	const char *colon = strrchr(text, ':');
	bool brackets = *text == '[';
	char address[ADDR_TEXT];
	in_port_t port;
	size_t length;

	if (!colon || parse_port(colon + 1, &port))
		return -EINVAL;
	length = colon - text;
	if (brackets) {
		if (length < 2 || colon[-1] != ']')
			return -EINVAL;
		text++;
		length -= 2;
	}
	if (length >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, length);
	address[length] = '\0';
	return set_inet(address, brackets, port, ret);
}

int serve_place_parse(const char *text, struct serve_place *ret, struct why *why)
{
	struct serve_place place = { 0 };
	struct sockaddr_un *local = &place.address.local;
	const char *path;

	if (!*text || !strcmp(text, "off")) {
		place.off = true;
	} else if (!strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX))) {
		path = text + strlen(UNIX_PREFIX);
		if (!*path || strlen(path) >= sizeof(local->sun_path))
			return refuse(text, why);
		local->sun_family = AF_UNIX;
		memcpy(local->sun_path, path, strlen(path) + 1);
		place.length = sizeof(*local);
	} else if (parse_inet(text, &place)) {
		return refuse(text, why);
	}
	*ret = place;
	return 0;
}

int serve_place_of(const char *bpffs, struct serve_place *ret)
{
	struct sockaddr_un *local = &ret->address.local;
	struct stat status;
	int length;

	if (stat(bpffs, &status))
		return -errno;
	*ret = (struct serve_place){ 0 };
	local->sun_family = AF_UNIX;
	length = snprintf(local->sun_path + 1, sizeof(local->sun_path) - 1, "weft-agent-%llx-%llx",
			  (unsigned long long)status.st_dev, (unsigned long long)status.st_ino);
	ret->length = offsetof(struct sockaddr_un, sun_path) + 1 + length;
	return 0;
}

static bool has_path(const struct serve_place *place)
{
	return !place->off && place->address.any.sa_family == AF_UNIX && place->address.local.sun_path[0];
}

/* A socket that was left behind by somebody who is gone: nobody answers there. */
static bool is_abandoned(const struct serve_place *place)
{
	_cleanup_(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat status;

	return !lstat(place->address.local.sun_path, &status) && S_ISSOCK(status.st_mode) && fd >= 0 &&
	       connect(fd, &place->address.any, place->length) && errno == ECONNREFUSED;
}

void serve_place_leave(const struct serve_place *place)
{
	if (has_path(place))
		unlink(place->address.local.sun_path);
}

static int bind_and_listen(int fd, const struct serve_place *place)
{
	const int on = 1, only_six = !place->dual;
	int family = place->address.any.sa_family;

	if (family != AF_UNIX && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)))
		return -errno;
	if (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_six, sizeof(only_six)))
		return -errno;
	if (has_path(place) && is_abandoned(place))
		serve_place_leave(place);
	if (bind(fd, &place->address.any, place->length))
		return -errno;
	return listen(fd, BACKLOG) ? -errno : 0;
}

static void print(const struct serve_place *place, char *text, size_t size)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&place->address.inet;
	const struct sockaddr_in *four = (const struct sockaddr_in *)&place->address.inet;
	char address[INET6_ADDRSTRLEN] = "";

	switch (place->address.any.sa_family) {
	case AF_INET:
		inet_ntop(AF_INET, &four->sin_addr, address, sizeof(address));
		snprintf(text, size, "%s:%u", address, ntohs(four->sin_port));
		return;
	case AF_INET6:
		inet_ntop(AF_INET6, &six->sin6_addr, address, sizeof(address));
		snprintf(text, size, "[%s]:%u", address, ntohs(six->sin6_port));
		return;
	}
	snprintf(text, size, "%s%s", has_path(place) ? UNIX_PREFIX : "@",
		 place->address.local.sun_path + !has_path(place));
}

int serve_place_listen(const struct serve_place *place, struct why *why)
{
	_cleanup_(closep) int fd =
		socket(place->address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	char text[sizeof(place->address.local.sun_path) + sizeof(UNIX_PREFIX)];
	int error = fd < 0 ? -errno : bind_and_listen(fd, place);

	if (error) {
		print(place, text, sizeof(text));
		return why_set(why, error, "cannot listen at %s: %s%s", text, strerror(-error),
			       error == -EADDRINUSE ? "; choose another place with --listen" : "");
	}
	return take_fd(&fd);
}

bool serve_peer_is_trusted(int fd)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) &&
	       (peer.uid == 0 || peer.uid == geteuid());
}
