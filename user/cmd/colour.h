/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Colours on a terminal, for those who want them. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/* Is it a terminal that shows colours, and did nobody set NO_COLOR (https://no-color.org)? */
bool colours_are_wanted(FILE *to);

/* The name of a colour, as libsmartcols knows them, for a word that is news; NULL for one that is not. */
const char *colour_of_state(const char *word);
