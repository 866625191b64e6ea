/* SPDX-License-Identifier: Apache-2.0
 *
 * Bursts of packets, and how long others wait for their end.
 */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <dlfcn.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rte_ethdev.h>
#include <rte_interrupts.h>

#include "shim.h"

enum { PATIENCE = 1000 }; /* ms that a burst may take before nobody waits for it any more */

static struct {
	uint64_t turns; /* begun and ended bursts; odd: a worker is in one */
} __rte_cache_aligned bursts[RTE_MAX_ETHPORTS][RTE_MAX_QUEUES_PER_PORT];

/* A plain store and no fence: who waits for the end of a burst has the kernel put one into every thread. */
static inline void turn(int64_t port, int64_t queue)
{
	uint64_t *turns = &bursts[port][queue].turns;
	__atomic_store_n(turns, *turns + 1, __ATOMIC_RELEASE);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static void wait_for_burst(const uint64_t *turns)
{
	uint64_t seen = __atomic_load_n(turns, __ATOMIC_ACQUIRE);
	for (int i = 0; i < 10 * PATIENCE && seen % 2 && __atomic_load_n(turns, __ATOMIC_ACQUIRE) == seen; i++)
		usleep(100);
}

/* Every burst that begins later sees what was stored before this call; those that began before have ended. */
static void wait_for_bursts(void)
{
	syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0))
		usleep(1000 * PATIENCE);
	for (int port = 0; port < RTE_MAX_ETHPORTS; port++) {
		if (!__atomic_load_n(&bise_started[port], __ATOMIC_ACQUIRE))
			continue;
		for (int queue = 0; queue < RTE_MAX_QUEUES_PER_PORT; queue++)
			wait_for_burst(&bursts[port][queue].turns);
	}
}

/* In place of DPDK's own function, which this one calls. When a peer goes, memif marks its port as down, takes away its
 * callback, and then gives the peer's memory back, in a thread of DPDK's: no worker may be reading there by then. */
int rte_intr_callback_unregister(const struct rte_intr_handle *handle, rte_intr_callback_fn function, void *argument)
{
	int (*next)(const struct rte_intr_handle *, rte_intr_callback_fn, void *);
	*(void **)&next = dlsym(RTLD_NEXT, "rte_intr_callback_unregister");
	wait_for_bursts();
	return next ? next(handle, function, argument) : -ENOTSUP;
}

int64_t bise_receive(int64_t port, int64_t queue, void **packets, int64_t room)
{
	if (unlikely(!__atomic_load_n(&bise_started[port], __ATOMIC_ACQUIRE)))
		return 0;
	turn(port, queue);
	int64_t n = rte_eth_rx_burst((uint16_t)port, (uint16_t)queue, (struct rte_mbuf **)packets, (uint16_t)room);
	turn(port, queue);
	return n;
}

/* Returns how many went out; the rest is freed. */
int64_t bise_transmit(int64_t port, int64_t queue, void **packets, int64_t n)
{
	uint16_t sent = 0;
	if (likely(__atomic_load_n(&bise_started[port], __ATOMIC_ACQUIRE))) {
		turn(port, queue);
		sent = rte_eth_tx_burst((uint16_t)port, (uint16_t)queue, (struct rte_mbuf **)packets, (uint16_t)n);
		turn(port, queue);
	}
	if (unlikely(sent < n))
		rte_pktmbuf_free_bulk((struct rte_mbuf **)packets + sent, (unsigned int)(n - sent));
	return sent;
}
