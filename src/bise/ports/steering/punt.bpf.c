// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* tc ingress of the punt TAP: what a worker writes to queue q of it enters the stack as if received on interface interfaces[q]. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#define QUEUES 256	/* as many as a TAP can have */

struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, QUEUES);
	 __type(key, __u32); __type(value, __u32); } interfaces SEC(".maps");

SEC("tc") int bise_punt(struct __sk_buff *packet)
{
	__u32 queue = packet->queue_mapping - 1;	/* recorded plus one; 0: not recorded */
	__u32 *interface = bpf_map_lookup_elem(&interfaces, &queue);

	if (!interface || !*interface)
		return TC_ACT_SHOT;
	return bpf_redirect(*interface, BPF_F_INGRESS);
}

char _license[] SEC("license") = "Dual BSD/GPL";
