/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* libcurl's multi interface on libuv: its sockets are polled, its time-out is a timer. */
#include "cluster/client.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include <curl/curl.h>
#include <utlist.h>

#include "base/attr.h"
#include "base/text.h"
#include "cluster/gunzip.h"
#include "cluster/status.h"
#include "weft/mark.h"

enum {
	CONNECT_MS = 5000,
	/* Bytes that nobody acknowledges, and probes of a connection that is silent, end it after this. */
	DEAD_MS = 20000,
	PROBE_AFTER_S = 10,
	PROBE_EVERY_S = 5,
	MAX_TOKEN = 1 << 16,
	/* Of an answer that is an error. */
	MAX_SAID = 4096,
};

struct request {
	struct client *client;
	struct request_events events;
	CURL *easy;
	struct curl_slist *headers;
	char said[MAX_SAID];
	size_t n_said;
	bool ended;	       /* by `data` */
	struct gunzip *gunzip; /* NULL: it comes as it is */
	char error[CURL_ERROR_SIZE];
	struct request *prev, *next;
};

struct watched_socket {
	uv_poll_t poll;
	curl_socket_t fd;
	struct watched_socket *prev, *next;
};

struct client {
	uv_loop_t *loop;
	const struct access *access;
	char *agent;
	CURLM *multi;
	uv_timer_t timer;
	uint64_t received;
	struct request *requests;
	struct watched_socket *sockets;
	int handles; /* that are not closed */
	bool closing;
};

/* ---- the loop ---- */

static void free_if_closed(struct client *client)
{
	if (--client->handles)
		return;
	free(client->agent);
	free(client);
}

static void on_timer_closed(uv_handle_t *handle)
{
	free_if_closed(handle->data);
}

static void on_socket_closed(uv_handle_t *handle)
{
	struct watched_socket *socket = (struct watched_socket *)handle;
	struct client *client = handle->data;

	free(socket);
	free_if_closed(client);
}

static uint64_t bytes_of(CURL *easy)
{
	curl_off_t bytes = 0;

	curl_easy_getinfo(easy, CURLINFO_SIZE_DOWNLOAD_T, &bytes);
	return (uint64_t)bytes;
}

/* Out of the client's hands. */
static void request_leave(struct request *request)
{
	struct client *client = request->client;

	client->received += bytes_of(request->easy);
	curl_multi_remove_handle(client->multi, request->easy);
	DL_DELETE(client->requests, request);
}

static void request_free(struct request *request)
{
	curl_easy_cleanup(request->easy);
	curl_slist_free_all(request->headers);
	gunzip_free(request->gunzip);
	free(request);
}

static uint64_t asked_ms(CURL *easy)
{
	curl_off_t seconds = 0;

	if (curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds) || seconds <= 0)
		return 0;
	return (uint64_t)(seconds < 86400 ? seconds : 86400) * 1000;
}

static int error_of(CURLcode code)
{
	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CACERT_BADFILE:
		return -EBADMSG;
	default:
		return -EIO;
	}
}

static void fill_reply(struct request *request, CURLcode code, struct reply *ret)
{
	const char *words = *request->error ? request->error : curl_easy_strerror(code);

	*ret = (struct reply){ .asked_ms = asked_ms(request->easy) };
	curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &ret->status);
	if (request->ended)
		ret->error = -ECANCELED;
	else if (code)
		ret->error = why_set(&ret->why, error_of(code), "%s", words);
	else if (ret->status != 200)
		status_words(ret->status, request->said, request->n_said, &ret->why);
}

static void finish(CURL *easy, CURLcode code)
{
	struct request *request = NULL;
	struct reply reply;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &request);
	fill_reply(request, code, &reply);
	request_leave(request);
	request->events.done(request->events.arg, &reply);
	request_free(request);
}

static void finish_all(struct client *client)
{
	CURLMsg *message;
	int rest;

	/* A last call may end everything. */
	while (!client->closing && (message = curl_multi_info_read(client->multi, &rest))) {
		if (message->msg == CURLMSG_DONE)
			finish(message->easy_handle, message->data.result);
	}
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct watched_socket *socket = (struct watched_socket *)poll;
	struct client *client = poll->data;
	int flags =
		(events & UV_READABLE ? CURL_CSELECT_IN : 0) | (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);
	int running;

	curl_multi_socket_action(client->multi, socket->fd, status < 0 ? CURL_CSELECT_ERR : flags, &running);
	finish_all(client);
}

static void on_timeout(uv_timer_t *timer)
{
	struct client *client = timer->data;
	int running;

	curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	finish_all(client);
}

