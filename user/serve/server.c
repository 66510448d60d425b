/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* libmicrohttpd, one daemon for each socket, on the loop by their epoll descriptors. */
#include "serve/server.h"

#include <errno.h>
#include <string.h>

#include <microhttpd.h>
#include <utlist.h>

enum {
	/* One more, and the oldest has to go. */
	MAX_CLIENTS = 32,
	/* Those that were told to go count until they are gone. */
	HARD_LIMIT = 2 * MAX_CLIENTS,
	/* Between two bytes, and from the first to the last. Both, as a byte now and then passes the first. */
	SILENCE_S = 5,
	CLIENT_MS = 10000,
	TICK_MS = 1000,
	CLIENT_MEMORY = 8192,
};

struct client {
	int fd;
	uint64_t since;
	bool trusted; /* may be heard: at the abstract socket, only root or who we are */
	bool told;    /* to go */
	struct client *prev, *next;
};

struct door {
	struct server *server;
	struct serve_place place;
	struct MHD_Daemon *daemon;
	bool is_local; /* the abstract socket */
	uv_poll_t poll;
	uv_timer_t timer;
};

struct server {
	uv_loop_t *loop;
	server_report_fn *fill;
	void *arg;
	struct door doors[2];
	size_t n_doors;
	struct client *clients; /* the oldest first */
	size_t n_clients;	/* of them that were not told to go */
	uv_timer_t tick;
};

/* ---- answers ---- */

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type,
			      char *text)
{
	static char no_memory[] = "out of memory\n";
	struct MHD_Response *response;
	enum MHD_Result result;

	if (!text) {
		status = MHD_HTTP_INTERNAL_SERVER_ERROR;
		type = "text/plain; charset=utf-8";
	}
	response =
		text ? MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE)
		     : MHD_create_response_from_buffer(strlen(no_memory), no_memory, MHD_RESPMEM_PERSISTENT);
	if (!response) {
		free(text);
		return MHD_NO;
	}
	MHD_add_response_header(response, "Content-Type", type);
	MHD_add_response_header(response, "Cache-Control", "no-store");
	/* Nobody asks often, and so nobody stays. */
	MHD_add_response_header(response, "Connection", "close");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, "Allow", "GET, HEAD");
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned status, char *text)
{
	return answer(connection, status, "text/plain; charset=utf-8", text);
}

/*
 * Ready means that connects go where they should. A source that goes away later is told, but the rows still
 * work: a node that is taken for broken because of its API server, with all the others, would help nobody.
 */
static enum MHD_Result answer_ready(struct MHD_Connection *connection, const struct report *report)
{
	return answer_text(connection, report->ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
			   report_readiness(report));
}

static bool is_trusted(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	const struct client *client = info ? info->socket_context : NULL;

	return client && client->trusted;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version _unused_,
				  const char *upload _unused_, size_t *upload_size _unused_,
				  void **state _unused_)
{
	const struct door *door = arg;
	const struct server *server = door->server;
	struct report report = { 0 };

	/* Answered at once, so nothing that is sent beside a request is waited for or kept. */
	if (door->is_local && !is_trusted(connection))
		return answer_text(connection, MHD_HTTP_FORBIDDEN, strdup("only for root\n"));
	if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))
		return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, strdup("only to be read\n"));
	if (!strcmp(url, "/healthz"))
		return answer_text(connection, MHD_HTTP_OK, strdup("ok\n"));
	server->fill(server->arg, &report);
	if (!strcmp(url, "/readyz"))
		return answer_ready(connection, &report);
	if (!strcmp(url, "/metrics"))
		return answer(connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8",
			      report_metrics(&report));
	if (!strcmp(url, "/status"))
		return answer(connection, MHD_HTTP_OK, "application/json", report_json(&report));
	return answer_text(connection, MHD_HTTP_NOT_FOUND,
			   strdup("there are /healthz, /readyz, /metrics and /status\n"));
}

/* ---- clients ---- */

/* The library finds the connection at its end, and closes it. */
static void tell_to_go(struct server *server, struct client *client)
{
	client->told = true;
	server->n_clients--;
	shutdown(client->fd, SHUT_RDWR);
}

static void on_tick(uv_timer_t *timer)
{
	struct server *server = timer->data;
	uint64_t now = uv_now(server->loop);
	struct client *client;

	DL_FOREACH (server->clients, client) {
		if (!client->told && now - client->since >= CLIENT_MS)
			tell_to_go(server, client);
	}
	if (!server->clients)
		uv_timer_stop(timer);
}

