// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The steering program of a port: a packet goes to the worker of its queue only if nothing says that it is the kernel's.
 * Whatever is unknown, late or doubtful is the kernel's. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "steer.h"

struct words {
	__u64 gate;	/* what of this port is the kernel's: PASS_ALL, PASS_IPV4, PASS_IPV6 */
	__u64 mac;	/* the port's own address, its six octets read little-endian */
	__u64 flags;	/* INCOMPLETE_CHECKSUMS */
	__u64 overload;	/* until then, in ns of CLOCK_MONOTONIC, everything is the kernel's: the worker can't punt it all */
	__u64 spare[4];
};

struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(map_flags, BPF_F_MMAPABLE); __uint(max_entries, 1);
	 __type(key, __u32); __type(value, struct words); } words SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(map_flags, BPF_F_MMAPABLE); __uint(max_entries, 1);
	 __type(key, __u32); __type(value, __u64); } deadlines SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_XSKMAP); __uint(max_entries, 1);
	 __type(key, __u32); __type(value, __u32); } xsks SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(map_flags, BPF_F_NO_PREALLOC); __uint(max_entries, 1);
	 __type(key, __u32); __type(value, __u8); } verdicts4 SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(map_flags, BPF_F_NO_PREALLOC); __uint(max_entries, 1);
	 __type(key, struct address6); __type(value, __u8); } verdicts6 SEC(".maps");
/* A bit for the hash of each address that has a verdict: what has none needn't be looked for in a large table. */
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(map_flags, BPF_F_MMAPABLE); __uint(max_entries, 1);
	 __type(key, __u32); __type(value, struct doubts); } doubts4 SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(map_flags, BPF_F_MMAPABLE); __uint(max_entries, 1);
	 __type(key, __u32); __type(value, struct doubts); } doubts6 SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, REASONS);
	 __type(key, __u32); __type(value, __u64); } counts SEC(".maps");

extern int bpf_xdp_metadata_rx_vlan_tag(const struct xdp_md *packet, __be16 *protocol, __u16 *tag) __ksym __weak;

/* A peer that leaves checksums to "hardware" hands over whole packets whose TCP or UDP checksum is a mere part. A worker can complete
 * these; it can't see that an inner one, in a tunnel, or another protocol's is incomplete. */
static __always_inline int completable(__u8 protocol)
{
	switch (protocol) {
	case 1: case 2: case 6: case 17: case 50: case 51: case 58: case 59: case 89: case 112:
		return 1;	/* ICMP, IGMP, TCP, UDP, ESP, AH, ICMPv6, nothing, OSPF, VRRP */
	}
	return 0;
}

static __always_inline int is_tunnel(const struct udp *udp, const void *end)
{
	const __be32 *vxlan = (const void *)(udp + 1);

	switch (udp->destination) {
	case bpf_htons(4789): case bpf_htons(8472): case bpf_htons(4790): case bpf_htons(6081):	/* VXLAN (IANA, Linux), VXLAN-GPE, Geneve */
	case bpf_htons(6080): case bpf_htons(5555): case bpf_htons(6635): case bpf_htons(2152):	/* GUE, FOU, MPLS, GTP */
		return 1;
	}
	return (const void *)(vxlan + 1) <= end && *vxlan == bpf_htonl(0x08000000);	/* VXLAN at a port of someone's choice */
}

static __always_inline int transport_reason(const void *transport, const void *end, __u8 protocol)
{
	const struct udp *udp = transport;

	if (!completable(protocol))
		return CHECKSUM;
	if (protocol == 17 && ((const void *)(udp + 1) > end || is_tunnel(udp, end)))
		return CHECKSUM;
	return WORKER;
}

static __always_inline int is_doubtful(const struct doubts *doubts, __u32 folded)
{
	__u32 bit = folded * DOUBT_FACTOR >> (32 - DOUBT_BITS);

	return !doubts || doubts->words[bit >> 6] >> (bit & 63) & 1;
}

