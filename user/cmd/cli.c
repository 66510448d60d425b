/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Parsing and help. */
#include "cmd/cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "serve/place.h"
#include "weft/names.h"

enum {
	MAX_TIMEOUT_S = 86400,
};

#define DEFAULT_PODS "/var/log/pods"

static const struct {
	char letter; /* how commands name it; small letters and 'A' are short options too */
	const char *name;
	const char *value; /* as help shows it; NULL: it takes none */
	const char *help;
} options[] = {
	{ 'b', "bpffs", "DIR", "directory of the pins (default " WEFT_BPFFS ")" },
	{ 'c', "cgroup", "DIR", "cgroup of the pods (default: the kubepods* of this node)" },
	{ 's', "source", "SOURCE",
	  "where services come from: file:DIR, kubernetes or kubernetes:KUBECONFIG" },
	{ 'a', "apiserver", "URL", "the API server, where it is not the one that pod or kubeconfig name" },
	{ 'm', "namespaces", "NAME[,NAME]", "watch these namespaces alone" },
	{ 'l', "selector", "LABELS",
	  "watch only services with these labels, as 'kubectl get -l' takes them" },
	{ 'N', "node", "NAME", "this node's name, as nodeName of endpoints has it" },
	{ 'L', "listen", "ADDRESS:PORT",
	  "where metrics and probes are answered, or off (default " SERVE_DEFAULT ")" },
	{ 'X', "without", "LIST", "do without features of the kernel; 'weft check' names them" },
	{ 'I', "interfaces", "GLOB[,GLOB]",
	  "interfaces to attach to (default: those that lead to pods, see above)" },
	{ 'U', "uplink", "IFACE", "leads out of the node, is no pod's (default: that of the default route)" },
	{ 'F', "allow-spoofing", "GLOB[,GLOB]", "interfaces whose pods may send from any address" },
	{ 'P', "pods", "DIR", "where the kubelet has a directory for each pod (default " DEFAULT_PODS ")" },
	{ 'n', "namespace", "NAME", "only this namespace" },
	{ 'A', "all-namespaces", NULL, "all namespaces (the default)" },
	{ 'o', "output", "FORMAT", "table, wide, json or yaml (default table)" },
	{ 'H', "no-headers", NULL, "no headings above a table" },
	{ 'W', "wait", NULL, "wait until no connection is left" },
	{ 'Y', "stay", NULL, "then stay until SIGTERM or SIGINT, as a pod of a DaemonSet has to" },
	{ 'T', "timeout", "SECONDS", "with --wait: give up after so long, with exit code 1" },
	{ 'w', "watch", NULL, "go on: print what changes, with what became of it, until it is interrupted" },
	{ 'K', "kind", "KIND[,KIND]", "only these kinds; see above" },
	{ 'S', "service", "[NAMESPACE/]NAME", "only this service" },
	{ 'E', "endpoint", "ADDRESS[:PORT]", "only this endpoint" },
	{ 'O', "sort", "COLUMN", "the column to sort by; see above" },
	{ 'i', "interval", "SECONDS", "time between two looks or frames, 0.1 to 3600 (default 1)" },
	{ '1', "once", NULL, "print one frame after one interval, and end" },
	{ 'v', "verbose", NULL, "say more, on stderr" },
	{ 'h', "help", NULL, "this help" },
};

/* Options with a short form. */
static const char short_letters[] = "nAowvh";

static int parse_format(const char *text, enum sheet_format *ret)
{
	static const char *const formats[] = {
		[SHEET_TABLE] = "table",
		[SHEET_WIDE] = "wide",
		[SHEET_JSON] = "json",
		[SHEET_YAML] = "yaml",
	};

	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		if (strcmp(text, formats[i]))
			continue;
		*ret = i;
		return 0;
	}
	return -EINVAL;
}