static struct client *client_new(struct door *door, struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct server *server = door->server;
	struct client *client = info ? calloc(1, sizeof(*client)) : NULL, *oldest;

	if (!client)
		return NULL;
	*client = (struct client){ .fd = info->connect_fd, .since = uv_now(server->loop) };
	client->trusted = !door->is_local || serve_peer_is_trusted(client->fd);
	if (server->n_clients == MAX_CLIENTS) {
		for (oldest = server->clients; oldest->told; oldest = oldest->next)
			;
		tell_to_go(server, oldest);
	}
	DL_APPEND(server->clients, client);
	server->n_clients++;
	if (!uv_is_active((uv_handle_t *)&server->tick))
		uv_timer_start(&server->tick, on_tick, TICK_MS, TICK_MS);
	return client;
}

static void on_connection(void *arg, struct MHD_Connection *connection, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct door *door = arg;
	struct server *server = door->server;
	struct client *client = *context;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		*context = client_new(door, connection);
		return;
	}
	if (!client)
		return;
	DL_DELETE(server->clients, client);
	server->n_clients -= !client->told;
	free(client);
	*context = NULL;
}

/* ---- the loop ---- */

static void on_timer(uv_timer_t *timer);

static void run(struct door *door)
{
	MHD_UNSIGNED_LONG_LONG wait_ms;

	MHD_run(door->daemon);
	if (MHD_get_timeout(door->daemon, &wait_ms) == MHD_YES)
		uv_timer_start(&door->timer, on_timer, wait_ms, 0);
	else
		uv_timer_stop(&door->timer);
}

static void on_timer(uv_timer_t *timer)
{
	run(timer->data);
}

static void on_ready(uv_poll_t *poll, int status, int events _unused_)
{
	if (!status)
		run(poll->data);
}

static int watch_door(struct server *server, struct door *door)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(door->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	int error = info ? uv_poll_init(server->loop, &door->poll, info->epoll_fd) : -EINVAL;

	if (error)
		return error;
	uv_timer_init(server->loop, &door->timer);
	door->poll.data = door->timer.data = door;
	uv_poll_start(&door->poll, UV_READABLE, on_ready);
	return 0;
}

static int open_door(struct server *server, const struct serve_place *place, bool is_local, struct why *why)
{
	struct door *door = &server->doors[server->n_doors];
	int error, fd = serve_place_listen(place, why);

	if (fd < 0)
		return fd;
	*door = (struct door){ .server = server, .place = *place, .is_local = is_local };
	/* Takes the socket over. */
	door->daemon = MHD_start_daemon(
		MHD_USE_EPOLL, 0, NULL, NULL, on_request, door, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)HARD_LIMIT, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)SILENCE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CLIENT_MEMORY,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, door, MHD_OPTION_END);
	if (!door->daemon) {
		close(fd);
		return why_set(why, -ENOMEM, "cannot begin to serve HTTP");
	}
	error = watch_door(server, door);
	server->n_doors++;
	return error ? why_set(why, error, "cannot begin to serve HTTP: %s", uv_strerror(error)) : 0;
}

int server_new(uv_loop_t *loop, server_report_fn *fill, void *arg, struct server **ret)
{
	struct server *server = calloc(1, sizeof(*server));

	if (!server)
		return -ENOMEM;
	*server = (struct server){ .loop = loop, .fill = fill, .arg = arg };
	uv_timer_init(loop, &server->tick);
	server->tick.data = server;
	*ret = server;
	return 0;
}

int server_listen(struct server *server, const struct serve_place *place, struct why *why)
{
	return place->off ? 0 : open_door(server, place, false, why);
}

int server_listen_local(struct server *server, const char *bpffs, struct why *why)
{
	struct serve_place place;
	int error = serve_place_of(bpffs, &place);

	return error ? why_set(why, error, "%s: %s", bpffs, strerror(-error))
		     : open_door(server, &place, true, why);
}

void server_close(struct server *server)
{
	if (!server)
		return;
	for (size_t i = 0; i < server->n_doors; i++) {
		MHD_stop_daemon(server->doors[i].daemon);
		serve_place_leave(&server->doors[i].place);
	}
	free(server);
}