static __always_inline int ipv4_reason(const struct ipv4 *ip, const void *end, const struct words *word)
{
	__u32 destination;

	if ((const void *)(ip + 1) > end)
		return RUNT;
	if (word->gate & PASS_IPV4)
		return GATE_IPV4;
	destination = ip->destination;
	if ((destination & 0xf0) == 0xe0 || destination == 0xffffffff)
		return MULTICAST;
	if (word->flags & INCOMPLETE_CHECKSUMS && !(ip->fragment & bpf_htons(0x3fff))) {
		if (ip->version_ihl != 0x45)
			return CHECKSUM;
		int reason = transport_reason(ip + 1, end, ip->protocol);
		if (reason)
			return reason;
	}
	__u32 zero = 0;
	if (!is_doubtful(bpf_map_lookup_elem(&doubts4, &zero), destination))
		return WORKER;
	__u8 *verdict = bpf_map_lookup_elem(&verdicts4, &destination);
	return verdict && *verdict ? VERDICT : WORKER;
}

static __always_inline int ipv6_reason(const struct ipv6 *ip, const void *end, const struct words *word)
{
	struct address6 destination;

	if ((const void *)(ip + 1) > end)
		return RUNT;
	if (word->gate & PASS_IPV6)
		return GATE_IPV6;
	destination = ip->destination;
	if ((destination.word[0] & 0xff) == 0xff || (destination.word[0] & 0xc0ff) == 0x80fe)
		return MULTICAST;
	if (word->flags & INCOMPLETE_CHECKSUMS && ip->next_header != 44) {	/* who makes fragments completes first */
		int reason = transport_reason(ip + 1, end, ip->next_header);
		if (reason)
			return reason;
	}
	__u32 zero = 0, *word6 = destination.word;
	if (!is_doubtful(bpf_map_lookup_elem(&doubts6, &zero), word6[0] ^ word6[1] ^ word6[2] ^ word6[3]))
		return WORKER;
	__u8 *verdict = bpf_map_lookup_elem(&verdicts6, &destination);
	return verdict && *verdict ? VERDICT : WORKER;
}

static __always_inline int worker_reason(__u32 queue, __u64 overload)
{
	__u64 *deadline = bpf_map_lookup_elem(&deadlines, &queue), now = bpf_ktime_get_ns();

	if (!deadline || *deadline <= now)
		return LATE;
	return overload > now ? OVERLOAD : WORKER;
}

static __always_inline int packet_reason(struct xdp_md *packet, int tags_beside)
{
	const void *start = (void *)(long)packet->data, *end = (void *)(long)packet->data_end;
	const struct ethhdr *ethernet = start;
	__u32 zero = 0;
	const struct words *word = bpf_map_lookup_elem(&words, &zero);
	int reason;

	if (!word || word->gate & PASS_ALL)
		return GATE_ALL;
	if (start + MINIMUM > end)
		return RUNT;
	if ((*(const __u64 *)start ^ word->mac) << 16)
		return OTHER_MAC;
	if (start + ROOM < end || bpf_xdp_get_buff_len(packet) > (__u64)(end - start))
		return BUFFERS;
	if (tags_beside) {
		__be16 protocol;
		__u16 tag;
		if (bpf_xdp_metadata_rx_vlan_tag(packet, &protocol, &tag) == 0)
			return TAGGED;
	}
	switch (ethernet->h_proto) {
	case bpf_htons(ETH_P_IP):
		reason = ipv4_reason(start + sizeof(*ethernet), end, word);
		break;
	case bpf_htons(ETH_P_IPV6):
		reason = ipv6_reason(start + sizeof(*ethernet), end, word);
		break;
	case bpf_htons(ETH_P_8021Q): case bpf_htons(ETH_P_8021AD): case bpf_htons(ETH_P_QINQ1):
		return TAGGED;
	default:
		return PROTOCOL;
	}
	return reason ? reason : worker_reason(packet->rx_queue_index, word->overload);
}

static __always_inline int steer(struct xdp_md *packet, int tags_beside)
{
	__u32 reason = packet_reason(packet, tags_beside);

	if (reason == WORKER)
		return bpf_redirect_map(&xsks, packet->rx_queue_index, XDP_PASS);
	__u64 *count = bpf_map_lookup_elem(&counts, &reason);
	if (count)
		*count += 1;
	return XDP_PASS;
}

/* Bound to its device, so that it may ask for a tag that hardware (or veth) took out of the packet. */
SEC("xdp.frags") int bise_steer_tags(struct xdp_md *packet) { return steer(packet, 1); }

/* Where tags stay in the packet. */
SEC("xdp.frags") int bise_steer(struct xdp_md *packet) { return steer(packet, 0); }

char _license[] SEC("license") = "Dual BSD/GPL";
