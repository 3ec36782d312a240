#include "support.h"

#include <stdio.h>
#include <stdlib.h>

#include <rte_eal.h>
#include <rte_mbuf.h>

void ft_test_start_eal(void)
{
	char *args[] = { "unit", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry",
		"--log-level=lib.eal:error", "-m", "256", "-l", "0", NULL };
	int count = sizeof(args) / sizeof(args[0]) - 1;

	if (rte_eal_init(count, args) < 0) {
		fprintf(stderr, "unit test: EAL did not start\n");
		exit(1);
	}
}

static struct rte_mbuf *drained[8192];
static uint32_t drained_count;

void ft_test_drain(struct rte_mempool *pool, uint32_t left)
{
	assert_int_equal(drained_count, 0);
	while ((drained[drained_count] = rte_pktmbuf_alloc(pool)) != NULL)
		assert_true(++drained_count < sizeof(drained) / sizeof(drained[0]));
	assert_true(left <= drained_count);
	while (left-- > 0)
		rte_pktmbuf_free(drained[--drained_count]);
}

void ft_test_refill(void)
{
	rte_pktmbuf_free_bulk(drained, drained_count);
	drained_count = 0;
}
