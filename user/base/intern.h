/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Texts that many bear, kept once: the names of nodes and zones, of which a hundred thousand endpoints have a few
 * hundred. Of one thread.
 */
#pragma once

/* The one copy of the text, with a reference more; NULL without memory. Of NULL and "" it is a "" that is nobody's. */
const char *intern(const char *text);

/* Gives the reference back; the last one frees the copy. NULL is allowed. */
void intern_release(const char *interned);
