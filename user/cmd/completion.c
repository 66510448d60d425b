/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Completion for shells, out of the tables that parsing and help come from. */
#include <stdio.h>
#include <string.h>

#include "cmd/cli.h"

/* The words that a command's first argument can be, as "on|off" in what help shows; its length, 0 if it is anything. */
static size_t choices_length(const struct cmd *cmd)
{
	size_t length = cmd->words ? strcspn(cmd->words, " ") : 0;

	return length && memchr(cmd->words, '|', length) ? length : 0;
}

static void print_choices(const struct cmd *cmd)
{
	size_t length = choices_length(cmd);

	for (size_t i = 0; i < length; i++)
		putchar(cmd->words[i] == '|' ? ' ' : cmd->words[i]);
}

static void print_commands(void)
{
	for (const struct cmd *cmd = cmds; cmd->name; cmd++)
		printf("%s%s", cmd == cmds ? "" : " ", cmd->name);
}

static bool is_value(const struct cli_option *option, const char *value)
{
	return option->value && !strcmp(option->value, value);
}

/* ---- bash ---- */

enum bash_list {
	BASH_ALL,
	BASH_DIRECTORY,
	BASH_FORMAT,
	BASH_VALUE, /* of which nothing is known */
};

static bool is_listed(const struct cli_option *option, enum bash_list list)
{
	switch (list) {
	case BASH_ALL:
		return true;
	case BASH_DIRECTORY:
		return is_value(option, "DIR");
	case BASH_FORMAT:
		return is_value(option, "FORMAT");
	case BASH_VALUE:
		return option->value && !is_value(option, "DIR") && !is_value(option, "FORMAT");
	}
	return false;
}

static void print_bash_list(const struct cmd *cmd, const char *name, enum bash_list list)
{
	struct cli_option option;

	printf("\t\t%s='", name);
	for (size_t i = 0; cli_option_at(cmd, i, &option); i++) {
		if (!is_listed(&option, list))
			continue;
		printf(" --%s", option.name);
		if (option.is_short)
			printf(" -%c", option.letter);
	}
	puts(" '");
}

static void print_bash(void)
{
	fputs("# bash completion of weft, written by 'weft completion bash'\n"
	      "_weft()\n{\n"
	      "\tlocal word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
	      "\tlocal choices='' options='' directories='' formats='' values=''\n\n"
	      "\tif [ \"$COMP_CWORD\" = 1 ]; then\n"
	      "\t\tCOMPREPLY=($(compgen -W '",
	      stdout);
	print_commands();
	fputs("' -- \"$word\"))\n\t\treturn\n\tfi\n\tcase ${COMP_WORDS[1]} in\n", stdout);
	for (const struct cmd *cmd = cmds; cmd->name; cmd++) {
		printf("\t%s)\n\t\tchoices='", cmd->name);
		print_choices(cmd);
		puts("'");
		print_bash_list(cmd, "options", BASH_ALL);
		print_bash_list(cmd, "directories", BASH_DIRECTORY);
		print_bash_list(cmd, "formats", BASH_FORMAT);
		print_bash_list(cmd, "values", BASH_VALUE);
		puts("\t\t;;");
	}
	fputs("\tesac\n"
	      "\tif [[ $directories == *\" $before \"* ]]; then\n"
	      "\t\tCOMPREPLY=($(compgen -d -- \"$word\"))\n"
	      "\telif [[ $formats == *\" $before \"* ]]; then\n"
	      "\t\tCOMPREPLY=($(compgen -W 'table wide json yaml' -- \"$word\"))\n"
	      "\telif [[ $values == *\" $before \"* ]]; then\n"
	      "\t\tCOMPREPLY=()\n"
	      "\telif [[ $word == -* ]]; then\n"
	      "\t\tCOMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
	      "\telif [ \"$COMP_CWORD\" = 2 ]; then\n"
	      "\t\tCOMPREPLY=($(compgen -W \"$choices\" -- \"$word\"))\n"
	      "\tfi\n}\ncomplete -F _weft weft\n",
	      stdout);
}

/* ---- zsh ---- */

/* Within single quotes, where a bracket or a colon would mean something. */
static void print_zsh_text(const char *text)
{
	for (; *text; text++) {
		if (strchr("[]:", *text))
			putchar('\\');
		if (*text == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*text);
	}
}

static void print_zsh_option(const struct cli_option *option)
{
	fputs(" \\\n\t\t\t", stdout);
	if (option->is_short)
		printf("'(-%c --%s)'{-%c,--%s}", option->letter, option->name, option->letter, option->name);
	else
		printf("'--%s'", option->name);
	fputs("'[", stdout);
	print_zsh_text(option->help);
	putchar(']');
	if (is_value(option, "DIR"))
		fputs(":directory:_files -/", stdout);
	else if (is_value(option, "FORMAT"))
		fputs(":format:(table wide json yaml)", stdout);
	else if (option->value)
		printf(":%s: ", option->value);
	putchar('\'');
}

static void print_zsh(void)
{
	struct cli_option option;

	fputs("#compdef weft\n"
	      "# zsh completion of weft, written by 'weft completion zsh'\n"
	      "_weft()\n{\n\tlocal -a commands\n\tcommands=(\n",
	      stdout);
	for (const struct cmd *cmd = cmds; cmd->name; cmd++) {
		printf("\t\t'%s:", cmd->name);
		print_zsh_text(cmd->summary);
		puts("'");
	}
	fputs("\t)\n\tif ((CURRENT == 2)); then\n\t\t_describe command commands\n\t\treturn\n\tfi\n"
	      "\tshift words\n\t((CURRENT--))\n\tcase $words[1] in\n",
	      stdout);
	for (const struct cmd *cmd = cmds; cmd->name; cmd++) {
		printf("\t%s)\n\t\t_arguments", cmd->name);
		for (size_t i = 0; cli_option_at(cmd, i, &option); i++)
			print_zsh_option(&option);
		if (choices_length(cmd)) {
			fputs(" \\\n\t\t\t'1:what:(", stdout);
			print_choices(cmd);
			fputs(")'", stdout);
		}
		puts("\n\t\t;;");
	}
	fputs("\tesac\n}\n_weft \"$@\"\n", stdout);
}

int cmd_completion(const struct cli *cli)
{
	if (!strcmp(cli->words[0], "bash")) {
		print_bash();
	} else if (!strcmp(cli->words[0], "zsh")) {
		print_zsh();
	} else {
		fprintf(stderr, "weft completion: '%s' is no shell that is known; there are bash and zsh\n",
			cli->words[0]);
		return 2;
	}
	return 0;
}
