#include "demux/conn_pages.h"

#include <assert.h>
#include <errno.h>

#include <rte_common.h>

#define BUCKET_BYTES sizeof(struct ft_conn_bucket)
#define HUGE_BUCKETS (FT_PAGES_HUGE_BYTES / BUCKET_BYTES)

// The generations that share the region's first 2 MiB, on small pages, added up. They are given when the
// table is made: a quick beginning needs them within milliseconds.
#define FIRST_GENERATIONS (HUGE_BUCKETS - 1)

// Of these, those of up to 512 buckets keep their pages: 64 KiB.
#define LEAST_GENERATIONS 1023

// A half has its pages given so far ahead of where it is filled: at the speed of ft-demux-bench --growth that
// is 10 ms.
#define AHEAD ((size_t)1 << 20)

static void take(const struct ft_conn_pages *pages, uint64_t first, uint64_t count)
{
	ft_pages_take(pages->region + first, count * BUCKET_BYTES);
}

// ---- the control thread ----

// Growing, the entries of old bucket b go to b and to b plus half the new ones. (Shrinking, the
// second half is filled later than this says.)
static bool give_ahead(struct ft_conn_pages *pages, uint64_t generation, uint64_t moved)
{
	uint64_t half = generation / 2;
	bool has_given = false;

	for (unsigned i = 0; i < 2 && pages->front_of != generation; i++)
		pages->fronts[i] = (struct ft_pages_front){
			.start = (char *)(pages->region + generation + i * half),
			.bytes = half * BUCKET_BYTES,
		};
	pages->front_of = generation;
	__atomic_fetch_or(&pages->held, generation, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < 2; i++)
		has_given = ft_pages_front_give(&pages->fronts[i], moved * BUCKET_BYTES + AHEAD) ||
			    has_given;
	return has_given;
}

static void say_taking(struct ft_conn_pages *pages, uint64_t generations)
{
	__atomic_store_n(&pages->taking, generations, __ATOMIC_SEQ_CST);
}

// Of the generation that is being left: whole huge pages. What it has said, that the table looks at when it begins
// with a generation; so if this one is still, or again, being left behind there, nobody is there.
static bool take_left(struct ft_conn_pages *pages, uint64_t generation, uint64_t leaving)
{
	uint64_t until = generation + RTE_ALIGN_FLOOR(leaving - generation, HUGE_BUCKETS);

	if (pages->taken < generation || pages->taken > until)
		pages->taken = generation;
	if (pages->taken == until)
		return false;
	say_taking(pages, generation);
	leaving = __atomic_load_n(&pages->leaving, __ATOMIC_SEQ_CST);
	if (leaving >= until && leaving < 2 * generation) {
		take(pages, pages->taken, until - pages->taken);
		pages->taken = until;
	}
	say_taking(pages, 0);
	return true;
}

// In the first 2 MiB all that is larger than what is wanted stays.
static uint64_t unused(const struct ft_conn_pages *pages)
{
	uint64_t wanted = __atomic_load_n(&pages->wanted, __ATOMIC_SEQ_CST);
	uint64_t kept = wanted | LEAST_GENERATIONS | (FIRST_GENERATIONS & -(wanted & -wanted));

	return __atomic_load_n(&pages->held, __ATOMIC_RELAXED) & ~kept;
}

static void take_one_if_unused(struct ft_conn_pages *pages, uint64_t generation)
{
	say_taking(pages, generation);
	if ((unused(pages) & generation) != 0) {
		take(pages, generation, generation);
		if (generation == pages->front_of)
			pages->front_of = 0;
		__atomic_fetch_and(&pages->held, ~generation, __ATOMIC_RELAXED);
	}
	say_taking(pages, 0);
}

// Each by itself: meanwhile the table can begin with all the others.
static bool take_unused(struct ft_conn_pages *pages)
{
	uint64_t generations = unused(pages);

	for (uint64_t left = generations; left != 0; left &= left - 1)
		take_one_if_unused(pages, left & -left);
	return generations != 0;
}

