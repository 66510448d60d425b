/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What `weft top` shows, as lines of text: order, choice, columns. Pure; whoever draws knows no more than lines. */
#pragma once

#include "watch/figures.h"
#include "watch/rates.h"

enum top_sort {
	TOP_NEW,
	TOP_LIVE,
	TOP_P50,
	TOP_P99,
	TOP_FAILING,
	TOP_FAILED,
	TOP_EJECTED,
	TOP_NAME,
	TOP_SORTS,
};

struct top_view {
	bool endpoints; /* of one service; else services */
	enum top_sort sort;
	bool reverse;
	const char *filter;    /* "": all; else what names, or addresses, have in them, in any case */
	const char *namespace; /* NULL: all */
	const char *mark;      /* for what is left out of a name: one column wide */
};

/* The name of a sort as the command line has it, and its key on the screen. */
const char *top_sort_name(enum top_sort sort);
char top_sort_key(enum top_sort sort);
/* Both return 0 or -EINVAL. */
int top_sort_by_name(const char *name, enum top_sort *ret);
int top_sort_by_key(int key, enum top_sort *ret);

/* Numbers from the largest, names from A, rows of equal numbers by name; rows that are not to be seen are dropped. */
void top_arrange(const struct top_view *view, struct rate_table *table);

/* Lines of exactly `width` columns, FIT_WIDTH at most. */
void top_heading(const struct top_view *view, size_t width, char ret[FIT_TEXT]);
void top_line(const struct top_view *view, const struct rate_row *row, size_t width, char ret[FIT_TEXT]);

/* What a row is, for whoever wants to find it again in the next reading: "live/web", "10.0.0.1:80/TCP". */
enum {
	TOP_LABEL = 320,
};
const char *top_label(const struct rate_row *row, char text[TOP_LABEL]);
