/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* weft top on a terminal: frames and keys. */
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "cmd/screen.h"
#include "cmd/top.h"

enum {
	FIRST_LINE = 2,	 /* below the title and the headings */
	ROOM_BESIDE = 3, /* title, headings and footer */
};

struct show {
	struct top *top;
	struct rate_table table;
	char selected
		[TOP_LABEL]; /* stays selected, wherever it goes; "": the first line, whatever is there */
	size_t at;	     /* its line in the table */
	size_t first;	     /* line of the table that is the first on the screen */
	bool typing;	     /* a filter */
	bool helping;
	bool over;
};

static volatile sig_atomic_t ended;

static void on_end(int number)
{
	ended = number;
}

/* ---- the selection ---- */

static size_t lines_of_rows(void)
{
	int lines, columns;

	screen_size(&lines, &columns);
	return lines > ROOM_BESIDE ? lines - ROOM_BESIDE : 1;
}

static bool is_label(const struct show *s, size_t at)
{
	char label[TOP_LABEL];

	return at < s->table.count && !strcmp(top_label(&s->table.rows[at], label), s->selected);
}

static void select_line(struct show *s, size_t at)
{
	s->at = s->table.count && at >= s->table.count ? s->table.count - 1 : at;
	*s->selected = '\0';
	if (s->at && s->at < s->table.count)
		top_label(&s->table.rows[s->at], s->selected);
}

/* Finds again what was selected, in rows that have moved. */
static void select_again(struct show *s)
{
	for (size_t i = 0; *s->selected && i < s->table.count && !is_label(s, s->at); i++) {
		if (is_label(s, i))
			s->at = i;
	}
	select_line(s, s->at);
}

static void scroll_to_selection(struct show *s)
{
	size_t room = lines_of_rows();

	if (s->at < s->first)
		s->first = s->at;
	if (s->at >= s->first + room)
		s->first = s->at - room + 1;
	/* No empty lines while there are rows above. */
	if (s->first + room > s->table.count)
		s->first = s->table.count > room ? s->table.count - room : 0;
}

static int compute(struct show *s)
{
	int error;

	rate_table_done(&s->table);
	error = top_rows(s->top, false, &s->table);
	if (!error)
		select_again(s);
	return error;
}

/* ---- drawing ---- */

static const char *const help[] = {
	"",
	"  up, down, k, j      select a row; PgUp, PgDn, Home and End as well",
	"  enter               the endpoints of the service",
	"  esc, backspace      back to the services; without a filter, if there is one",
	"  /                   show only what has these letters in its name or address",
	"  c l 5 9 f F e n     sort by NEW/S, LIVE, P50, P99, FAIL/S, FAILED, OUT or EJECT, name",
	"  r                   turn the order around",
	"  q                   quit",
	"",
	"  READY   endpoints that take connections, of all",
	"  NEW/S   new connections and UDP flows a second",
	"  LIVE    connections and flows that are open",
	"  P50     half of the answers came within so long since the last frame; P99: 99 of 100",
	"  FAIL/S  connects refused or timed out, connections reset or stalled, a second",
	"  FAILED  all of these so far",
	"  OUT     endpoints that are ejected; EJECT: how often one was, forgiven in time",
};

static void draw_text(int line, int columns, enum screen_style style, const char *mark, const char *text)
{
	char fitted[FIT_TEXT];

	screen_line(line, style, figure_fit(text, columns, CUT_END, mark, fitted));
}

static enum screen_style style_of(const struct rate_row *row)
{
	if (!row->endpoint) {
		if (!row->active)
			return STYLE_BAD;
		return row->ejected ? STYLE_WARN : STYLE_PLAIN;
	}
	switch (row->health) {
	case HEALTH_EJECTED:
		return STYLE_BAD;
	case HEALTH_PROBING:
	case HEALTH_DRAINING:
	case HEALTH_NOT_READY:
		return STYLE_WARN;
	case HEALTH_ACTIVE:
		break;
	}
	return STYLE_PLAIN;
}

static void draw_rows(const struct show *s, int columns)
{
	const struct top_view *view = &s->top->view;
	size_t room = lines_of_rows();
	char line[FIT_TEXT];

	for (size_t i = 0; i < room && s->first + i < s->table.count; i++) {
		const struct rate_row *row = &s->table.rows[s->first + i];

		top_line(view, row, columns, line);
		screen_line(FIRST_LINE + i, s->first + i == s->at ? STYLE_SELECTED : style_of(row), line);
	}
	if (s->table.count)
		return;
	if (*s->top->filter)
		snprintf(line, sizeof(line), "nothing here has '%s' in its name", s->top->filter);
	else
		snprintf(line, sizeof(line), "%s", view->endpoints ? "no endpoints" : "no services");
	draw_text(FIRST_LINE, columns, STYLE_PLAIN, view->mark, line);
}

static void draw_footer(const struct show *s, int line, int columns)
{
	const struct top_view *view = &s->top->view;
	char text[FIT_TEXT];

	if (s->typing)
		snprintf(text, sizeof(text), "filter: %s_  (enter keeps it, esc drops it)", s->top->filter);
	else if (s->helping)
		snprintf(text, sizeof(text), "any key: back");
	else
		snprintf(text, sizeof(text), "q quit  %s  / filter%s%s  c l 5 9 f F e n sort (%s%s)  ? help",
			 view->endpoints ? "esc back" : "enter endpoints", *s->top->filter ? ": " : "",
			 s->top->filter, top_sort_name(view->sort), view->reverse ? ", r" : "");
	draw_text(line, columns, STYLE_TITLE, view->mark, text);
}

