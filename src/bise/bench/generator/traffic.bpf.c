// SPDX-License-Identifier: GPL-2.0
/* Two ends of a measurement. `generate`, run by BPF_PROG_TEST_RUN with live frames, writes a packet anew each time (pages
 * come back as the path left them) and sends it out of an interface. `count`, at the tc ingress where packets arrive, counts
 * ours and drops them; everything else passes. An XDP program there would copy packets that one forwarder's send path
 * makes, and not the other's. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define IPV4_HEADERS 42		/* Ethernet, IPv4, UDP */
#define IPV6_HEADERS 62
#define LATE_NS 100000		/* a generator that is later than this gives up the packets it has missed */
#define PATIENCE_NS 5000		/* and one that is early by more lets its core do other things first */
#define MAX_TURNS 1000
#define DELAYS 1024		/* counters: 32 for each power of two, so that each tells a delay within 3 % */
#define LONGEST_NS (1ull << 31)

struct settings {
	__u64 gap_ps;		/* between two packets; 0: as fast as it goes */
	__u32 interface;
	__u32 destinations;
	__u32 flows;
	__u32 sum;		/* of what the checksum covers and no packet changes: IPv4's header, IPv6's pseudo header */
	__u32 is_ipv6;
	__u32 port;		/* UDP destination, by which `count` knows our packets */
	__u32 stamped;		/* IPv4 packets hold the time when they were made, behind their headers */
	__u8 headers[IPV6_HEADERS + 2];
};

struct counters {
	__u64 packets;
	__u64 wrong;		/* packets that no router has aged by one hop */
};

struct gap {
	__u64 last_ns;		/* when the newest packet came */
	__u64 longest_ns;	/* between two packets, since this was last set to zero */
};

struct delays {
	__u64 packets[DELAYS];	/* that took so long from `generate` to `count` */
};

#define ONE(kind, record)                                                                                             \
	{                                                                                                             \
		__uint(type, kind);                                                                                   \
		__uint(max_entries, 1);                                                                               \
		__type(key, __u32);                                                                                   \
		__type(value, record);                                                                                \
	}
struct ONE(BPF_MAP_TYPE_ARRAY, struct settings) settings SEC(".maps");
struct ONE(BPF_MAP_TYPE_PERCPU_ARRAY, __u64) due_ps SEC(".maps");
struct ONE(BPF_MAP_TYPE_PERCPU_ARRAY, __u64) sent SEC(".maps");
struct ONE(BPF_MAP_TYPE_PERCPU_ARRAY, struct counters) received SEC(".maps");
struct ONE(BPF_MAP_TYPE_PERCPU_ARRAY, struct gap) gap SEC(".maps");
struct ONE(BPF_MAP_TYPE_PERCPU_ARRAY, struct delays) delays SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct in6_addr);
} targets SEC(".maps");

static const __u32 FIRST = 0;

