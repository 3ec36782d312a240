// fourtuple's calls, over the loopback of one stack in virtual time.
#include "calls.h"
#include "lone.h"
#include "support.h"

static struct ft_lone lone;

static void begin(void)
{
	static bool is_started;

	if (!is_started)
		ft_test_start_eal();
	is_started = true;
	ft_lone_start(&lone, NULL);
}

static void end(void)
{
	ft_lone_stop(&lone);
}

static void settle(void)
{
	ft_lone_settle(&lone);
}

static uint64_t now_ns(void)
{
	return lone.now;
}

static uint16_t free_port(void)
{
	return 7000;
}

const struct ft_side ft_side_fourtuple = {
	.name = "fourtuple",
#define DEFINE(name) .name = ft_##name,
	.calls = { FT_CALLS(DEFINE) },
#undef DEFINE
	.begin = begin,
	.end = end,
	.settle = settle,
	.now_ns = now_ns,
	.free_port = free_port,
};
