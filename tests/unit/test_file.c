/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The directory source: a real directory, real inotify, and what the model makes of it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <criterion/criterion.h>

#include "base/text.h"
#include "source/file.h"
#include "source/source.h"

enum {
	/* Longer than what decides that a file is gone, and than time stamps are coarse. */
	WHILE_MS = 350,
	LONG_MS = 5000,
	SAID_SIZE = 8192,
};

struct world {
	char root[64]; /* a directory of our own; `root`/d is the source */
	char dir[80];
	uv_loop_t loop;
	struct model *model;
	struct source *source;
	size_t changes;
	char said[SAID_SIZE]; /* "BAD: " or "note: ", the root cut off; a line each */
};

static void on_changed(void *arg)
{
	struct world *w = arg;

	w->changes++;
}

static void on_say(void *arg, bool bad, const char *line)
{
	struct world *w = arg;
	size_t length = strlen(w->said);

	if (!strncmp(line, w->root, strlen(w->root)))
		line += strlen(w->root) + 1;
	snprintf(w->said + length, SAID_SIZE - length, "%s: %s\n", bad ? "BAD" : "note", line);
}

static void open_source(struct world *w)
{
	struct source_events events = { w, on_changed, on_say };
	_cleanup_(freep) char *spec = text_format("file:%s/", w->dir);
	const struct source_options none = { 0 };
	struct why why = { "" };
	int error = source_open(spec, &none, &w->loop, w->model, &events, &why, &w->source);

	cr_assert_eq(error, 0, "%s", why.text);
}

static void begin(struct world *w)
{
	memset(w, 0, sizeof(*w));
	/* What mkdtemp() asks for. */
	strcpy(w->root, "/tmp/weft-unit-");
	memset(w->root + strlen(w->root), 'X', 6);
	cr_assert_not_null(mkdtemp(w->root));
	snprintf(w->dir, sizeof(w->dir), "%s/d", w->root);
	cr_assert_eq(mkdir(w->dir, 0755), 0);
	cr_assert_eq(uv_loop_init(&w->loop), 0);
	cr_assert_eq(model_new(&w->model), 0);
}

static void end(struct world *w)
{
	_cleanup_(freep) char *command = text_format("rm -rf %s", w->root);

	source_close(w->source);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	cr_assert_eq(uv_loop_close(&w->loop), 0);
	model_free(w->model);
	cr_assert_eq(system(command), 0);
}

static void run(struct world *w, const char *format, ...) _printf_(2, 3);

/* A command of the shell, in the root. */
static void run(struct world *w, const char *format, ...)
{
	_cleanup_(freep) char *line = NULL;
	_cleanup_(freep) char *command = NULL;
	va_list args;

	va_start(args, format);
	line = text_vformat(format, args);
	va_end(args);
	command = text_format("cd %s && %s", w->root, line);
	cr_assert_eq(system(command), 0, "%s", command);
}

static void write_file(struct world *w, const char *name, const char *text)
{
	_cleanup_(freep) char *path = text_format("%s/%s", w->root, name);
	FILE *file = fopen(path, "we");

	cr_assert_not_null(file, "%s", path);
	fputs(text, file);
	fclose(file);
}

static char *service_text(const char *name, unsigned port)
{
	return text_format("apiVersion: v1\nkind: Service\nmetadata:\n  name: %s\nspec:\n"
			   "  clusterIP: 10.0.0.1\n  ports:\n  - port: %u\n",
			   name, port);
}