static int parse_seconds(const char *text, int *ret)
{
	char *end;
	long seconds = strtol(text, &end, 10);

	if (*end || seconds < 1 || seconds > MAX_TIMEOUT_S)
		return -EINVAL;
	*ret = seconds;
	return 0;
}

static int parse_interval(const char *text, int *ret_ms)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end || !(seconds >= 0.1 && seconds <= 3600))
		return -EINVAL;
	*ret_ms = (int)(seconds * 1000);
	return 0;
}

/* Where the value of an option goes that is taken as it is; NULL for any other. */
static const char **text_option(struct cli *cli, int letter)
{
	switch (letter) {
	case 'b':
		return &cli->bpffs;
	case 'c':
		return &cli->cgroup;
	case 's':
		return &cli->source;
	case 'a':
		return &cli->apiserver;
	case 'm':
		return &cli->namespaces;
	case 'l':
		return &cli->selector;
	case 'N':
		return &cli->node;
	case 'L':
		return &cli->listen;
	case 'X':
		return &cli->without;
	case 'I':
		return &cli->links.interfaces;
	case 'U':
		return &cli->links.uplink;
	case 'F':
		return &cli->links.may_spoof;
	case 'P':
		return &cli->pods;
	case 'n':
		return &cli->namespace;
	case 'K':
		return &cli->kinds;
	case 'S':
		return &cli->service;
	case 'E':
		return &cli->endpoint;
	case 'O':
		return &cli->sort;
	}
	return NULL;
}

static int set_option(struct cli *cli, int letter, const char *value, struct why *why)
{
	const char **text = text_option(cli, letter);

	if (text) {
		*text = value;
		return 0;
	}
	switch (letter) {
	case 'A':
		cli->namespace = NULL;
		break;
	case 'o':
		if (parse_format(value, &cli->output))
			return why_set(why, -EINVAL,
				       "'%s' is no output format; there are table, wide, json and yaml",
				       value);
		break;
	case 'H':
		cli->no_headers = true;
		break;
	case 'W':
		cli->wait = true;
		break;
	case 'Y':
		cli->stay = true;
		break;
	case 'T':
		if (parse_seconds(value, &cli->timeout_s))
			return why_set(why, -EINVAL, "'%s' is no time; give whole seconds, 1 to 86400",
				       value);
		break;
	case 'w':
		cli->watch = true;
		break;
	case 'i':
		if (parse_interval(value, &cli->interval_ms))
			return why_set(why, -EINVAL, "'%s' is no interval; give seconds, 0.1 to 3600", value);
		break;
	case '1':
		cli->once = true;
		break;
	case 'v':
		cli->verbose = true;
		break;
	case 'h':
		cli->help = true;
		break;
	}
	return 0;
}

static bool takes(const struct cmd *cmd, char letter)
{
	return letter == 'h' || letter == 'v' || strchr(cmd->options, letter);
}

/* What getopt_long() wants to know, for the options of one command. */
static void fill_tables(const struct cmd *cmd, struct option *longs, char *shorts)
{
	*shorts++ = ':'; /* report errors by return value */
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		int argument = options[i].value ? required_argument : no_argument;

		if (!takes(cmd, options[i].letter))
			continue;
		*longs++ = (struct option){ options[i].name, argument, NULL, options[i].letter };
		if (!strchr(short_letters, options[i].letter))
			continue;
		*shorts++ = options[i].letter;
		if (options[i].value)
			*shorts++ = ':';
	}
	*longs = (struct option){ 0 };
	*shorts = '\0';
}

static int check_words(const struct cmd *cmd, int argc, char **argv, struct cli *cli, struct why *why)
{
	int count = argc - optind;

	if (cli->help)
		return 0;
	if (count > cmd->max_words)
		return why_set(why, -EINVAL, "unexpected argument '%s'", argv[optind + cmd->max_words]);
	if (count < cmd->min_words)
		return why_set(why, -EINVAL, "an argument is missing: %s", cmd->words);
	for (int i = 0; i < count; i++)
		cli->words[i] = argv[optind + i];
	cli->n_words = count;
	return 0;
}

