/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The command line: what is understood, and what is refused with which words. */
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "cmd/cli.h"
#include "weft/names.h"

/* Splits a line at its blanks, as a shell does without quotes, and parses it. */
static int parse(const char *line, struct cli *ret, struct why *why)
{
	static char text[256];
	static char *argv[16];
	int argc = 0;

	cr_assert_lt(strlen(line), sizeof(text));
	strcpy(text, line);
	for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	argv[argc] = NULL;
	cr_assert(cmd_find(argv[0]), "no command %s", argv[0]);
	return cli_parse(cmd_find(argv[0]), argc, argv, ret, why);
}

Test(cli, defaults)
{
	struct why why = { "" };
	struct cli cli;

	cr_assert(!parse("load", &cli, &why));
	cr_assert_str_eq(cli.bpffs, WEFT_BPFFS);
	cr_assert_str_eq(cli.node, "");
	cr_assert_not(cli.cgroup);
	cr_assert_eq(cli.output, SHEET_TABLE);
}

Test(cli, agent_takes_all_of_its_options)
{
	struct why why = { "" };
	struct cli cli;

	cr_assert(
		!parse("agent --bpffs /b --cgroup /c --source file:/d --node n1 --without x,y --listen :1 -v",
		       &cli, &why),
		"%s", why.text);
	cr_assert_str_eq(cli.bpffs, "/b");
	cr_assert_str_eq(cli.cgroup, "/c");
	cr_assert_str_eq(cli.source, "file:/d");
	cr_assert_str_eq(cli.node, "n1");
	cr_assert_str_eq(cli.without, "x,y");
	cr_assert_str_eq(cli.listen, ":1");
	cr_assert(cli.verbose);
}

Test(cli, interfaces_are_told_to_whoever_attaches)
{
	static const char *const commands[] = { "load", "agent" };
	struct why why = { "" };
	struct cli cli;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		char line[128];

		cr_assert(!parse(commands[i], &cli, &why), "%s", why.text);
		cr_assert_not(cli.links.interfaces || cli.links.uplink || cli.links.may_spoof);
		snprintf(line, sizeof(line), "%s --interfaces a*,b --uplink eth0 --allow-spoofing c?",
			 commands[i]);
		cr_assert(!parse(line, &cli, &why), "%s", why.text);
		cr_assert_str_eq(cli.links.interfaces, "a*,b");
		cr_assert_str_eq(cli.links.uplink, "eth0");
		cr_assert_str_eq(cli.links.may_spoof, "c?");
	}
}

Test(cli, get_takes_options_before_and_behind_its_words)
{
	struct why why = { "" };
	struct cli cli;

	cr_assert(!parse("get -o json services web -n shop --no-headers", &cli, &why), "%s", why.text);
	cr_assert_eq(cli.output, SHEET_JSON);
	cr_assert_eq(cli.n_words, 2);
	cr_assert_str_eq(cli.words[0], "services");
	cr_assert_str_eq(cli.words[1], "web");
	cr_assert_str_eq(cli.namespace, "shop");
	cr_assert(cli.no_headers);
}

Test(cli, drain_waits_with_a_limit)
{
	struct why why = { "" };
	struct cli cli;

	cr_assert(!parse("drain 10.0.0.1:80", &cli, &why));
	cr_assert_not(cli.wait);
	cr_assert_eq(cli.timeout_s, 0);
	cr_assert(!parse("drain --wait --timeout 30 -o json 10.0.0.1:80", &cli, &why));
	cr_assert(cli.wait);
	cr_assert_eq(cli.timeout_s, 30);
	cr_assert_eq(cli.output, SHEET_JSON);
	cr_assert(parse("drain --timeout 0 10.0.0.1", &cli, &why));
	cr_assert_str_eq(why.text, "'0' is no time; give whole seconds, 1 to 86400");
	cr_assert(parse("undrain --wait 10.0.0.1", &cli, &why));
}

Test(cli, explain_takes_a_client_and_a_service)
{
	struct why why = { "" };
	struct cli cli;

	cr_assert(!parse("explain shop/web-1 shop/cart:80", &cli, &why), "%s", why.text);
	cr_assert_str_eq(cli.words[0], "shop/web-1");
	cr_assert_str_eq(cli.words[1], "shop/cart:80");
	cr_assert_str_eq(cli.pods, "/var/log/pods");
	cr_assert(!parse("explain --pods /p -o json 1 10.0.0.1:80/udp", &cli, &why), "%s", why.text);
	cr_assert_str_eq(cli.pods, "/p");
	cr_assert_eq(cli.output, SHEET_JSON);
}