static int set_timer(CURLM *multi _unused_, long timeout_ms, void *arg)
{
	struct client *client = arg;

	if (client->closing || timeout_ms < 0)
		uv_timer_stop(&client->timer);
	else
		uv_timer_start(&client->timer, on_timeout, (uint64_t)timeout_ms, 0);
	return 0;
}

static struct watched_socket *watch_socket(struct client *client, curl_socket_t fd)
{
	struct watched_socket *socket = calloc(1, sizeof(*socket));

	if (!socket || uv_poll_init_socket(client->loop, &socket->poll, fd)) {
		free(socket);
		return NULL;
	}
	socket->poll.data = client;
	socket->fd = fd;
	client->handles++;
	DL_APPEND(client->sockets, socket);
	curl_multi_assign(client->multi, fd, socket);
	return socket;
}

static void leave_socket(struct client *client, struct watched_socket *socket)
{
	DL_DELETE(client->sockets, socket);
	uv_close((uv_handle_t *)&socket->poll, on_socket_closed);
}

static int set_socket(CURL *easy _unused_, curl_socket_t fd, int what, void *arg, void *known)
{
	struct client *client = arg;
	struct watched_socket *socket = known;

	if (what == CURL_POLL_REMOVE) {
		if (!socket)
			return 0;
		curl_multi_assign(client->multi, fd, NULL);
		leave_socket(client, socket);
		return 0;
	}
	if (!socket)
		socket = watch_socket(client, fd);
	if (!socket)
		return -1;
	uv_poll_start(&socket->poll,
		      (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0),
		      on_poll);
	return 0;
}

/* ---- a request ---- */

/* What cannot be set is missed in comfort alone: without CAP_NET_ADMIN there are no hooks of ours either. */
static int set_options(void *arg _unused_, curl_socket_t fd, curlsocktype purpose _unused_)
{
	const int mark = AGENT_MARK, dead_ms = DEAD_MS;

	setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_ms, sizeof(dead_ms));
	return CURL_SOCKOPT_OK;
}

static bool is_gzip(const char *line, size_t count)
{
	static const char name[] = "content-encoding:";
	size_t length = strlen(name);

	if (count < length || strncasecmp(line, name, length))
		return false;
	while (length < count && line[length] == ' ')
		length++;
	return count - length >= strlen("gzip") && !strncasecmp(line + length, "gzip", strlen("gzip"));
}

/* The line behind the last header is a blank one. */
static size_t on_header(char *line, size_t one _unused_, size_t count, void *arg)
{
	struct request *request = arg;
	long status = 0;

	if (!request->gunzip && is_gzip(line, count)) {
		request->gunzip = gunzip_new();
		return request->gunzip ? count : 0;
	}
	curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status == 200 && count && (*line == '\r' || *line == '\n'))
		request->events.answered(request->events.arg);
	return count;
}

/* Decoded. */
static bool on_plain(void *arg, const char *bytes, size_t count)
{
	struct request *request = arg;
	long status = 0;
	size_t kept;

	curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status == 200) {
		request->ended = !request->events.data(request->events.arg, bytes, count);
		return !request->ended;
	}
	kept = sizeof(request->said) - request->n_said;
	kept = count < kept ? count : kept;
	memcpy(request->said + request->n_said, bytes, kept);
	request->n_said += kept;
	return true;
}

static size_t on_data(char *bytes, size_t one _unused_, size_t count, void *arg)
{
	struct request *request = arg;

	if (!request->gunzip)
		return on_plain(request, bytes, count) ? count : 0;
	return gunzip_feed(request->gunzip, bytes, count, on_plain, request) ? 0 : count;
}

static int read_token(const char *path, char **ret, struct why *why)
{
	_cleanup_(fclosep) FILE *file = fopen(path, "re");
	_cleanup_(freep) char *token = calloc(1, MAX_TOKEN);
	size_t length;

	if (!token)
		return -ENOMEM;
	if (!file)
		return why_set(why, -errno, "%s: %s", path, strerror(errno));
	length = fread(token, 1, MAX_TOKEN - 1, file);
	token[length] = '\0';
	token[strcspn(token, "\r\n")] = '\0';
	if (!*token)
		return why_set(why, -EINVAL, "%s: holds no token", path);
	*ret = TAKE_PTR(token);
	return 0;
}

static int add_header(struct request *request, const char *name, const char *value)
{
	_cleanup_(freep) char *line = text_format("%s: %s", name, value);
	struct curl_slist *list = line ? curl_slist_append(request->headers, line) : NULL;

	if (!list)
		return -ENOMEM;
	request->headers = list;
	return 0;
}

