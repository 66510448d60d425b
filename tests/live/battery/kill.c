/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Processes that are killed, and descriptors that several of them have. */
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "battery.h"

static void kill_sender(struct pair *p)
{
	pid_t pid;

	saw("send", put(p->tx, "hello"));
	pid = hostage();
	close(p->tx);
	saw_bytes("rx", p->rx, 2);
	kill_hostage(pid);
	saw_mask("poll", p->rx, POLLIN | POLLRDHUP);
	saw_rest("rx", p->rx);
}

static void kill_receiver(struct pair *p)
{
	pid_t pid;

	saw("send", put(p->tx, "hello"));
	await(p->rx, POLLIN);
	pid = hostage();
	close(p->rx);
	kill_hostage(pid);
	saw_mask("poll", p->tx, POLLERR | POLLHUP);
	saw_bytes("tx", p->tx, 10);
	saw("first", put(p->tx, "abc"));
	settle();
	saw("second", put(p->tx, "def"));
}

static void kill_idle(struct pair *p)
{
	pid_t pid;

	saw("send", put(p->tx, "hello"));
	saw_bytes("rx", p->rx, 10);
	pid = hostage();
	close(p->rx);
	kill_hostage(pid);
	saw_mask("poll", p->tx, POLLIN | POLLRDHUP);
	saw_rest("tx", p->tx);
}

/* Of a sender that is killed while it sends, whatever it could send is read. */
static void kill_while_sending(struct pair *p)
{
	struct flow *sent =
		mmap(NULL, sizeof(*sent), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct flow read = { .to = p->rx };
	pid_t pid;

	*sent = (struct flow){ .from = p->tx, .total = SIZE_MAX };
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			flow_stuff(sent, 8192);
	}
	close(p->tx);
	while (read.read < 1 << 20 && await(p->rx, POLLIN))
		flow_receive(&read, 10000);
	kill_hostage(pid);
	flow_drain(&read, 65536);
	told("bytes", "%s", read.wrong ? "wrong" : "right");
	told("all", "%s", read.read >= sent->sent ? "read" : "lost");
	told("end", "%s", read.ended ? "EOF" : "none");
}

static void duplicate(struct pair *p)
{
	int tx = dup(p->tx), rx = dup(p->rx);

	saw("send", put(p->tx, "one "));
	close(p->tx);
	saw("send", put(tx, "two "));
	saw_bytes("rx", p->rx, 4);
	close(p->rx);
	saw_bytes("rx", rx, 10);
	saw("send", put(tx, "three"));
	close(tx);
	saw_rest("rx", rx);
}

/* One that two processes have ends when the last of them closes it. */
static void inherit(struct pair *p)
{
	pid_t pid = hostage();

	saw("send", put(p->tx, "one "));
	close(p->tx);
	saw_rest("rx", p->rx);
	kill_hostage(pid);
	saw_rest("rx", p->rx);
}

/* A child sends and ends; then so does its parent. */
static void inherit_sends(struct pair *p)
{
	pid_t pid = fork();

	if (!pid) {
		put(p->tx, "child ");
		_exit(0);
	}
	saw("wait", waitpid(pid, NULL, 0) == pid);
	saw("send", put(p->tx, "parent"));
	saw_rest("rx", p->rx);
}

static int pass_on(int fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { .header = { .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SCM_RIGHTS,
				  .cmsg_len = CMSG_LEN(sizeof(int)) } };
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
	};
	int ends[2], passed = -1;

	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) || sendmsg(ends[0], &message, 0) != 1)
		return -1;
	close(fd);
	if (recvmsg(ends[1], &message, 0) == 1)
		memcpy(&passed, CMSG_DATA(&control.header), sizeof(passed));
	close(ends[0]);
	close(ends[1]);
	return passed;
}

static void passed(struct pair *p)
{
	int tx, rx;

	saw("send", put(p->tx, "one "));
	await(p->rx, POLLIN);
	rx = pass_on(p->rx);
	tx = pass_on(p->tx);
	saw("send", put(tx, "two"));
	saw_rest("rx", rx);
	saw("back", put(rx, "answer"));
	saw_bytes("tx", tx, 10);
	close(tx);
	saw_rest("rx", rx);
}

const struct test kill_tests[] = { { "kill_sender", kill_sender, 0, NULL },
				   { "kill_receiver", kill_receiver, 0, NULL },
				   { "kill_idle", kill_idle, 0, NULL },
				   { "kill_while_sending", kill_while_sending, 0, NULL },
				   { "duplicate", duplicate, 0, NULL },
				   { "inherit", inherit, 0, NULL },
				   { "inherit_sends", inherit_sends, 0, NULL },
				   { "passed", passed, 0, NULL },
				   { 0 } };