static void write_service(struct world *w, const char *file, const char *name, unsigned port)
{
	_cleanup_(freep) char *text = service_text(name, port);

	write_file(w, file, text);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void turn(struct world *w)
{
	struct timespec pause = { .tv_nsec = 1000000 };

	uv_run(&w->loop, UV_RUN_NOWAIT);
	nanosleep(&pause, NULL);
}

static void rest(struct world *w, unsigned ms)
{
	for (uint64_t until = now_ms() + ms; now_ms() < until;)
		turn(w);
}

/* The service's first port; zero if there is no such service. */
static unsigned port_of(struct world *w, const char *name)
{
	struct model_service service;

	if (!model_find(w->model, "default", name, &service) || !service.service)
		return 0;
	return service.service->service.ports[0].port;
}

static void await_port(struct world *w, const char *name, unsigned port)
{
	for (uint64_t until = now_ms() + LONG_MS; port_of(w, name) != port && now_ms() < until;)
		turn(w);
	cr_assert_eq(port_of(w, name), port, "%s: %u, not %u; %s", name, port_of(w, name), port, w->said);
}

static void await_said(struct world *w, const char *what)
{
	for (uint64_t until = now_ms() + LONG_MS; !strstr(w->said, what) && now_ms() < until;)
		turn(w);
	cr_assert(strstr(w->said, what), "\"%s\" is not in \"%s\"", what, w->said);
}

Test(file, reads_what_is_there)
{
	struct world w;

	begin(&w);
	write_service(&w, "d/a.yaml", "a", 80);
	write_service(&w, "d/b.yml", "b", 81);
	write_file(&w, "d/c.json", "{\"kind\": \"Pod\"}");
	write_file(&w, "d/notes.txt", "not for us: [");
	write_file(&w, "d/.hidden.yaml", "not for us: [");
	run(&w, "mkdir d/below.yaml d/sub && mkfifo d/pipe.yaml");
	write_service(&w, "d/sub/x.yaml", "x", 80);
	open_source(&w);
	cr_expect_eq(port_of(&w, "a"), 80);
	cr_expect_eq(port_of(&w, "b"), 81);
	cr_expect_eq(port_of(&w, "x"), 0);
	cr_expect(source_complete(w.source));
	cr_expect_eq(file_source_reads(w.source), 3);
	cr_expect_str_eq(w.said, "");
	end(&w);
}

Test(file, only_what_changed_is_read_again)
{
	struct world w;
	size_t reads;

	begin(&w);
	for (unsigned i = 0; i < 20; i++) {
		_cleanup_(freep) char *file = text_format("d/s%u.yaml", i);
		_cleanup_(freep) char *name = text_format("s%u", i);

		write_service(&w, file, name, 80);
	}
	rest(&w, 100);
	open_source(&w);
	reads = file_source_reads(w.source);
	cr_expect_eq(reads, 20);

	write_service(&w, "new", "s7", 81);
	run(&w, "mv new d/s7.yaml");
	await_port(&w, "s7", 81);
	rest(&w, WHILE_MS);
	cr_expect_eq(file_source_reads(w.source), reads + 1);
	cr_expect_eq(w.changes, 1);

	/* Of all files, none is another one. */
	run(&w, "mkdir d/..x && rmdir d/..x");
	rest(&w, WHILE_MS);
	cr_expect_eq(file_source_reads(w.source), reads + 1);
	cr_expect_eq(w.changes, 1);
	end(&w);
}

Test(file, a_file_is_read_when_it_is_written)
{
	_cleanup_(freep) char *text = service_text("a", 80);
	_cleanup_(freep) char *path = NULL;
	struct world w;
	int fd;

	begin(&w);
	open_source(&w);
	path = text_format("%s/a.yaml", w.dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	cr_assert_geq(fd, 0);
	rest(&w, 50);
	cr_assert_eq(write(fd, text, 40), 40);
	rest(&w, 1200);
	/* Attributes, and what makes all files suspect, are no reason to read it either. */
	run(&w, "chmod 600 d/a.yaml && mkdir d/..x && rmdir d/..x");
	rest(&w, WHILE_MS);
	cr_expect_eq(file_source_reads(w.source), 0);
	cr_expect_str_eq(w.said, "");
	cr_expect(source_complete(w.source));
	cr_assert_eq(write(fd, text + 40, strlen(text + 40)), (ssize_t)strlen(text + 40));
	close(fd);
	await_port(&w, "a", 80);
	cr_expect_eq(file_source_reads(w.source), 1);
	cr_expect_str_eq(w.said, "");
	end(&w);
}

Test(file, error_then_good_again)
{
	struct world w;

	begin(&w);
	write_service(&w, "d/a.yaml", "a", 80);
	write_service(&w, "d/b.yaml", "b", 70000);
	open_source(&w);
	cr_expect_not(source_complete(w.source));
	cr_expect_str_eq(w.said, "BAD: d/b.yaml:8: spec.ports[0].port: 70000 is not a port (1 to 65535)\n");
	w.said[0] = '\0';

	write_service(&w, "d/b.yaml", "b", 81);
	await_port(&w, "b", 81);
	cr_expect(source_complete(w.source));
	cr_expect_str_eq(w.said, "note: d/b.yaml: good again\n");
	w.said[0] = '\0';

	/* What was good stays in force, and is known, so nothing is incomplete. */
	write_service(&w, "d/b.yaml", "b", 70000);
	await_said(&w, "70000");
	cr_expect_eq(port_of(&w, "b"), 81);
	cr_expect(source_complete(w.source));
	w.said[0] = '\0';
	run(&w, "touch -a d/b.yaml && chmod 600 d/b.yaml");
	rest(&w, WHILE_MS);
	cr_expect_str_eq(w.said, "");
	run(&w, "rm d/b.yaml");
	await_port(&w, "b", 0);
	cr_expect_str_eq(w.said, "");
	end(&w);
}

Test(file, never_read_well_and_then_deleted)
{
	struct world w;

	begin(&w);
	write_file(&w, "d/a.yaml", "a: [");
	run(&w, "ln -s nowhere d/b.yaml");
	open_source(&w);
	cr_expect_not(source_complete(w.source));
	cr_expect(strstr(w.said, "BAD: d/a.yaml:2: not YAML: "), "%s", w.said);
	cr_expect(strstr(w.said, "BAD: d/b.yaml: cannot be read: a link to nothing\n"), "%s", w.said);
	run(&w, "rm d/a.yaml d/b.yaml");
	for (uint64_t until = now_ms() + LONG_MS; !source_complete(w.source) && now_ms() < until;)
		turn(&w);
	cr_expect(source_complete(w.source));
	cr_expect_gt(w.changes, 0);
	end(&w);
}

Test(file, ignored_services_are_told_once)
{
	struct world w;

	begin(&w);
	write_file(&w, "d/a.yaml",
		   "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {clusterIP: None}\n");
	open_source(&w);
	cr_expect_str_eq(w.said, "note: d/a.yaml:1: Service default/x is ignored: headless\n");
	w.said[0] = '\0';
	write_file(&w, "d/a.yaml",
		   "# longer\napiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {clusterIP: None}\n"
		   "---\napiVersion: v1\nkind: Service\nmetadata: {name: y}\nspec: {type: ExternalName}\n");
	await_said(&w, "y is ignored");
	cr_expect_str_eq(w.said, "note: d/a.yaml:7: Service default/y is ignored: ExternalName\n");
	end(&w);
}

Test(file, config_map_volume)
{
	struct world w;

	begin(&w);
	run(&w, "mkdir d/..2026_01 && ln -s ..2026_01 d/..data && ln -s ..data/a.yaml d/a.yaml && "
		"ln -s ..data/b.yaml d/b.yaml");
	write_service(&w, "d/..2026_01/a.yaml", "a", 80);
	write_service(&w, "d/..2026_01/b.yaml", "b", 80);
	open_source(&w);
	cr_expect_eq(port_of(&w, "a"), 80);
	run(&w, "mkdir d/..2026_02");
	write_service(&w, "d/..2026_02/a.yaml", "a", 81);
	write_service(&w, "d/..2026_02/c.yaml", "c", 82);
	run(&w,
	    "ln -s ..2026_02 d/..data_tmp && mv -T d/..data_tmp d/..data && ln -s ..data/c.yaml d/c.yaml && "
	    "rm d/b.yaml && rm -r d/..2026_01");
	await_port(&w, "a", 81);
	await_port(&w, "c", 82);
	await_port(&w, "b", 0);
	end(&w);
}

Test(file, links)
{
	struct world w;

	begin(&w);
	open_source(&w);
	run(&w, "mkdir d/v1 d/v2");
	write_service(&w, "d/v1/a.yaml", "a", 80);
	write_service(&w, "d/v2/a.yaml", "a", 81);
	run(&w, "ln -s v1 d/now && ln -s now/a.yaml d/a.yaml");
	await_port(&w, "a", 80);
	run(&w, "ln -s v2 d/next && mv -T d/next d/now");
	await_port(&w, "a", 81);
	write_service(&w, "hard", "h", 80);
	run(&w, "ln hard d/h.yaml");
	await_port(&w, "h", 80);
	end(&w);
}

/* open(O_TMPFILE), then linkat(): a name that comes complete, without a writer who closes it. */
Test(file, file_without_a_name_gets_one)
{
	_cleanup_(freep) char *text = service_text("t", 80);
	struct world w;
	char from[64], to[128];
	int fd;

	begin(&w);
	open_source(&w);
	fd = open(w.root, O_WRONLY | O_CLOEXEC | O_TMPFILE, 0644);
	if (fd < 0) {
		end(&w);
		cr_skip("no O_TMPFILE here");
	}
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	snprintf(to, sizeof(to), "%s/t.yaml", w.dir);
	cr_assert_eq(linkat(AT_FDCWD, from, AT_FDCWD, to, AT_SYMLINK_FOLLOW), 0);
	close(fd);
	await_port(&w, "t", 80);
	end(&w);
}

Test(file, deleted_and_renamed)
{
	struct world w;

	begin(&w);
	write_service(&w, "d/a.yaml", "a", 80);
	open_source(&w);
	run(&w, "mv d/a.yaml d/b.yaml");
	rest(&w, WHILE_MS);
	cr_expect_eq(port_of(&w, "a"), 80);
	cr_expect_str_eq(w.said, "");
	run(&w, "mv d/b.yaml d/b.off");
	await_port(&w, "a", 0);
	run(&w, "mv d/b.off d/b.yaml");
	await_port(&w, "a", 80);
	run(&w, "rm d/b.yaml");
	await_port(&w, "a", 0);
	cr_expect_str_eq(w.said, "");
	end(&w);
}

/* As version control does it: deleted, then created. The service must not blink. */
Test(file, deleted_and_created_again)
{
	struct world w;

	begin(&w);
	write_service(&w, "d/a.yaml", "a", 80);
	open_source(&w);
	for (unsigned i = 0; i < 10; i++) {
		run(&w, "rm d/a.yaml");
		rest(&w, 20);
		cr_assert_neq(port_of(&w, "a"), 0);
		write_service(&w, "d/a.yaml", "a", 81 + i);
		await_port(&w, "a", 81 + i);
	}
	end(&w);
}

/* Rewritten in place all the time, by one who lets go in the middle: never is half a file taken for the whole. */
Test(file, hammered_in_place)
{
	struct world w;
	pid_t writer;
	int status;

	begin(&w);
	write_service(&w, "d/a.yaml", "a", 80);
	open_source(&w);
	writer = fork();
	if (!writer) {
		_cleanup_(freep) char *path = text_format("%s/a.yaml", w.dir);
		_cleanup_(freep) char *text = service_text("a", 90);

		for (unsigned i = 0; i < 3000; i++) {
			int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

			for (size_t at = 0; at < strlen(text); at += 20)
				if (write(fd, text + at, strnlen(text + at, 20)) < 0)
					_exit(1);
			close(fd);
		}
		_exit(0);
	}
	while (!waitpid(writer, &status, WNOHANG)) {
		uv_run(&w.loop, UV_RUN_NOWAIT);
		cr_assert_neq(port_of(&w, "a"), 0);
	}
	cr_expect_eq(status, 0);
	await_port(&w, "a", 90);
	cr_expect_str_eq(w.said, "");
	end(&w);
}

/* What is open for writing when the source opens is not known to be whole: nothing is complete without it. */
Test(file, open_for_writing_from_the_start)
{
	_cleanup_(freep) char *text = service_text("a", 80);
	_cleanup_(freep) char *path = NULL;
	struct world w;
	int fd;

	begin(&w);
	path = text_format("%s/a.yaml", w.dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, 60), 60);
	open_source(&w);
	cr_expect_not(source_complete(w.source));
	cr_expect_str_eq(w.said, "");
	cr_assert_eq(write(fd, text + 60, strlen(text + 60)), (ssize_t)strlen(text + 60));
	close(fd);
	await_port(&w, "a", 80);
	cr_expect(source_complete(w.source));
	end(&w);
}

Test(file, directory_deleted_and_back)
{
	struct world w;

	begin(&w);
	write_service(&w, "d/a.yaml", "a", 80);
	write_service(&w, "d/b.yaml", "b", 80);
	open_source(&w);
	run(&w, "rm -r d");
	await_said(&w,
		   "BAD: d: the directory is gone (No such file or directory); what it said last stays in "
		   "force\n");
	rest(&w, WHILE_MS);
	cr_expect_eq(port_of(&w, "a"), 80);
	w.said[0] = '\0';
	run(&w, "mkdir d");
	await_said(&w, "BAD: d: the directory is another one now, and empty");
	rest(&w, WHILE_MS);
	cr_expect_eq(port_of(&w, "a"), 80);
	cr_expect_eq(port_of(&w, "b"), 80);
	write_service(&w, "d/a.yaml", "a", 81);
	await_port(&w, "a", 81);
	await_port(&w, "b", 0);
	end(&w);
}

Test(file, directory_exchanged)
{
	struct world w;

	begin(&w);
	write_service(&w, "d/a.yaml", "a", 80);
	open_source(&w);
	run(&w, "mkdir e");
	write_service(&w, "e/a.yaml", "a", 81);
	run(&w, "mv d old && mv e d");
	await_port(&w, "a", 81);
	/* Nobody listens to the old one. */
	write_service(&w, "old/a.yaml", "a", 82);
	rest(&w, WHILE_MS);
	cr_expect_eq(port_of(&w, "a"), 81);
	end(&w);
}

Test(file, directory_by_a_link_that_turns)
{
	struct world w;

	begin(&w);
	run(&w, "rmdir d && mkdir v1 v2 && ln -s v1 d");
	write_service(&w, "v1/a.yaml", "a", 80);
	write_service(&w, "v2/a.yaml", "a", 81);
	open_source(&w);
	cr_expect_eq(port_of(&w, "a"), 80);
	run(&w, "ln -s v2 e && mv -T e d");
	await_port(&w, "a", 81);
	end(&w);
}

Test(file, events_lost)
{
	struct world w;
	unsigned long bound = 0;
	FILE *file = fopen("/proc/sys/fs/inotify/max_queued_events", "re");

	begin(&w);
	if (!file || fscanf(file, "%lu", &bound) != 1 || bound > 100000)
		bound = 0;
	if (file)
		fclose(file);
	write_service(&w, "d/a.yaml", "a", 80);
	open_source(&w);
	if (bound) {
		run(&w, "i=0; while [ $i -lt %lu ]; do : > d/x; : > d/y; i=$((i+2)); done", bound);
		write_service(&w, "d/b.yaml", "b", 81);
		write_service(&w, "new", "a", 82);
		run(&w, "mv new d/a.yaml");
		await_port(&w, "a", 82);
		await_port(&w, "b", 81);
	}
	end(&w);
}

Test(file, two_files_say_the_same)
{
	struct world w;

	begin(&w);
	write_service(&w, "d/a.yaml", "a", 80);
	open_source(&w);
	write_service(&w, "d/b.yaml", "a", 81);
	await_said(&w, "BAD: d/b.yaml:1: Service default/a stands at ");
	cr_expect_eq(port_of(&w, "a"), 80);
	run(&w, "rm d/a.yaml");
	await_port(&w, "a", 81);
	end(&w);
}
