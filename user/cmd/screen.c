/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ncurses. */
#include "cmd/screen.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <curses.h>

#include "cmd/colour.h"

enum {
	ESCAPE = 27,
	ESCAPE_DELAY_MS = 25, /* what follows the byte of a function key comes sooner, also over ssh */
	PAIR_GOOD = 1,
	PAIR_WARN = 2,
	PAIR_BAD = 3,
};

static SCREEN *screen;
static bool colours;

static void start_colours(void)
{
	colours = colours_are_wanted(stdout) && has_colors() && start_color() != ERR;
	if (!colours)
		return;
	use_default_colors();
	init_pair(PAIR_GOOD, COLOR_GREEN, -1);
	init_pair(PAIR_WARN, COLOR_YELLOW, -1);
	init_pair(PAIR_BAD, COLOR_RED, -1);
}

int screen_open(struct why *why)
{
	const char *terminal = getenv("TERM");

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return why_set(why, -ENOTTY, "this is no terminal; --once prints one frame anywhere");
	set_escdelay(ESCAPE_DELAY_MS);
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return why_set(why, -ENOTTY, "the terminal '%s' is not known; set TERM, or use --once",
			       terminal ? terminal : "");
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	curs_set(0);
	start_colours();
	return 0;
}

void screen_close(void)
{
	if (!screen)
		return;
	endwin();
	delscreen(screen);
	screen = NULL;
}

void screen_size(int *ret_lines, int *ret_columns)
{
	getmaxyx(stdscr, *ret_lines, *ret_columns);
}

void screen_begin(void)
{
	erase();
}

static attr_t attributes(enum screen_style style)
{
	switch (style) {
	case STYLE_PLAIN:
	case STYLE_COUNT:
		break;
	case STYLE_TITLE:
		return A_BOLD;
	case STYLE_HEADING:
		return A_BOLD | A_UNDERLINE;
	case STYLE_SELECTED:
		return A_REVERSE;
	case STYLE_GOOD:
		return colours ? COLOR_PAIR(PAIR_GOOD) : A_NORMAL;
	case STYLE_WARN:
		return colours ? COLOR_PAIR(PAIR_WARN) : A_NORMAL;
	case STYLE_BAD:
		return colours ? COLOR_PAIR(PAIR_BAD) : A_BOLD;
	}
	return A_NORMAL;
}

void screen_line(int line, enum screen_style style, const char *text)
{
	if (line < 0 || line >= LINES)
		return;
	attrset(attributes(style));
	/* The last cell of a line can be written; only that of the screen makes an error, which is of no matter. */
	mvaddnstr(line, 0, text, -1);
	attrset(A_NORMAL);
}

void screen_end(void)
{
	refresh();
}

static int translate(int key)
{
	static const struct {
		int curses, key;
	} keys[] = {
		{ ERR, KEY_NOTHING },	      { KEY_RESIZE, KEY_RESIZED }, { KEY_UP, KEY_GO_UP },
		{ KEY_DOWN, KEY_GO_DOWN },    { KEY_PPAGE, KEY_PAGE_UP },  { KEY_NPAGE, KEY_PAGE_DOWN },
		{ KEY_HOME, KEY_FIRST },      { KEY_END, KEY_LAST },	   { KEY_ENTER, KEY_ENTERED },
		{ '\r', KEY_ENTERED },	      { '\n', KEY_ENTERED },	   { ESCAPE, KEY_ESCAPE },
		{ KEY_BACKSPACE, KEY_ERASE }, { '\b', KEY_ERASE },	   { 127, KEY_ERASE },
	};

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (keys[i].curses == key)
			return keys[i].key;
	}
	return key < KEY_MIN ? key : KEY_NOTHING;
}

int screen_key(int timeout_ms, const sigset_t *waiting)
{
	const struct timespec timeout = { timeout_ms / 1000, timeout_ms % 1000 * 1000000L };
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	int key = getch();

	if (key != ERR)
		return translate(key);
	if (ppoll(&in, 1, &timeout, waiting) < 0)
		in.revents = 0;
	key = getch();
	return key == ERR && in.revents & (POLLHUP | POLLERR | POLLNVAL) ? KEY_GONE : translate(key);
}
