#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

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

size_t ft_test_resident(const void *start, size_t bytes)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE), count = bytes / page;
	unsigned char *in_core = malloc(count);
	size_t found = 0;

	assert_non_null(in_core);
	assert_int_equal(mincore((void *)(uintptr_t)start, bytes, in_core), 0);
	for (size_t i = 0; i < count; i++)
		found += in_core[i] & 1;
	free(in_core);
	return found * page;
}

long ft_test_mapped_pages(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	long pages = 0;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%ld", &pages), 1);
	fclose(file);
	return pages;
}