Test(cli, help_needs_no_words)
{
	struct why why = { "" };
	struct cli cli;

	cr_assert(!parse("get --help", &cli, &why));
	cr_assert(cli.help);
}

struct refusal {
	char line[64];
	char says[64];
};

ParameterizedTestParameters(cli, refusals)
{
	static struct refusal refusals[] = {
		{ "get", "an argument is missing" },
		{ "get services web more", "unexpected argument 'more'" },
		{ "get services -o xml", "'xml' is no output format" },
		{ "get services -o", "option '-o' needs a value" },
		{ "get --cgroup /x services", "unknown option '--cgroup'" },
		{ "load --source file:/x", "unknown option '--source'" },
		{ "unload --interfaces x", "unknown option '--interfaces'" },
		{ "load --uplink", "option '--uplink' needs a value" },
		{ "explain 1", "an argument is missing: CLIENT SERVICE:PORT" },
		{ "explain 1 a/b:1 more", "unexpected argument 'more'" },
		{ "get services --pods /p", "unknown option '--pods'" },
		{ "load now", "unexpected argument 'now'" },
		{ "agent --bpffs", "option '--bpffs' needs a value" },
		{ "version --frobnicate", "unknown option '--frobnicate'" },
	};

	return cr_make_param_array(struct refusal, refusals, sizeof(refusals) / sizeof(refusals[0]));
}

ParameterizedTest(struct refusal *row, cli, refusals)
{
	struct why why = { "" };
	struct cli cli;

	cr_assert_eq(parse(row->line, &cli, &why), -22, "'%s' is understood", row->line);
	cr_assert(strstr(why.text, row->says), "'%s': says '%s', not '%s'", row->line, why.text, row->says);
}

Test(cli, unknown_command_is_none)
{
	cr_assert_not(cmd_find("serve"));
	cr_assert_not(cmd_find(""));
}

Test(cli, every_command_has_what_help_needs)
{
	for (const struct cmd *cmd = cmds; cmd->name; cmd++) {
		cr_assert(cmd->summary && cmd->details && cmd->options && cmd->run, "%s", cmd->name);
		cr_assert_leq(strlen(cmd->summary), 80, "%s", cmd->name);
		cr_assert_eq(!cmd->words, !cmd->max_words, "%s", cmd->name);
	}
}

Test(cli, what_watches_takes_filters)
{
	struct why why = { "" };
	struct cli cli;

	cr_assert(!parse("monitor --kind ejected,rescued --service live/web --endpoint 10.0.0.1:80 -o json",
			 &cli, &why),
		  "%s", why.text);
	cr_assert_str_eq(cli.kinds, "ejected,rescued");
	cr_assert_str_eq(cli.service, "live/web");
	cr_assert_str_eq(cli.endpoint, "10.0.0.1:80");
	cr_assert(!parse("top", &cli, &why));
	cr_assert_eq(cli.interval_ms, 1000);
	cr_assert_not(cli.once);
	cr_assert(!parse("top --once --interval 0.25 --sort p99", &cli, &why), "%s", why.text);
	cr_assert_eq(cli.interval_ms, 250);
	cr_assert(cli.once);
	cr_assert_str_eq(cli.sort, "p99");
	for (const char *const *wrong = (const char *const[]){ "0", "0.09", "3601", "nan", "1x", "-1", NULL };
	     *wrong; wrong++) {
		char line[64];

		snprintf(line, sizeof(line), "top --interval %s", *wrong);
		cr_assert(parse(line, &cli, &why), "%s", line);
	}
	cr_assert(parse("get --once services", &cli, &why));
}

Test(cli, watching)
{
	struct why why = { "" };
	struct cli cli;

	cr_assert(!parse("get services", &cli, &why));
	cr_assert_not(cli.watch);
	cr_assert_eq(cli.interval_ms, 1000);
	cr_assert(!parse("get -w services --interval 0.25", &cli, &why), "%s", why.text);
	cr_assert(cli.watch);
	cr_assert_eq(cli.interval_ms, 250);
	cr_assert(!parse("get --watch --interval 3600 services", &cli, &why), "%s", why.text);
	cr_assert_eq(cli.interval_ms, 3600000);
	cr_assert(parse("get services --interval 0.01", &cli, &why));
	cr_assert(parse("get services --interval 3601", &cli, &why));
	cr_assert(parse("get services --interval nan", &cli, &why));
	cr_assert(parse("get services --interval 1s", &cli, &why));
	cr_assert(strstr(why.text, "'1s' is no interval"), "%s", why.text);
	/* It is --without that has no short form. */
	cr_assert(parse("load -w tcx", &cli, &why));
}
