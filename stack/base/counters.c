#include "base/counters.h"

#include <ctype.h>
#include <stddef.h>

// The tables hold names in the spelling of the .def files; tools want lower case, so the names are
// lowered once, at the first call for each.
static char drop_names[FT_DROP_COUNT][40] = {
	[FT_TAKEN] = "TAKEN",
#define FT_DROP(name, text) [FT_DROP_##name] = #name,
#include "base/drops.def"
#undef FT_DROP
};

static const char *const drop_texts[FT_DROP_COUNT] = {
	[FT_TAKEN] = "taken",
#define FT_DROP(name, text) [FT_DROP_##name] = text,
#include "base/drops.def"
#undef FT_DROP
};

static char counter_names[FT_COUNTER_COUNT][40] = {
#define FT_COUNTER(name, text) [FT_COUNTER_##name] = #name,
#include "base/counters.def"
#undef FT_COUNTER
};

static const char *const counter_texts[FT_COUNTER_COUNT] = {
#define FT_COUNTER(name, text) [FT_COUNTER_##name] = text,
#include "base/counters.def"
#undef FT_COUNTER
};

static const char *lower(char *name)
{
	for (char *c = name; *c != 0; c++)
		*c = (char)tolower((unsigned char)*c);
	return name;
}

const char *ft_drop_name(enum ft_drop reason)
{
	return (unsigned)reason < FT_DROP_COUNT ? lower(drop_names[reason]) : "unknown";
}

const char *ft_drop_text(enum ft_drop reason)
{
	return (unsigned)reason < FT_DROP_COUNT ? drop_texts[reason] : "unknown";
}

const char *ft_counter_name(enum ft_counter counter)
{
	return (unsigned)counter < FT_COUNTER_COUNT ? lower(counter_names[counter]) : "unknown";
}

const char *ft_counter_text(enum ft_counter counter)
{
	return (unsigned)counter < FT_COUNTER_COUNT ? counter_texts[counter] : "unknown";
}