static int add_token(struct request *request, const struct access *access, struct why *why)
{
	_cleanup_(freep) char *read = NULL, *value = NULL;
	const char *token = access->token;
	int error = 0;

	if (access->token_file) {
		error = read_token(access->token_file, &read, why);
		token = read;
	}
	if (error || !token)
		return error;
	value = text_format("Bearer %s", token);
	return value ? add_header(request, "Authorization", value) : -ENOMEM;
}

static void set_blob(CURL *easy, CURLoption option, const char *pem)
{
	struct curl_blob blob = { .data = (char *)pem,
				  .len = pem ? strlen(pem) : 0,
				  .flags = CURL_BLOB_COPY };

	if (pem)
		curl_easy_setopt(easy, option, &blob);
}

static void set_tls(CURL *easy, const struct access *access)
{
	if (access->ca_file)
		curl_easy_setopt(easy, CURLOPT_CAINFO, access->ca_file);
	set_blob(easy, CURLOPT_CAINFO_BLOB, access->ca_pem);
	if (access->cert_file)
		curl_easy_setopt(easy, CURLOPT_SSLCERT, access->cert_file);
	set_blob(easy, CURLOPT_SSLCERT_BLOB, access->cert_pem);
	if (access->key_file)
		curl_easy_setopt(easy, CURLOPT_SSLKEY, access->key_file);
	set_blob(easy, CURLOPT_SSLKEY_BLOB, access->key_pem);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, access->insecure ? 0L : 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, access->insecure ? 0L : 2L);
}

static int set_up(struct request *request, const char *path, bool fresh, struct why *why)
{
	struct client *client = request->client;
	_cleanup_(freep) char *url = text_format("%s%s", client->access->server, path);
	CURL *easy = request->easy;
	int error = url ? add_header(request, "Accept", "application/json") : -ENOMEM;

	if (!error)
		error = add_header(request, "Accept-Encoding", "gzip");
	if (!error)
		error = add_token(request, client->access, why);
	if (error)
		return error;
	set_tls(easy, client->access);
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, request->headers);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, client->agent);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	/*
	 * Rather wait for the connection that is being made than make another one: with TLS it says at once whether
	 * it takes more than one request. Without it never does, and a watch would be waited for to its end.
	 */
	curl_easy_setopt(easy, CURLOPT_PIPEWAIT, strncmp(url, "https:", strlen("https:")) ? 0L : 1L);
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, fresh ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, (long)PROBE_AFTER_S);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, (long)PROBE_EVERY_S);
	curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, set_options);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, request);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->error);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, request);
	return 0;
}

struct request *client_get(struct client *client, const char *path, bool fresh,
			   const struct request_events *events, struct why *why)
{
	struct request *request = calloc(1, sizeof(*request));
	int error = -ENOMEM;

	why_set(why, error, "out of memory");
	if (!request)
		return NULL;
	*request = (struct request){ .client = client, .events = *events, .easy = curl_easy_init() };
	if (request->easy)
		error = set_up(request, path, fresh, why);
	if (!error && curl_multi_add_handle(client->multi, request->easy))
		error = -ENOMEM;
	if (error) {
		request_free(request);
		return NULL;
	}
	DL_APPEND(client->requests, request);
	return request;
}

void request_end(struct request *request)
{
	request_leave(request);
	request_free(request);
}

/* ---- the client ---- */

int client_new(uv_loop_t *loop, const struct access *access, const char *agent, struct why *why,
	       struct client **ret)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client)
		return -ENOMEM;
	*client = (struct client){ .loop = loop, .access = access, .agent = strdup(agent) };
	client->multi = curl_global_init(CURL_GLOBAL_DEFAULT) ? NULL : curl_multi_init();
	if (!client->agent || !client->multi) {
		free(client->agent);
		free(client);
		return why_set(why, -ENOMEM, "libcurl cannot begin");
	}
	uv_timer_init(loop, &client->timer);
	client->timer.data = client;
	client->handles = 1;
	curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
	curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
	curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
	curl_multi_setopt(client->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
	*ret = client;
	return 0;
}

void client_free(struct client *client)
{
	struct watched_socket *socket, *next_socket;
	struct request *request, *next;

	if (!client)
		return;
	client->closing = true;
	DL_FOREACH_SAFE (client->requests, request, next)
		request_end(request);
	DL_FOREACH_SAFE (client->sockets, socket, next_socket)
		leave_socket(client, socket);
	curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, NULL);
	curl_multi_cleanup(client->multi);
	uv_close((uv_handle_t *)&client->timer, on_timer_closed);
}

uint64_t client_received(const struct client *client)
{
	uint64_t received = client->received;
	const struct request *request;

	DL_FOREACH (client->requests, request)
		received += bytes_of(request->easy);
	return received;
}
