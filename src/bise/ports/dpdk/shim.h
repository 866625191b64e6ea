/* SPDX-License-Identifier: Apache-2.0
 *
 * What the shim's two parts share.
 */
#include <stdint.h>

#include <rte_config.h>

extern uint8_t bise_started[RTE_MAX_ETHPORTS]; /* bursts touch no other port */
