/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The command line: one table of commands, one of options; parsing and help both come from them. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "base/why.h"
#include "cmd/sheet.h"
#include "link/pod_link.h"

/* What any command may be told; fields that were not given hold their defaults. */
struct cli {
	const char *bpffs;
	const char *cgroup;			       /* NULL: find the pods' own */
	const char *source;			       /* NULL: none */
	const char *apiserver, *namespaces, *selector; /* of the source; NULL: not given */
	const char *node;			       /* "" : none */
	const char *listen;			       /* NULL: where it is by default, if that is free */
	const char *pods;			       /* directory of the kubelet's that names pods */
	const char *namespace;			       /* NULL: all */
	const char *without;			       /* NULL: nothing */
	struct pod_link_options links;
	enum sheet_format output;
	bool no_headers;
	bool wait;
	bool stay;
	int timeout_s;	      /* zero: none */
	const char *kinds;    /* NULL: all */
	const char *service;  /* NULL: all */
	const char *endpoint; /* NULL: all */
	const char *sort;     /* NULL: as it is best */
	bool watch;
	int interval_ms;
	bool once;
	bool verbose;
	bool help;
	const char *words[2]; /* arguments that are no options: the kind to get, a name, ... */
	int n_words;
};

struct cmd {
	const char *name;
	const char *words;   /* as help shows them; NULL: none */
	const char *summary; /* one line */
	const char *details; /* a paragraph or more for --help */
	int min_words, max_words;
	const char *options; /* the letters of the options it takes */
	int (*run)(const struct cli *cli);
};

extern const struct cmd cmds[]; /* ends with a NULL name */

/* The command of that name, or NULL. */
const struct cmd *cmd_find(const char *name);

/*
 * Reads the words behind the command's name (argv[0]). Returns 0, or -EINVAL with `why`. Does not print.
 */
int cli_parse(const struct cmd *cmd, int argc, char **argv, struct cli *ret, struct why *why);

/* What help and completion show of an option. */
struct cli_option {
	char letter;
	bool is_short; /* the letter is an option too */
	const char *name;
	const char *value; /* NULL: it takes none */
	const char *help;
};

/* The command's option of that number, in the order of help; false behind the last. */
bool cli_option_at(const struct cmd *cmd, size_t number, struct cli_option *ret);

void help_all(FILE *to);
void help_cmd(const struct cmd *cmd, FILE *to);

/* The whole program: returns the exit code, 0 done, 1 failed, 2 misused. */
int cli_main(int argc, char **argv);

int cmd_load(const struct cli *cli);
int cmd_unload(const struct cli *cli);
int cmd_agent(const struct cli *cli);
int cmd_get(const struct cli *cli);
int cmd_explain(const struct cli *cli);
int cmd_drain(const struct cli *cli);
int cmd_undrain(const struct cli *cli);
int cmd_monitor(const struct cli *cli);
int cmd_top(const struct cli *cli);
int cmd_splice(const struct cli *cli);
int cmd_check(const struct cli *cli);
int cmd_completion(const struct cli *cli);
int cmd_version(const struct cli *cli);
