/* SPDX-License-Identifier: Apache-2.0
 *
 * DPDK for hot code and for Python: EAL, the packet pool over memory of ours, ethdev ports, bursts. Plain C ABI, 64-bit
 * integers; a negative result is an errno. One process has one EAL and one pool.
 */
#define ALLOW_EXPERIMENTAL_API /* rte_dev_dma_map */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_mempool.h>

#include "shim.h"

enum {
	NOTES = 64,      /* octets of a packet's own notes, between the mbuf and its buffer */
	HEADROOM = 256,  /* what the kernel leaves free in front of an AF_XDP packet */
	ROOM = 2048,     /* octets of a packet in one buffer */
	CACHE = 256,     /* packets a registered thread keeps for itself */
	QUEUES = 64,     /* most queues of a port that can be slept on */
	DESCRIPTORS = 1024,
	ETHERNET = 26,   /* header, two tags, frame check sequence */
};

static struct rte_mempool *pool;
static struct { void *address; size_t octets; size_t page; } range;
static int sleepers[RTE_MAX_ETHPORTS][QUEUES]; /* epoll descriptor + 1 */
uint8_t bise_started[RTE_MAX_ETHPORTS];

const char *bise_error(int64_t code) { return rte_strerror((int)-code); }

uint64_t bise_cycles(void) { return rte_rdtsc(); }

uint64_t bise_cycles_hz(void) { return rte_get_tsc_hz(); }

