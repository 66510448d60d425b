/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The agent's HTTP server on a real loop, with its clients in the same process. */
#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/text.h"
#include "serve/ask.h"
#include "serve/server.h"

enum {
	ANSWER_SIZE = 1 << 16,
	LONG_MS = 5000,
	MANY = 100,
};

struct world {
	char dir[64];
	struct serve_place place;
	uv_loop_t loop;
	struct server *server;
	struct report report;
	size_t asked;
	char answer[ANSWER_SIZE];
};

static void fill(void *arg, struct report *ret)
{
	struct world *w = arg;

	w->asked++;
	*ret = w->report;
}

static void begin(struct world *w)
{
	_cleanup_(freep) char *text = NULL;
	struct why why = { "" };

	memset(w, 0, sizeof(*w));
	w->report = (struct report){ .version = "v1", .abi = 1, .source.kind = "file" };
	/* What mkdtemp() asks for. */
	strcpy(w->dir, "/tmp/weft-unit-");
	memset(w->dir + strlen(w->dir), 'X', 6);
	cr_assert_not_null(mkdtemp(w->dir));
	text = text_format("unix:%s/s", w->dir);
	cr_assert_eq(serve_place_parse(text, &w->place, &why), 0, "%s", why.text);
	cr_assert_eq(uv_loop_init(&w->loop), 0);
	cr_assert_eq(server_new(&w->loop, fill, w, &w->server), 0);
	cr_assert_eq(server_listen(w->server, &w->place, &why), 0, "%s", why.text);
}

static void close_handle(uv_handle_t *handle, void *arg _unused_)
{
	uv_close(handle, NULL);
}

static void end(struct world *w)
{
	uv_walk(&w->loop, close_handle, NULL);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	cr_assert_eq(uv_loop_close(&w->loop), 0);
	server_close(w->server);
	/* Which shows that nothing was left in it. */
	cr_assert_eq(rmdir(w->dir), 0);
}

static int call(struct world *w)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert_geq(fd, 0);
	cr_assert_eq(connect(fd, &w->place.address.any, w->place.length), 0, "%s", strerror(errno));
	return fd;
}

static void turn(struct world *w)
{
	uv_run(&w->loop, UV_RUN_NOWAIT);
	usleep(500);
}

/* What comes until the server hangs up. */
static void hear(struct world *w, int fd)
{
	uint64_t until_ns = clock_now_ns() + LONG_MS * NS_PER_MS;
	size_t length = 0;
	ssize_t count;

	do {
		turn(w);
		count = recv(fd, w->answer + length, ANSWER_SIZE - 1 - length, MSG_DONTWAIT);
		length += count > 0 ? count : 0;
	} while ((count > 0 || (count < 0 && errno == EAGAIN)) && clock_now_ns() < until_ns);
	w->answer[length] = '\0';
	close(fd);
}

