#include "bench_number.h"

#include <errno.h>
#include <stdlib.h>

bool bench_number_read(const char *text, uint64_t lowest, uint64_t highest, uint64_t *number)
{
	uint64_t unit = 1;
	char *end;

	errno = 0;
	*number = strtoull(text, &end, 10);
	if (*end == 'k')
		unit = 1000;
	else if (*end == 'M')
		unit = 1000000;
	end += unit > 1;
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 ||
		*number > highest / unit || *number * unit < lowest)
		return false;
	*number *= unit;
	return true;
}
