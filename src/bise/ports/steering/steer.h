/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the steering program and its loader agree on: layout.py says the same in Python, and a test compares them. */
#ifndef BISE_STEER_H
#define BISE_STEER_H

#include <linux/types.h>

enum gate { PASS_ALL = 1, PASS_IPV4 = 2, PASS_IPV6 = 4 };
enum flag { INCOMPLETE_CHECKSUMS = 1 };

enum reason {
	WORKER,		/* not the kernel's; never counted here */
	GATE_ALL,
	GATE_IPV4,
	GATE_IPV6,
	RUNT,
	OTHER_MAC,
	BUFFERS,
	TAGGED,
	PROTOCOL,
	MULTICAST,
	CHECKSUM,
	VERDICT,
	LATE,
	OVERLOAD,
	REASONS
};

enum {
	MINIMUM = 34,	/* Ethernet and the shorter of the two IP headers */
	DOUBT_BITS = 12,	/* of the hash that says which bit of `doubts` stands for an address */
	ROOM = 2048	/* octets that a packet of the pool holds behind its headroom */
};

#define DOUBT_FACTOR 0x9E3779B1u	/* Fibonacci hashing: 2^32 by the golden ratio */

struct doubts { __u64 words[1 << DOUBT_BITS >> 6]; };
struct address6 { __u32 word[4]; };
struct ipv4 {
	__u8 version_ihl, tos;
	__be16 length, identification, fragment;
	__u8 ttl, protocol;
	__be16 checksum;
	__be32 source, destination;
};
struct ipv6 {
	__be32 version_class_flow;
	__be16 length;
	__u8 next_header, hop_limit;
	struct address6 source, destination;
};
struct udp { __be16 source, destination, length, checksum; };

#endif