uint64_t bise_clock(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* ---- EAL and threads ---- */

/* Lets DPDK log to a descriptor (which it then owns), a line a write. */
int64_t bise_log_to(int64_t descriptor)
{
	FILE *stream = fdopen((int)descriptor, "w");
	if (!stream)
		return -errno;
	setvbuf(stream, NULL, _IOLBF, BUFSIZ);
	return rte_openlog_stream(stream);
}

int64_t bise_eal_init(int64_t argc, char **argv)
{
	rte_errno = 0;
	return rte_eal_init((int)argc, argv) < 0 ? -(rte_errno ? rte_errno : EINVAL) : 0;
}

int64_t bise_eal_cleanup(void) { return rte_eal_cleanup(); }

/* Gives this thread the pool's cache of its own. Threads that never register go to the shared ring each time. */
int64_t bise_thread_register(void) { return rte_thread_register() ? -rte_errno : (int64_t)rte_lcore_id(); }

void bise_thread_unregister(void)
{
	struct rte_mempool_cache *cache = pool ? rte_mempool_default_cache(pool, rte_lcore_id()) : NULL;
	if (cache)
		rte_mempool_cache_flush(cache, pool);
	rte_thread_unregister();
}

/* ---- the pool ---- */

static unsigned int pool_flags(void)
{
	/* Where addresses are virtual to devices, too, packets may straddle pages: no room lost. */
	return rte_eal_iova_mode() == RTE_IOVA_VA ? RTE_MEMPOOL_F_NO_IOVA_CONTIG : 0;
}

static const uint32_t object = sizeof(struct rte_mbuf) + NOTES + HEADROOM + ROOM;

/* Octets from one packet to the next, for the caller to map enough of them. */
int64_t bise_pool_stride(void) { return rte_mempool_calc_obj_size(object, pool_flags(), NULL); }

/* A stack, unless the platform has a pool of its own: what one worker frees another takes at once, so that few packets
 * are in use and stay in the caches. A ring would lead all of the pool's through them. */
static int choose_kind(void)
{
	const char *best = rte_mbuf_best_mempool_ops();
	if (!strcmp(best, RTE_MBUF_DEFAULT_MEMPOOL_OPS) && !rte_mempool_set_ops_byname(pool, "stack", NULL))
		return 0;
	return rte_mempool_set_ops_byname(pool, best, NULL);
}

static int64_t populate(uint32_t packets)
{
	struct rte_pktmbuf_pool_private sizes = { .mbuf_data_room_size = HEADROOM + ROOM, .mbuf_priv_size = NOTES };
	int result = choose_kind();
	if (result)
		return result;
	rte_pktmbuf_pool_init(pool, &sizes);
	if (rte_eal_iova_mode() == RTE_IOVA_VA)
		result = rte_mempool_populate_iova(pool, range.address, (rte_iova_t)range.address, range.octets,
						   NULL, NULL);
	else
		result = rte_mempool_populate_virt(pool, range.address, range.octets, range.page, NULL, NULL);
	if (result < 0)
		return result;
	return (uint32_t)result < packets ? -ENOMEM : 0;
}

/* Makes the pool of `packets` in the memory from `address` on, whose pages have `page` octets. */
int64_t bise_pool_create(void *address, uint64_t octets, uint64_t page, uint64_t packets)
{
	if (pool)
		return -EBUSY;
	pool = rte_mempool_create_empty("bise", (unsigned int)packets, object, CACHE,
					sizeof(struct rte_pktmbuf_pool_private), SOCKET_ID_ANY, pool_flags());
	if (!pool)
		return -rte_errno;
	range.address = address;
	range.octets = octets;
	range.page = page;
	int64_t result = populate((uint32_t)packets);
	if (result) {
		rte_mempool_free(pool);
		pool = NULL;
		return result;
	}
	rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
	return 0;
}

static void lowest(struct rte_mempool *mp, void *first, void *packet, unsigned int index)
{
	RTE_SET_USED(mp);
	RTE_SET_USED(index);
	if (packet < *(void **)first)
		*(void **)first = packet;
}

/* The address of the first packet; the others follow at the stride (unless packets must not straddle pages). */
int64_t bise_pool_first(void)
{
	void *first = (void *)INT64_MAX;
	rte_mempool_obj_iter(pool, lowest, &first);
	return (int64_t)first;
}

void bise_pool_free(void)
{
	if (pool && rte_mem_virt2memseg_list(range.address))
		rte_extmem_unregister(range.address, range.octets);
	rte_mempool_free(pool);
	pool = NULL;
}

/* Fills the array with `n` empty packets, or, returning -1, not at all. */
int64_t bise_pool_get(void **packets, int64_t n)
{
	return rte_pktmbuf_alloc_bulk(pool, (struct rte_mbuf **)packets, (unsigned int)n) ? -1 : 0;
}

/* The same for packets whose records are still to be written: they say nothing true but where their buffers are, and
 * that nothing follows. */
int64_t bise_pool_get_bare(void **packets, int64_t n)
{
	return rte_mempool_get_bulk(pool, packets, (unsigned int)n) ? -1 : 0;
}

void bise_pool_put(void **packets, int64_t n)
{
	rte_pktmbuf_free_bulk((struct rte_mbuf **)packets, (unsigned int)n);
}

/* For packets of this pool of which the caller knows: one segment, one reference, memory of their own. */
void bise_pool_put_single(void **packets, int64_t n) { rte_mempool_put_bulk(pool, packets, (unsigned int)n); }

/* Asks the other cores for the memory of up to `n` packets that this thread takes next; they may have had them last. */
void bise_pool_prefetch(int64_t n)
{
	struct rte_mempool_cache *cache = rte_mempool_default_cache(pool, rte_lcore_id());
	int64_t length = cache ? cache->len : 0;
	for (int64_t i = length - 1; i >= 0 && i >= length - n; i--) {
		char *packet = cache->objs[i];
		__builtin_prefetch(packet, 1);
		__builtin_prefetch(packet + RTE_CACHE_LINE_SIZE, 1);
		__builtin_prefetch(packet + sizeof(struct rte_mbuf) + NOTES + RTE_PKTMBUF_HEADROOM, 1);
	}
}

int64_t bise_pool_available(void) { return pool ? rte_mempool_avail_count(pool) : 0; }

/* ---- ports ---- */

/* The port of this name; -ENODEV if there is none. */
int64_t bise_port_find(const char *name)
{
	uint16_t port;
	int result = rte_eth_dev_get_port_by_name(name, &port);
	return result ? result : port;
}

/* Makes the device that `device` ("name,key=value,…" or a PCI address) says. */
int64_t bise_port_attach(const char *device) { return rte_dev_probe(device); }

static void choose(struct rte_eth_conf *chosen, const struct rte_eth_dev_info *device, uint32_t mtu, int queues)
{
	chosen->rxmode.mtu = mtu;
	if (mtu + ETHERNET > HEADROOM + ROOM - RTE_PKTMBUF_HEADROOM) {
		chosen->rxmode.offloads |= device->rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER;
		chosen->txmode.offloads |= device->tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	}
	uint64_t spread = device->flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP);
	if (queues > 1 && spread) {
		chosen->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		chosen->rx_adv_conf.rss_conf.rss_hf = spread;
	}
}

/* Devices that reach memory by themselves, through an IOMMU, learn of the pool's. */
static int64_t map_pool(struct rte_device *device)
{
	if (rte_eal_iova_mode() != RTE_IOVA_VA)
		return 0;
	if (!rte_mem_virt2memseg_list(range.address) &&
	    rte_extmem_register(range.address, range.octets, NULL, range.octets / range.page, range.page))
		return -rte_errno;
	if (rte_dev_dma_map(device, range.address, (uint64_t)range.address, range.octets) && rte_errno != ENOTSUP &&
	    rte_errno != EEXIST)
		return -rte_errno;
	return 0;
}

