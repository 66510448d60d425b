/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Connections that differ in everything that may matter to the splice, each byte of which is known to both ends. What
 * one does follows from a number: the same options and `-x SEED -k NUMBER` do it again.
 */
#include <stdio.h>
#include <string.h>

#include "stress/stress.h"

static const char usage[] =
	"usage: stress serve [OPTION...] ADDRESS/PORT...\n"
	"         until SIGTERM; then, when all is done, a line of JSON\n"
	"         -d    accepts when there is something to read (TCP_DEFER_ACCEPT)\n"
	"         -f    takes bytes with the SYN (TCP_FASTOPEN)\n"
	"         -r    small buffers\n"
	"         -b    accepted sockets block, each in a thread of its own\n"
	"         -k N  the same, but only from their answer N on\n"
	"         -t    what blocks may say EAGAIN\n"
	"       stress talk [OPTION...] ADDRESS/PORT\n"
	"         prints a line of JSON; status 1: something was wrong, and is told on stderr\n"
	"         -n N  so many connections (1000); -s N: so many seconds; -c N: so many at once (64)\n"
	"         -x N  the seed; -k N: the connection of that number, each time\n"
	"         -m    IPv4 by IPv6 sockets\n"
	"         -B    messages of up to 2 MB; -T: by turns only; -r: small buffers; -L: 64 messages\n"
	"         -g N  up to N ms before each message\n"
	"         -f    bytes with the SYN\n"
	"         -b    sockets block; -l: from when they are connected; -q: from some message on\n"
	"         -t    what blocks may say EAGAIN\n"
	"         -w N  tells of connections that take N ms or longer\n"
	"         -p N  tells every N seconds how far it is\n";

int main(int argc, char **argv)
{
	int status = 2;

	if (argc > 1 && !strcmp(argv[1], "serve"))
		status = serve(argc - 1, argv + 1);
	else if (argc > 1 && !strcmp(argv[1], "talk"))
		status = talk(argc - 1, argv + 1);
	if (status == 2)
		fputs(usage, stderr);
	return status;
}