static void say(int fd, const char *text)
{
	cr_assert_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static void ask(struct world *w, const char *text)
{
	int fd = call(w);

	say(fd, text);
	hear(w, fd);
}

static void begins(const struct world *w, const char *beginning)
{
	cr_expect(!strncmp(w->answer, beginning, strlen(beginning)), "'%s' instead of '%s'", w->answer,
		  beginning);
}

Test(server, answers)
{
	struct world w;

	begin(&w);
	ask(&w, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
	begins(&w, "HTTP/1.1 200 ");
	cr_expect_str_eq(strstr(w.answer, "\r\n\r\n"), "\r\n\r\nok\n");
	cr_expect_eq(w.asked, 0, "whether the loop turns depends on nothing else");
	ask(&w, "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n");
	begins(&w, "HTTP/1.1 503 ");
	w.report.ready = true;
	ask(&w, "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n");
	begins(&w, "HTTP/1.1 200 ");
	ask(&w, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_expect(strstr(w.answer, "\r\nContent-Type: text/plain; version=0.0.4"));
	cr_expect(strstr(w.answer, "\nweft_ready 1\n"));
	ask(&w, "GET /metrics?x=y HTTP/1.0\r\n\r\n");
	cr_expect(strstr(w.answer, "\nweft_ready 1\n"));
	ask(&w, "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
	begins(&w, "HTTP/1.1 200 ");
	cr_expect_not(strstr(w.answer, "weft_ready"));
	ask(&w, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	begins(&w, "HTTP/1.1 404 ");
	end(&w);
}

Test(server, what_is_no_question)
{
	_cleanup_(freep) char *huge = NULL;
	struct world w;

	begin(&w);
	ask(&w, "DELETE /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
	begins(&w, "HTTP/1.1 405 ");
	cr_expect(strstr(w.answer, "\r\nAllow: GET, HEAD\r\n"));
	/* Of a body, nothing is waited for. */
	ask(&w, "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
	begins(&w, "HTTP/1.1 405 ");
	ask(&w, "nonsense\r\n\r\n");
	cr_expect_not(strstr(w.answer, " 200 "));
	huge = text_format("GET /%0100000d HTTP/1.1\r\nHost: x\r\n\r\n", 0);
	ask(&w, huge);
	begins(&w, "HTTP/1.1 4");
	cr_expect_eq(w.asked, 0);
	end(&w);
}

/* Slow ones, and more than there is room for: whoever comes last is heard. */
Test(server, many_who_say_nothing)
{
	struct world w;
	int silent[MANY];

	begin(&w);
	for (int i = 0; i < MANY; i++) {
		silent[i] = call(&w);
		say(silent[i], "GET /me");
		turn(&w);
	}
	ask(&w, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
	begins(&w, "HTTP/1.1 200 ");
	/* The first of them is gone, the last still there. */
	hear(&w, silent[0]);
	cr_expect_str_eq(w.answer, "");
	cr_expect_eq(recv(silent[MANY - 1], w.answer, 1, MSG_DONTWAIT), -1);
	cr_expect_eq(errno, EAGAIN);
	say(silent[MANY - 1], "trics HTTP/1.1\r\nHost: x\r\n\r\n");
	hear(&w, silent[MANY - 1]);
	begins(&w, "HTTP/1.1 200 ");
	for (int i = 1; i < MANY - 1; i++)
		close(silent[i]);
	end(&w);
}

Test(server, places)
{
	static const struct {
		const char *text;
		int family;
	} cases[] = {
		{ "127.0.0.1:80", AF_INET }, { "[::1]:65535", AF_INET6 }, { ":1", AF_INET6 },
		{ "0.0.0.0:9", AF_INET },    { "[::]:9", AF_INET6 },	  { "unix:/run/x", AF_UNIX },
	};
	static const char *const wrong[] = {
		"80",	"127.0.0.1",	"127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:+80",
		"::1",	"::1:80",	"[::1]",      "[::1:80",     "[]:80",		"[127.0.0.1]:80",
		"unix", "localhost:80", "unix:",      "256.0.0.1:1", "1.2.3.4:80x",	" :80",
	};
	struct serve_place place;
	struct why why;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cr_assert_eq(serve_place_parse(cases[i].text, &place, &why), 0, "%s", cases[i].text);
		cr_expect_eq(place.address.any.sa_family, cases[i].family, "%s", cases[i].text);
		cr_expect_not(place.off);
	}
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		cr_expect_eq(serve_place_parse(wrong[i], &place, &why), -EINVAL, "%s", wrong[i]);
	cr_assert_eq(serve_place_parse("", &place, &why), 0);
	cr_expect(place.off);
	cr_assert_eq(serve_place_parse("off", &place, &why), 0);
	cr_expect(place.off);
}

Test(server, what_was_left_behind_is_taken_over)
{
	struct serve_place place;
	struct world w, other;
	struct why why;
	int fd;

	begin(&w);
	place = w.place;
	/* Somebody listens there. */
	cr_expect_eq(serve_place_listen(&place, &why), -EADDRINUSE);
	cr_expect(strstr(why.text, "choose another place with --listen"), "%s", why.text);
	end(&w);
	/* Nobody does any more. */
	begin(&other);
	snprintf(place.address.local.sun_path, sizeof(place.address.local.sun_path), "%s/left", other.dir);
	fd = serve_place_listen(&place, &why);
	cr_assert_geq(fd, 0, "%s", why.text);
	close(fd);
	fd = serve_place_listen(&place, &why);
	cr_assert_geq(fd, 0, "%s", why.text);
	close(fd);
	serve_place_leave(&place);
	end(&other);
}

Test(server, nobody_answers)
{
	_cleanup_(freep) char *text = NULL;
	struct why why = { "" };
	struct world w;

	begin(&w);
	cr_expect_eq(ask_status(w.dir, &text, &why), -ECONNREFUSED);
	cr_expect_str_eq(why.text,
			 "no agent answers: none is at work, or it is in another network namespace");
	cr_expect_eq(ask_status("/none", &text, &why), -ENOENT);
	end(&w);
}