/* Sets up an attached port: `queues` each way. `dma`: it reads memory by itself. `sleeping`: receive interrupts. */
int64_t bise_port_configure(int64_t port, int64_t queues, int64_t mtu, int64_t dma, int64_t sleeping)
{
	struct rte_eth_dev_info device;
	struct rte_eth_conf chosen = {0};
	uint16_t id = (uint16_t)port, n = (uint16_t)queues, receive = DESCRIPTORS, transmit = DESCRIPTORS;
	int result = rte_eth_dev_info_get(id, &device);
	if (result)
		return result;
	if (!pool)
		return -ENOMEM;
	if (dma && (result = (int)map_pool(device.device)))
		return result;
	choose(&chosen, &device, (uint32_t)mtu, n);
	chosen.intr_conf.rxq = !!sleeping;
	result = rte_eth_dev_configure(id, n, n, &chosen);
	if (!result)
		result = rte_eth_dev_adjust_nb_rx_tx_desc(id, &receive, &transmit);
	for (uint16_t queue = 0; !result && queue < n; queue++) {
		result = rte_eth_rx_queue_setup(id, queue, receive, SOCKET_ID_ANY, NULL, pool);
		if (!result)
			result = rte_eth_tx_queue_setup(id, queue, transmit, SOCKET_ID_ANY, NULL);
	}
	return result;
}

int64_t bise_port_start(int64_t port)
{
	int result = rte_eth_dev_start((uint16_t)port);
	__atomic_store_n(&bise_started[port], !result, __ATOMIC_RELEASE);
	return result;
}

/* From now on bursts leave the port alone. Wait until each worker is past one before it is stopped or detached. */
void bise_port_pause(int64_t port) { __atomic_store_n(&bise_started[port], 0, __ATOMIC_RELEASE); }

int64_t bise_port_stop(int64_t port) { return rte_eth_dev_stop((uint16_t)port); }

/* Stops, closes and removes; the workers must not use the port any more. */
int64_t bise_port_detach(int64_t port)
{
	struct rte_eth_dev_info device;
	int result = rte_eth_dev_info_get((uint16_t)port, &device);
	if (result)
		return result;
	bise_port_pause(port);
	for (int queue = 0; queue < QUEUES; queue++) {
		if (sleepers[port][queue])
			close(sleepers[port][queue] - 1);
		sleepers[port][queue] = 0;
	}
	rte_eth_dev_stop((uint16_t)port);
	result = rte_eth_dev_close((uint16_t)port);
	return result ? result : rte_dev_remove(device.device);
}

int64_t bise_port_mac(int64_t port)
{
	struct rte_ether_addr mac;
	uint64_t number = 0;
	int result = rte_eth_macaddr_get((uint16_t)port, &mac);
	for (int i = 0; i < RTE_ETHER_ADDR_LEN; i++)
		number = number << 8 | mac.addr_bytes[i];
	return result ? result : (int64_t)number;
}

/* -ENOTSUP: the device takes packets for any address. */
int64_t bise_port_set_mac(int64_t port, int64_t mac)
{
	struct rte_ether_addr wanted;
	for (int i = 0; i < RTE_ETHER_ADDR_LEN; i++)
		wanted.addr_bytes[i] = (uint8_t)(mac >> (40 - 8 * i));
	return rte_eth_dev_default_mac_addr_set((uint16_t)port, &wanted);
}

/* 1: up, 0: down. */
int64_t bise_port_link(int64_t port)
{
	struct rte_eth_link link;
	int result = rte_eth_link_get_nowait((uint16_t)port, &link);
	return result ? result : link.link_status;
}

/* Packets and octets in, packets and octets out, missed, errors in, errors out, no packet free. */
int64_t bise_port_statistics(int64_t port, uint64_t *numbers)
{
	struct rte_eth_stats s;
	int result = rte_eth_stats_get((uint16_t)port, &s);
	if (result)
		return result;
	uint64_t all[] = { s.ipackets, s.ibytes, s.opackets, s.obytes, s.imissed, s.ierrors, s.oerrors, s.rx_nombuf };
	memcpy(numbers, all, sizeof all);
	return 0;
}

/* ---- sleeping ---- */

/* A descriptor that becomes readable when the queue has packets and was armed. */
int64_t bise_port_descriptor(int64_t port, int64_t queue)
{
	if (queue >= QUEUES)
		return -ENOTSUP;
	int *sleeper = &sleepers[port][queue];
	if (*sleeper)
		return *sleeper - 1;
	int inner = rte_eth_dev_rx_intr_ctl_q_get_fd((uint16_t)port, (uint16_t)queue);
	if (inner < 0)
		return -ENOTSUP;
	/* Nobody reads the driver's event counters: only an edge tells a new packet from an old one. */
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int outer = epoll_create1(EPOLL_CLOEXEC);
	if (outer < 0)
		return -errno;
	if (epoll_ctl(outer, EPOLL_CTL_ADD, inner, &event)) {
		int error = errno;
		close(outer);
		return -error;
	}
	*sleeper = outer + 1;
	return outer;
}

/* Before sleeping: forget old events, ask for new ones. Receive once more afterwards, then sleep. */
int64_t bise_port_arm(int64_t port, int64_t queue)
{
	struct epoll_event event;
	if (queue < QUEUES && sleepers[port][queue])
		epoll_wait(sleepers[port][queue] - 1, &event, 1, 0);
	return rte_eth_dev_rx_intr_enable((uint16_t)port, (uint16_t)queue);
}

int64_t bise_port_disarm(int64_t port, int64_t queue)
{
	return rte_eth_dev_rx_intr_disable((uint16_t)port, (uint16_t)queue);
}
