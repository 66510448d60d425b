/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The one definition of every map, of the configuration and of the licence. */
#include "lib/scratch.h"
#include "maps.h"

struct services_map services SEC(".maps");
struct slots_map slots SEC(".maps");
struct endpoints_map endpoints SEC(".maps");
struct endpoint_index_map endpoint_index SEC(".maps");
struct members_map members SEC(".maps");
struct names_map names SEC(".maps");
struct meta_map meta SEC(".maps");
struct drains_map drains SEC(".maps");
struct settings_map settings SEC(".maps");
struct monitoring_map monitoring SEC(".maps");
struct routes_map routes SEC(".maps");
struct interfaces_map interfaces SEC(".maps");
struct sources_map sources SEC(".maps");
struct endpoint_state_map endpoint_state SEC(".maps");
struct response_state_map response_state SEC(".maps");
struct health_map health SEC(".maps");
struct events_map events SEC(".maps");
struct monitor_map monitor SEC(".maps");
struct monitored_map monitored SEC(".maps");
struct service_state_map service_state SEC(".maps");
struct affinity_map affinity SEC(".maps");
struct stats_map stats SEC(".maps");
struct sock_state_map sock_state SEC(".maps");
struct udp_state_map udp_state SEC(".maps");
struct rescue_state_map rescue_state SEC(".maps");
struct rescues_map rescues SEC(".maps");
struct moves_map moves SEC(".maps");
struct fragments_map fragments SEC(".maps");
struct unresolved_map unresolved SEC(".maps");
struct splicing_map splicing SEC(".maps");
struct listeners_map listeners SEC(".maps");
struct listener_homes_map listener_homes SEC(".maps");
struct splice_programs_map splice_programs SEC(".maps");
struct splice_calls_map splice_calls SEC(".maps");
struct splice_pairs_map splice_pairs SEC(".maps");
struct splice_ends_map splice_ends SEC(".maps");
struct splice_state_map splice_state SEC(".maps");
struct splice_socks_map splice_socks SEC(".maps");
struct scratch_map scratch SEC(".maps");

const volatile bool can_set_retval = false;
const volatile bool can_count_flows = false;
const volatile bool can_rescue = false;
const volatile bool can_name_client = false;
const volatile bool can_splice = false;
const volatile uint64_t tick_ns = 0;

char LICENSE[] SEC("license") = "Dual BSD/GPL";