static void draw(struct show *s)
{
	const struct top_view *view = &s->top->view;
	char text[FIT_TEXT] = "";
	int lines, columns;

	screen_size(&lines, &columns);
	scroll_to_selection(s);
	screen_begin();
	top_title(s->top, columns, text);
	screen_line(0, STYLE_TITLE, text);
	if (s->helping) {
		for (int i = 0; i < (int)ARRAY_LEN(help) && i < lines - 2; i++)
			draw_text(i + 1, columns, STYLE_PLAIN, view->mark, help[i]);
	} else {
		top_heading(view, columns, text);
		screen_line(1, STYLE_HEADING, text);
		draw_rows(s, columns);
	}
	draw_footer(s, lines - 1, columns);
	screen_end();
}

/* ---- keys ---- */

static void enter(struct show *s)
{
	if (s->top->view.endpoints || s->at >= s->table.count)
		return;
	snprintf(s->top->service, sizeof(s->top->service), "%s", s->table.rows[s->at].name);
	s->top->view.endpoints = true;
	*s->top->filter = '\0';
	*s->selected = '\0';
	s->at = s->first = 0;
}

static void go_back(struct show *s)
{
	if (*s->top->filter) {
		*s->top->filter = '\0';
	} else if (s->top->view.endpoints) {
		s->top->view.endpoints = false;
		snprintf(s->selected, sizeof(s->selected), "%s", s->top->service);
	}
}

static void type(struct show *s, int key)
{
	size_t length = strlen(s->top->filter);

	if (key == KEY_ENTERED || key == KEY_ESCAPE) {
		s->typing = false;
		if (key == KEY_ESCAPE)
			*s->top->filter = '\0';
	} else if (key == KEY_ERASE && length) {
		s->top->filter[length - 1] = '\0';
	} else if (key > ' ' && key <= '~' && length + 1 < FILTER_SIZE) {
		s->top->filter[length] = (char)key;
		s->top->filter[length + 1] = '\0';
	}
}

static void move_by(struct show *s, size_t lines, bool down)
{
	if (down)
		select_line(s, s->at + lines);
	else
		select_line(s, s->at > lines ? s->at - lines : 0);
}

static void obey(struct show *s, int key)
{
	switch (key) {
	case 'q':
		s->over = true;
		break;
	case '?':
		s->helping = true;
		break;
	case '/':
		s->typing = true;
		break;
	case 'r':
		s->top->view.reverse = !s->top->view.reverse;
		break;
	case 'k':
	case KEY_GO_UP:
		move_by(s, 1, false);
		break;
	case 'j':
	case KEY_GO_DOWN:
		move_by(s, 1, true);
		break;
	case KEY_PAGE_UP:
		move_by(s, lines_of_rows(), false);
		break;
	case KEY_PAGE_DOWN:
		move_by(s, lines_of_rows(), true);
		break;
	case KEY_FIRST:
		select_line(s, 0);
		break;
	case KEY_LAST:
		move_by(s, s->table.count, true);
		break;
	case KEY_ENTERED:
		enter(s);
		break;
	case KEY_ESCAPE:
	case KEY_ERASE:
		go_back(s);
		break;
	default:
		top_sort_by_key(key, &s->top->view.sort);
		break;
	}
}

/* ---- the loop ---- */

/* They come only while a key is waited for, so that none is missed. */
static void catch_signals(sigset_t *ret_waiting)
{
	const struct sigaction end = { .sa_handler = on_end };
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	sigset_t blocked;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGWINCH);
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		sigaddset(&blocked, ends[i]);
		sigaction(ends[i], &end, NULL);
	}
	sigprocmask(SIG_BLOCK, &blocked, ret_waiting);
}

static int key_pressed(struct show *s, int key)
{
	if (key == KEY_GONE)
		return -EIO;
	if (key == KEY_NOTHING || key == KEY_RESIZED)
		return 0;
	if (s->helping)
		s->helping = false;
	else if (s->typing)
		type(s, key);
	else
		obey(s, key);
	return compute(s);
}

static int show(struct show *s, const sigset_t *waiting, struct why *why)
{
	const uint64_t interval_ns = s->top->cli->interval_ms * NS_PER_MS;
	uint64_t next_ns = clock_now_ns() + interval_ns, now_ns;
	int error = compute(s);

	while (!error && !s->over && !ended) {
		draw(s);
		now_ns = clock_now_ns();
		error = key_pressed(
			s, screen_key(now_ns < next_ns ? (int)((next_ns - now_ns) / NS_PER_MS) + 1 : 0,
				      waiting));
		if (error || clock_now_ns() < next_ns)
			continue;
		next_ns = clock_now_ns() + interval_ns;
		error = top_read(s->top, why);
		if (!error)
			error = compute(s);
	}
	return error;
}

int top_show(struct top *top, struct why *why)
{
	struct show s = { .top = top };
	sigset_t waiting;
	int error;

	catch_signals(&waiting);
	error = screen_open(why);
	if (error)
		return error;
	error = show(&s, &waiting, why);
	screen_close();
	rate_table_done(&s.table);
	return error;
}
