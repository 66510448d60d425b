/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Text to addresses, numbers and names; names to rows. */
#include "cmd/explain_words.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/addr.h"
#include "cmd/full_name.h"
#include "watch/list.h"

static bool parse_number(const char *text, unsigned long most, unsigned long *ret)
{
	unsigned long number = 0;

	if (!*text || strlen(text) > 9 || strspn(text, "0123456789") != strlen(text))
		return false;
	number = strtoul(text, NULL, 10);
	if (!number || number > most)
		return false;
	*ret = number;
	return true;
}

/* "80", "80/udp" */
static int parse_port(char *text, struct asked_service *asked, struct why *why)
{
	char *protocol = strchr(text, '/');
	unsigned long port;

	if (protocol) {
		*protocol++ = '\0';
		if (!strcasecmp(protocol, "tcp"))
			asked->protocol = IPPROTO_TCP;
		else if (!strcasecmp(protocol, "udp"))
			asked->protocol = IPPROTO_UDP;
		else
			return why_set(why, -EINVAL, "'%s' is no protocol; there are tcp and udp", protocol);
	}
	if (!parse_number(text, UINT16_MAX, &port))
		return why_set(why, -EINVAL, "'%s' is no port; give 1 to 65535", text);
	asked->port = port;
	return 0;
}

static bool is_name(const char *text)
{
	const char *slash = strchr(text, '/');

	return slash && slash != text && slash[1] && !strchr(slash + 1, '/');
}

int asked_service_parse(const char *text, struct asked_service *ret, struct why *why)
{
	struct asked_service asked = { 0 };
	char copy[NAME_SIZE + 64], *host = copy, *colon;
	int error;

	if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy))
		return why_set(why, -EINVAL, "the name of the service is too long");
	colon = strrchr(copy, ':');
	/* "fd00::1" without brackets has no port, whatever its end looks like. */
	if (!colon || (*copy != '[' && strchr(copy, ':') != colon))
		return why_set(why, -EINVAL,
			       "'%s' names no port; give NAMESPACE/NAME:PORT, ADDRESS:PORT or [ADDRESS]:PORT",
			       text);
	*colon = '\0';
	error = parse_port(colon + 1, &asked, why);
	if (error)
		return error;
	if (*host == '[' && colon > host + 1 && colon[-1] == ']') {
		colon[-1] = '\0';
		host++;
	} else if (is_name(host) && strlen(host) < sizeof(asked.name)) {
		strcpy(asked.name, host);
	}
	if (!*asked.name && addr_parse(host, &asked.address))
		return why_set(why, -EINVAL, "'%s' is neither NAMESPACE/NAME nor an address", host);
	*ret = asked;
	return 0;
}

int asked_client_parse(const char *text, struct asked_client *ret, struct why *why)
{
	struct asked_client asked = { .text = text };
	unsigned long process;
	struct full_name full;

	if (parse_number(text, 1ul << 22, &process)) {
		asked.process = process;
	} else if (is_name(text) && strlen(text) < NAME_SIZE) {
		full = full_name(text);
		memcpy(asked.namespace, full.namespace, sizeof(asked.namespace));
		asked.name = full.name;
	} else if (!addr_parse(text, &asked.address)) {
		asked.is_address = true;
	} else {
		return why_set(why, -EINVAL,
			       "'%s' is no client; give a pod as NAMESPACE/NAME, an address, or the id of a "
			       "process",
			       text);
	}
	*ret = asked;
	return 0;
}

/* How well a row is what was asked for; zero: not at all. */
static int rank(const struct asked_service *asked, const struct asked_client *client,
		const struct service_key *key)
{
	bool v6 = client->is_address && !addr_is_v4(&client->address);

	if (key->port != asked->port || (asked->protocol && key->protocol != asked->protocol))
		return 0;
	if (!*asked->name && addr_compare(&key->address, &asked->address))
		return 0;
	return 1 + 2 * (key->protocol == IPPROTO_TCP) + (addr_is_v4(&key->address) != v6);
}

static int refuse_name(const struct listing *listing, const struct asked_service *asked, struct why *why)
{
	const struct addr *address = NULL;
	char ports[256] = "";
	size_t length = 0;

	for (size_t i = 0; i < listing->n_services && length < sizeof(ports); i++) {
		const struct service_key *key = listing->services[i].key;

		/* The other family has the same ports. */
		if (strcmp(listing->services[i].name, asked->name) ||
		    (address && addr_compare(address, &key->address)))
			continue;
		address = &key->address;
		length += snprintf(ports + length, sizeof(ports) - length, "%s%u/%s", length ? ", " : "",
				   key->port, protocol_name(key->protocol));
	}
	if (*ports)
		return why_set(why, -ENOENT, "service %s has no port %u%s%s; it has %s", asked->name,
			       asked->port, asked->protocol ? "/" : "",
			       asked->protocol ? protocol_name(asked->protocol) : "", ports);
	return why_set(why, -ENOENT, "there is no service %s on this node; 'weft get services' lists them",
		       asked->name);
}

int asked_service_find(struct kern *kern, const struct asked_service *asked,
		       const struct asked_client *client, struct service_key *ret, struct why *why)
{
	_cleanup_(listing_done) struct listing listing = { 0 };
	int best = 0, error = listing_read(kern, &listing, why);

	if (error)
		return error;
	for (size_t i = 0; i < listing.n_services; i++) {
		const struct listed_service *service = &listing.services[i];
		int its = rank(asked, client, service->key);

		if ((*asked->name && strcmp(service->name, asked->name)) || its <= best)
			continue;
		best = its;
		*ret = *service->key;
	}
	if (best)
		return 0;
	if (*asked->name)
		return refuse_name(&listing, asked, why);
	*ret = (struct service_key){
		.address = asked->address,
		.port = asked->port,
		.protocol = asked->protocol ? asked->protocol : IPPROTO_TCP,
	};
	return 0;
}

int asked_client_find(const struct cli *cli, const struct kern *kern, const struct asked_client *asked,
		      struct client *ret, struct why *why)
{
	if (asked->process)
		return client_of_process(kern, asked->process, ret, why);
	if (asked->is_address)
		return client_of_address(kern, &asked->address, ret, why);
	return client_of_pod(kern, cli->pods, asked->namespace, asked->name, ret, why);
}
