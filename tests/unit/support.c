#include "support.h"

#include <stdio.h>
#include <stdlib.h>

#include <rte_eal.h>

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