int cli_parse(const struct cmd *cmd, int argc, char **argv, struct cli *ret, struct why *why)
{
	struct cli cli = { .bpffs = WEFT_BPFFS, .node = "", .interval_ms = 1000, .pods = DEFAULT_PODS };
	struct option longs[ARRAY_LEN(options) + 1];
	char shorts[2 * ARRAY_LEN(options) + 2];
	int letter, error = 0;

	fill_tables(cmd, longs, shorts);
	optind = 0; /* a fresh start, also for tests that parse many lines */
	while (!error && (letter = getopt_long(argc, argv, shorts, longs, NULL)) >= 0) {
		if (letter == '?')
			error = why_set(why, -EINVAL, "unknown option '%s'", argv[optind - 1]);
		else if (letter == ':')
			error = why_set(why, -EINVAL, "option '%s' needs a value", argv[optind - 1]);
		else
			error = set_option(&cli, letter, optarg, why);
	}
	if (!error)
		error = check_words(cmd, argc, argv, &cli, why);
	if (!error)
		*ret = cli;
	return error;
}

const struct cmd *cmd_find(const char *name)
{
	for (const struct cmd *cmd = cmds; cmd->name; cmd++) {
		if (!strcmp(cmd->name, name))
			return cmd;
	}
	return NULL;
}

bool cli_option_at(const struct cmd *cmd, size_t number, struct cli_option *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		if (!takes(cmd, options[i].letter) || number--)
			continue;
		*ret = (struct cli_option){
			.letter = options[i].letter,
			.is_short = strchr(short_letters, options[i].letter),
			.name = options[i].name,
			.value = options[i].value,
			.help = options[i].help,
		};
		return true;
	}
	return false;
}

void help_all(FILE *to)
{
	fprintf(to, "weft: a service mesh without a proxy\n\nusage: weft COMMAND [OPTION...]\n\n");
	for (const struct cmd *cmd = cmds; cmd->name; cmd++)
		fprintf(to, "  %-10s  %s\n", cmd->name, cmd->summary);
	fprintf(to, "\n'weft COMMAND --help' tells more. Exit codes: 0 done, 1 failed, 2 misused.\n");
}

void help_cmd(const struct cmd *cmd, FILE *to)
{
	fprintf(to, "usage: weft %s%s%s [OPTION...]\n\n%s\n\n", cmd->name, cmd->words ? " " : "",
		cmd->words ? cmd->words : "", cmd->details);
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		bool is_short = strchr(short_letters, options[i].letter);
		char text[64];

		if (!takes(cmd, options[i].letter))
			continue;
		snprintf(text, sizeof(text), "%c%c%c --%s%s%s", is_short ? '-' : ' ',
			 is_short ? options[i].letter : ' ', is_short ? ',' : ' ', options[i].name,
			 options[i].value ? " " : "", options[i].value ? options[i].value : "");
		fprintf(to, "  %-32s  %s\n", text, options[i].help);
	}
}

int cli_main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	const struct cmd *cmd = cmd_find(name);
	struct why why = { "" };
	struct cli cli;

	if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
		help_all(stdout);
		return 0;
	}
	if (!strcmp(name, "--version"))
		cmd = cmd_find("version");
	if (!cmd) {
		if (*name)
			fprintf(stderr, "weft: there is no command '%s'\n\n", name);
		help_all(stderr);
		return 2;
	}
	if (cli_parse(cmd, argc - 1, argv + 1, &cli, &why)) {
		fprintf(stderr, "weft %s: %s; see 'weft %s --help'\n", cmd->name, why.text, cmd->name);
		return 2;
	}
	if (cli.help) {
		help_cmd(cmd, stdout);
		return 0;
	}
	if (cli.verbose)
		log_set_level(LOG_DEBUG);
	return cmd->run(&cli);
}