static __always_inline __u32 folded(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

struct turn {
	__u64 due_ns;
	__u64 until_ns;
};

static long not_yet(__u32 index, struct turn *turn)
{
	__u64 now = bpf_ktime_get_ns();

	return now >= turn->due_ns || now >= turn->until_ns;
}

/* Waits for the next packet's turn, and says whether it has come. */
static __always_inline int is_turn(__u64 gap_ps)
{
	__u64 *due = bpf_map_lookup_elem(&due_ps, &FIRST), now = bpf_ktime_get_ns();

	if (!due)
		return 1;
	if (*due / 1000 + LATE_NS < now)
		*due = now * 1000;
	struct turn turn = { .due_ns = *due / 1000, .until_ns = now + PATIENCE_NS };
	if (now < turn.due_ns) {
		bpf_loop(MAX_TURNS, not_yet, &turn, 0);
		if (bpf_ktime_get_ns() < turn.due_ns)
			return 0;
	}
	*due += gap_ps;
	return 1;
}

static __always_inline int write_ipv4(void *packet, void *end, struct settings *all, struct in6_addr *target, __u32 flow)
{
	struct iphdr *ip = packet + sizeof(struct ethhdr);
	struct udphdr *udp = (void *)(ip + 1);

	if (packet + IPV4_HEADERS > end)
		return -1;
	__builtin_memcpy(packet, all->headers, IPV4_HEADERS);
	ip->daddr = target->in6_u.u6_addr32[0];
	ip->check = ~folded(all->sum + (ip->daddr & 0xffff) + (ip->daddr >> 16));
	udp->source = bpf_htons(1024 + flow);
	return 0;
}

static __always_inline int write_ipv6(void *packet, void *end, struct settings *all, struct in6_addr *target, __u32 flow)
{
	struct ipv6hdr *ip = packet + sizeof(struct ethhdr);
	struct udphdr *udp = (void *)(ip + 1);
	__u32 sum = all->sum;

	if (packet + IPV6_HEADERS > end)
		return -1;
	__builtin_memcpy(packet, all->headers, IPV6_HEADERS);
	ip->daddr = *target;
	for (int i = 0; i < 8; i++)
		sum += target->in6_u.u6_addr16[i];
	udp->source = bpf_htons(1024 + flow);
	udp->check = ~folded(sum + udp->source);
	return 0;
}

SEC("xdp") int generate(struct xdp_md *frame)
{
	void *packet = (void *)(long)frame->data, *end = (void *)(long)frame->data_end;
	struct settings *all = bpf_map_lookup_elem(&settings, &FIRST);
	__u64 *count = bpf_map_lookup_elem(&sent, &FIRST);
	__u32 chance = bpf_get_prandom_u32(), flow, which;

	if (!all || !count)
		return XDP_ABORTED;
	if (all->gap_ps && !is_turn(all->gap_ps))
		return XDP_DROP;
	which = ((__u64)chance * all->destinations) >> 32;
	flow = (((chance * 2654435761u) >> 16) * all->flows) >> 16;
	struct in6_addr *target = bpf_map_lookup_elem(&targets, &which);
	if (!target)
		return XDP_ABORTED;
	if (all->is_ipv6 ? write_ipv6(packet, end, all, target, flow) : write_ipv4(packet, end, all, target, flow))
		return XDP_ABORTED;
	__u64 *stamp = packet + IPV4_HEADERS;
	if (all->stamped && (void *)(stamp + 1) <= end)
		*stamp = bpf_ktime_get_ns();
	*count += 1;
	return bpf_redirect(all->interface, 0);
}

/* The hops left of a packet of ours; -1 for anything else. */
static __always_inline int hops_left(struct ethhdr *ethernet, void *end, __u16 port)
{
	struct udphdr *udp;
	int hops;

	if (ethernet->h_proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = (void *)(ethernet + 1);
		udp = (void *)(ip + 1);
		if ((void *)(udp + 1) > end || ip->protocol != 17)
			return -1;
		hops = ip->ttl;
	} else {
		struct ipv6hdr *ip = (void *)(ethernet + 1);
		udp = (void *)(ip + 1);
		if ((void *)(udp + 1) > end || ethernet->h_proto != bpf_htons(ETH_P_IPV6) || ip->nexthdr != 17)
			return -1;
		hops = ip->hop_limit;
	}
	return udp->dest == bpf_htons(port) ? hops : -1;
}

static __always_inline void note_gap(void)
{
	struct gap *longest = bpf_map_lookup_elem(&gap, &FIRST);
	__u64 now = bpf_ktime_get_ns();

	if (!longest)
		return;
	if (longest->last_ns && now - longest->last_ns > longest->longest_ns)
		longest->longest_ns = now - longest->last_ns;
	longest->last_ns = now;
}

static __always_inline void note_delay(__u64 stamp)
{
	struct delays *found = bpf_map_lookup_elem(&delays, &FIRST);
	__u64 took = bpf_ktime_get_ns() - stamp;
	__u32 shift = 0;

	if (!found)
		return;
	if (took >= LONGEST_NS)
		took = LONGEST_NS - 1;
	for (__u32 step = 16; step; step >>= 1)
		if (took >> (shift + step) >= 32)
			shift += step;
	found->packets[(32 * shift + (took >> shift)) & (DELAYS - 1)] += 1;
}

SEC("tc") int count(struct __sk_buff *packet)
{
	struct ethhdr *ethernet = (void *)(long)packet->data;
	void *end = (void *)(long)packet->data_end;
	struct settings *all = bpf_map_lookup_elem(&settings, &FIRST);
	struct counters *seen = bpf_map_lookup_elem(&received, &FIRST);

	if (!all || !seen || (void *)(ethernet + 1) > end)
		return TC_ACT_OK;
	int hops = hops_left(ethernet, end, all->port);
	if (hops < 0)
		return TC_ACT_OK;
	note_gap();
	__u64 *stamp = (void *)ethernet + IPV4_HEADERS;
	if (all->stamped && (void *)(stamp + 1) <= end)
		note_delay(*stamp);
	seen->packets += 1;
	seen->wrong += hops != 63;
	return TC_ACT_SHOT;
}

char _license[] SEC("license") = "GPL";
