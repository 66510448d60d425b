/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The table of commands. */
#include "cmd/cli.h"

/* What both commands that attach have to say of it. */
#define POD_LINKS                                                                                            \
	"Programs are attached to the node's sides of its pods' interfaces; run it in the node's network\n"  \
	"namespace. Without --interfaces these are the veths whose other end is in another namespace and\n"  \
	"that are a port of a bridge, or to which a route to a single address leads. A pod may send only\n"  \
	"from the addresses of such routes; where there are none, or wider ones, from any."

const struct cmd cmds[] = {
	{
		.name = "load",
		.summary = "Load the programs, attach them to the pods' cgroup and pin everything",
		.details = "Loads the BPF programs, attaches them and pins programs, links and maps. What is "
			   "loaded\n"
			   "already keeps its rows, and its links are switched to this binary's programs "
			   "without\n"
			   "a gap. Nothing is balanced before services are there: 'weft agent' brings "
			   "them.\n\n" POD_LINKS,
		.options = "bcXIUF",
		.run = cmd_load,
	},
	{
		.name = "unload",
		.summary = "Detach and unpin everything; nothing is left",
		.details =
			"Detaches the programs and removes all pins. Connections that are open go on.\n"
			"Filters of clsact are removed in the network namespace in which they were attached.",
		.options = "bY",
		.run = cmd_unload,
	},
	{
		.name = "agent",
		.summary = "Keep the kernel equal to what the source says, in the foreground",
		.details =
			"Loads if nothing is loaded, else adopts what is there, and keeps the maps equal to "
			"the\n"
			"source. Logs to stderr; 'ready' once the first full state is in the kernel. Traffic "
			"does\n"
			"not need the agent: when it ends, however it ends, all goes on as it last was.\n\n"
			"A file of the source holds Service, EndpointSlice and Node objects as 'kubectl get "
			"-o yaml'\n"
			"or '-o json' prints them. A file that is wrong is named with line and field, and "
			"its last\n"
			"good state stands. 'kubernetes' lists and watches the same kinds of the API server: "
			"that of the\n"
			"pod it runs in, or the current one of a kubeconfig. While the server is away, what "
			"is in the\n"
			"kernel stays.\n\n"
			"By HTTP it answers /healthz, /readyz, /metrics and /status at --listen: "
			"ADDRESS:PORT, "
			"[ADDRESS]:PORT,\n"
			":PORT (all addresses), unix:PATH or off. Where --listen is not given and the "
			"default "
			"is taken, it\n"
			"does without.\n\n" POD_LINKS,
		.options = "bcsamlNLXIUF",
		.run = cmd_agent,
	},
	{
		.name = "get",
		.words = "services|endpoints|routes|interfaces|splices|pairs|stats|status [NAME]",
		.summary = "Show services, endpoints, routes, interfaces, splices, counters or the status",
		.details =
			"Reads the pinned maps; no agent is needed. NAME shows one service or route (its "
			"name, or\n"
			"namespace/name), one interface or one counter. 'splices' are services with\n"
			"weft.dev/splice, what was handed over for them and what went through the stack, "
			"and\n"
			"why; 'pairs' their open connections on this node. 'status' says what is loaded, "
			"whether "
			"an\n"
			"agent is at work, and how full the maps are; exit code 1: nothing is loaded. With "
			"--watch a first column says\n"
			"what became of each row: ADDED, MODIFIED or DELETED; -o json is a line for each "
			"then.",
		.min_words = 1,
		.max_words = 2,
		.options = "bnAoHwi",
		.run = cmd_get,
	},
	{
		.name = "explain",
		.words = "CLIENT SERVICE:PORT[/PROTOCOL]",
		.summary = "Say where a connect would go, with which probability, and why",
		.details =
			"CLIENT is a pod (namespace/name), an address of a pod or the id of a process, on "
			"this "
			"node;\n"
			"SERVICE is namespace/name, ADDRESS or [ADDRESS]; PROTOCOL is tcp or udp (by default "
			"tcp where\n"
			"the service has it). Reads the pinned maps and changes nothing: it tells which rows "
			"decide, and of\n"
			"each endpoint what the next connect's chance is and its share of many, as long as "
			"the rows stay\n"
			"as they are.\n\n"
			"Exit code 0: the connect goes to an endpoint of the service; 1: it does not, for it "
			"is "
			"refused,\n"
			"there is no such service, or weft does not see the client's connects; 2: misused, "
			"or "
			"no such client.",
		.min_words = 2,
		.max_words = 2,
		.options = "bPoH",
		.run = cmd_explain,
	},
	{
		.name = "drain",
		.words = "ENDPOINT",
		.summary = "Send an endpoint nothing new; it keeps the connections it has",
		.details = "ENDPOINT is ADDRESS:PORT, [ADDRESS]:PORT, or ADDRESS for all its ports. Holds at "
			   "once "
			   "and on this\n"
			   "node, with or without an agent, until 'weft undrain', 'weft unload', or the "
			   "endpoint "
			   "is gone. A\n"
			   "drained endpoint is used only where a service has no other. Says how many "
			   "connections "
			   "are left.",
		.min_words = 1,
		.max_words = 1,
		.options = "boHWT",
		.run = cmd_drain,
	},
	{
		.name = "undrain",
		.words = "ENDPOINT",
		.summary = "Undo a drain",
		.details = "ENDPOINT is as for 'weft drain'; one that is not drained stays as it is.",
		.min_words = 1,
		.max_words = 1,
		.options = "boH",
		.run = cmd_undrain,
	},
	{
		.name = "monitor",
		.summary = "Print what happens as it happens: refusals, ejections, rescues, changes of rows",
		.details =
			"A line for each event, or with -o json an object for each line, until it is "
			"interrupted. "
			"Kinds:\n"
			"  refused      a connect or datagram to a service without endpoints\n"
			"  ejected      an endpoint is taken out, or stays out as its probe failed\n"
			"  readmitted   it is back\n"
			"  spared       it would be out, but too many are\n"
			"  rescued      a connect was answered by another endpoint than it was sent to\n"
			"  healed       a connected UDP socket goes to another endpoint\n"
			"  drained, undrained\n"
			"  service_added, service_changed, service_removed, or 'service' for all three\n"
			"  endpoint_added, endpoint_changed, endpoint_removed, or 'endpoint'\n"
			"  lost         so many events came faster than they were read; shown always\n"
			"Changes of rows and drains are seen by comparing, once a second: what was undone "
			"before "
			"is not\n"
			"seen. There is one reader at a time; while there is none, the kernel tells nothing.",
		.options = "bnAoKSE",
		.run = cmd_monitor,
	},
	{
		.name = "top",
		.summary = "Show services and endpoints as they work: load, response times, failures",
		.details = "Services by new connections a second; Enter shows the endpoints of one. READY: "
			   "endpoints "
			   "that\n"
			   "take connections, of all. LIVE: open connections and UDP flows. P50, P99: "
			   "response times "
			   "of\n"
			   "measured services, since the frame before. FAIL/S, FAILED: connects and "
			   "connections that "
			   "failed.\n"
			   "OUT: endpoints that are ejected; EJECT: how often one was. Keys: '?' in it lists "
			   "them.\n"
			   "--sort: new, live, p50, p99, failing, failed, ejected or name. --once prints a "
			   "frame "
			   "with the\n"
			   "rates of one interval, and response times since the endpoints began.",
		.options = "bnAoSOi1H",
		.run = cmd_top,
	},
	{
		.name = "splice",
		.words = "on|off",
		.summary = "Switch the splice of this node, for open connections as well",
		.details = "off: bytes of all connections go through the network stack, from the next "
			   "message on,\n"
			   "whatever services ask for; on undoes it. Safe at any moment, with or without an "
			   "agent.\n"
			   "'weft get splices' shows which services are spliced.",
		.min_words = 1,
		.max_words = 1,
		.options = "b",
		.run = cmd_splice,
	},
	{
		.name = "check",
		.summary = "Say what this kernel can do, and which feature is off and why",
		.details = "Tries each feature of the kernel that weft uses. Exit code 1 if weft cannot run "
			   "here.",
		.options = "oXH",
		.run = cmd_check,
	},
	{
		.name = "completion",
		.words = "bash|zsh",
		.summary = "Print what makes a shell complete weft's commands and options",
		.details = "For this session: . <(weft completion bash). 'make install' puts it where shells "
			   "look.",
		.min_words = 1,
		.max_words = 1,
		.options = "",
		.run = cmd_completion,
	},
	{
		.name = "version",
		.summary = "Print the version and the ABI of the rows",
		.details = "Prints the version of the binary and the ABI of the rows it reads and writes.",
		.options = "",
		.run = cmd_version,
	},
	{ 0 },
};