static bool tend(struct ft_pages_watch *watch)
{
	struct ft_conn_pages *pages = ft_container_of(watch, struct ft_conn_pages, watch);
	uint64_t filling = __atomic_load_n(&pages->filling, __ATOMIC_ACQUIRE);
	uint64_t leaving = __atomic_load_n(&pages->leaving, __ATOMIC_ACQUIRE);
	uint64_t generation = leaving == 0 ? 0 : rte_align64prevpow2(leaving);
	bool is_busy = leaving != pages->seen;

	pages->seen = leaving;
	if (filling != 0)
		is_busy = give_ahead(pages, filling, leaving - generation) || is_busy;
	if (leaving != 0)
		is_busy = take_left(pages, generation, leaving) || is_busy;
	return take_unused(pages) || is_busy;
}

// ---- the table ----

static size_t region_bytes(const struct ft_conn_pages *pages)
{
	return 2 * pages->most * BUCKET_BYTES;
}

static void give_first(struct ft_conn_pages *pages, size_t bytes)
{
	ft_pages_give(pages->region, bytes);
	pages->held = FIRST_GENERATIONS;
}

int ft_conn_pages_init(struct ft_conn_pages *pages, uint64_t fewest, uint64_t most)
{
	size_t first_bytes;

	*pages = (struct ft_conn_pages){
		.most = most,
		.to = fewest,
		.wanted = fewest,
		.held = fewest,
	};
	pages->region = ft_pages_map(region_bytes(pages));
	if (pages->region == NULL)
		return -ENOMEM;
	first_bytes = RTE_MIN(region_bytes(pages), FT_PAGES_HUGE_BYTES);
	ft_pages_keep_small(pages->region, first_bytes);
	if (ft_pages_are_tended())
		give_first(pages, first_bytes);
	ft_pages_watch(&pages->watch, tend);
	return 0;
}

void ft_conn_pages_free(struct ft_conn_pages *pages)
{
	ft_pages_unwatch(&pages->watch);
	ft_pages_unmap(pages->region, region_bytes(pages));
	*pages = (struct ft_conn_pages){ 0 };
}

static void say_wanted(struct ft_conn_pages *pages, uint64_t generations)
{
	__atomic_store_n(&pages->wanted, generations, __ATOMIC_SEQ_CST);
}

void ft_conn_pages_expect(struct ft_conn_pages *pages, uint64_t buckets)
{
	say_wanted(pages, pages->to | buckets);
	__atomic_store_n(&pages->filling, buckets, __ATOMIC_RELEASE);
}

bool ft_conn_pages_begin(struct ft_conn_pages *pages, uint64_t buckets)
{
	assert(pages->leaving == 0 && buckets <= pages->most);
	say_wanted(pages, pages->to | buckets);
	if ((__atomic_load_n(&pages->taking, __ATOMIC_SEQ_CST) & buckets) != 0)
		return false;
	__atomic_fetch_or(&pages->held, buckets, __ATOMIC_RELAXED);
	pages->from = pages->to;
	pages->to = buckets;
	__atomic_store_n(&pages->leaving, pages->from, __ATOMIC_RELEASE);
	__atomic_store_n(&pages->filling, buckets, __ATOMIC_RELEASE);
	return true;
}

// Release: what the table did in the buckets it has left was before.
static void say_left(struct ft_conn_pages *pages, uint64_t moved)
{
	if (moved < pages->from) {
		__atomic_store_n(&pages->leaving, pages->from + moved, __ATOMIC_RELEASE);
		return;
	}
	__atomic_store_n(&pages->leaving, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&pages->filling, 0, __ATOMIC_RELEASE);
	say_wanted(pages, pages->to);
}

void ft_conn_pages_leave(struct ft_conn_pages *pages, uint64_t moved)
{
	uint64_t at_once = RTE_MIN(pages->from, FT_CONN_LEFT_AT_ONCE);

	say_left(pages, moved);
	if (moved % at_once == 0 && !ft_pages_are_tended())
		take(pages, pages->from + moved - at_once, at_once);
}
