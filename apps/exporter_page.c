// The page: metric by metric, application by application. Names follow Prometheus' conventions: a unit in
// the name, "_total" behind what only grows.
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "apps/exporter.h"
#include "base/counters.h"

// What one application answered; a member that it did not answer is NULL.
struct answers {
	struct ft_app app;
	json_t *info, *counters, *drops, *states, *bursts, *nic;
};

static long long number_at(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void write_head(FILE *to, const char *metric, const char *type, const char *help)
{
	fprintf(to, "# HELP %s %s\n# TYPE %s %s\n", metric, help, metric, type);
}

// Of a label's value: backslash, quote and end of line stand behind a backslash.
static void write_escaped(FILE *to, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '\n') {
			fputs("\\n", to);
			continue;
		}
		if (*text == '\\' || *text == '"')
			fputc('\\', to);
		fputc(*text, to);
	}
}

// `metric{application="NAME"`: the caller adds labels and writes_value() closes it.
static void write_name(FILE *to, const char *metric, const struct answers *answers)
{
	fprintf(to, "%s{application=\"", metric);
	write_escaped(to, answers->app.name);
	fputc('"', to);
}

static void write_label(FILE *to, const char *label, const char *value)
{
	fprintf(to, ",%s=\"", label);
	write_escaped(to, value != NULL ? value : "");
	fputc('"', to);
}

static void write_value(FILE *to, long long value)
{
	fprintf(to, "} %lld\n", value);
}

// ---- who there is ----

static void write_up(FILE *to, const struct answers *all, int count)
{
	write_head(to, "fourtuple_up", "gauge", "Whether the application answered.");
	for (int i = 0; i < count; i++) {
		write_name(to, "fourtuple_up", &all[i]);
		write_value(to, all[i].counters != NULL);
	}
}

static void write_info(FILE *to, const struct answers *all, int count)
{
	static const char *const labels[] = { "program", "version", "device" };

	write_head(to, "fourtuple_info", "gauge", "What runs, in the labels; always 1.");
	for (int i = 0; i < count; i++) {
		if (all[i].info == NULL)
			continue;
		write_name(to, "fourtuple_info", &all[i]);
		for (size_t k = 0; k < RTE_DIM(labels); k++)
			write_label(to, labels[k],
				json_string_value(json_object_get(all[i].info, labels[k])));
		write_value(to, 1);
	}
}

// ---- counters ----

static void write_counter(FILE *to, enum ft_counter counter, const struct answers *all, int count)
{
	char metric[128], help[256];

	snprintf(metric, sizeof(metric), "fourtuple_%s_total", ft_counter_name(counter));
	snprintf(help, sizeof(help), "How many: %s.", ft_counter_text(counter));
	write_head(to, metric, "counter", help);
	for (int i = 0; i < count; i++) {
		if (all[i].counters == NULL)
			continue;
		write_name(to, metric, &all[i]);
		write_value(to, number_at(all[i].counters, ft_counter_name(counter)));
	}
}

// The device's own, which the stack cannot see.
static void write_nic_counter(
	FILE *to, const char *key, const char *what, const struct answers *all, int count)
{
	char metric[128], help[256];

	snprintf(metric, sizeof(metric), "fourtuple_nic_%s_total", key);
	snprintf(help, sizeof(help), "How many, as the NIC counts: %s.", what);
	write_head(to, metric, "counter", help);
	for (int i = 0; i < count; i++) {
		const json_t *stats = json_object_get(all[i].nic, "stats");

		if (stats == NULL)
			continue;
		write_name(to, metric, &all[i]);
		write_value(to, number_at(stats, key));
	}
}

static void write_nic_counters(FILE *to, const struct answers *all, int count)
{
	static const struct {
		const char *key, *what;
	} counters[] = {
		{ "rx_packets", "packets received" },
		{ "rx_bytes", "bytes received" },
		{ "rx_missed", "packets lost because its ring was full" },
		{ "rx_errors", "packets received with errors" },
		{ "rx_no_mbuf", "packets lost for want of a packet buffer" },
		{ "rx_gro_merged", "segments received that were merged into others (GRO)" },
		{ "tx_packets", "packets sent" },
		{ "tx_bytes", "bytes sent" },
		{ "tx_errors", "packets that could not be sent" },
		{ "tx_tso_in_software", "packets cut into segments for want of TSO" },
		{ "tx_tso_by_kernel", "packets that the kernel cuts into segments" },
	};

	for (size_t i = 0; i < RTE_DIM(counters); i++)
		write_nic_counter(to, counters[i].key, counters[i].what, all, count);
}

static void write_drops_of(FILE *to, const struct answers *answers, const char *direction)
{
	const json_t *dropped = json_object_get(answers->drops, direction);

	for (int reason = FT_TAKEN + 1; reason < FT_DROP_COUNT && dropped != NULL; reason++) {
		write_name(to, "fourtuple_dropped_packets_total", answers);
		write_label(to, "direction", direction);
		write_label(to, "reason", ft_drop_name(reason));
		write_value(to, number_at(dropped, ft_drop_name(reason)));
	}
}

static void write_drops(FILE *to, const struct answers *all, int count)
{
	static const char *const directions[] = { "input", "late", "output" };

	write_head(to, "fourtuple_dropped_packets_total", "counter",
		"Packets dropped: on receipt, after they were taken, or instead of being sent.");
	for (int i = 0; i < count; i++)
		for (size_t k = 0; k < RTE_DIM(directions); k++)
			write_drops_of(to, &all[i], directions[k]);
}

// ---- gauges ----

static void write_sockets(FILE *to, const struct answers *all, int count)
{
	const char *state;
	json_t *value;

	write_head(to, "fourtuple_sockets", "gauge", "Sockets now, TCP's by state, UDP's as udp.");
	for (int i = 0; i < count; i++) {
		json_object_foreach(all[i].states, state, value)
		{
			write_name(to, "fourtuple_sockets", &all[i]);
			write_label(to, "state", state);
			write_value(to, json_integer_value(value));
		}
	}
}

static void write_link(FILE *to, const struct answers *all, int count)
{
	write_head(to, "fourtuple_nic_link_up", "gauge", "Whether the NIC has a link.");
	for (int i = 0; i < count; i++) {
		const char *link = json_string_value(json_object_get(all[i].nic, "link"));

		if (link == NULL)
			continue;
		write_name(to, "fourtuple_nic_link_up", &all[i]);
		write_value(to, strcmp(link, "up") == 0);
	}
}

static void write_pools(FILE *to, const char *metric, const char *help, const char *key,
	const struct answers *all, int count)
{
	static const char *const pools[] = { "receive_pool", "send_pool", "small_pool" };

	write_head(to, metric, "gauge", help);
	for (int i = 0; i < count; i++) {
		for (size_t k = 0; k < RTE_DIM(pools); k++) {
			const json_t *pool = json_object_get(all[i].nic, pools[k]);

			if (pool == NULL)
				continue;
			write_name(to, metric, &all[i]);
			write_label(to, "pool", pools[k]);
			write_value(to, number_at(pool, key));
		}
	}
}

// ---- the histogram of receive bursts ----

#define BURSTS "fourtuple_receive_burst_packets"

static void write_bucket(FILE *to, const struct answers *answers, const char *edge, long long count)
{
	write_name(to, BURSTS "_bucket", answers);
	write_label(to, "le", edge);
	write_value(to, count);
}

static void write_bursts_of(FILE *to, const struct answers *answers)
{
	long long turns = 0, packets = 0;

	for (int size = 0; size < FT_BURST_SIZES; size++) {
		bool is_edge = (size & (size - 1)) == 0; // 0, 1, 2, 4, ...
		char key[8];
		long long count;

		snprintf(key, sizeof(key), "%d", size);
		count = number_at(answers->bursts, key);
		turns += count;
		packets += count * size;
		if (is_edge)
			write_bucket(to, answers, key, turns);
	}
	write_bucket(to, answers, "+Inf", turns);
	write_name(to, BURSTS "_sum", answers);
	write_value(to, packets);
	write_name(to, BURSTS "_count", answers);
	write_value(to, turns);
}

static void write_bursts(FILE *to, const struct answers *all, int count)
{
	write_head(to, BURSTS, "histogram",
		"Packets that one turn of the loop received from the NIC.");
	for (int i = 0; i < count; i++)
		if (all[i].bursts != NULL)
			write_bursts_of(to, &all[i]);
}

// ---- the page ----

static void ask(struct answers *answers)
{
	const struct {
		json_t **answer;
		const char *command;
	} questions[] = {
		{ &answers->info, "/fourtuple/info" },
		{ &answers->counters, "/fourtuple/counters" },
		{ &answers->drops, "/fourtuple/drops" },
		{ &answers->states, "/fourtuple/states" },
		{ &answers->bursts, "/fourtuple/bursts" },
		{ &answers->nic, "/fourtuple/nic" },
	};

	// One that does not answer is not asked on: each question would cost its patience.
	for (size_t i = 0; i < RTE_DIM(questions); i++) {
		*questions[i].answer = ft_client_ask(&answers->app, questions[i].command);
		if (*questions[i].answer == NULL)
			return;
	}
}

static void forget(struct answers *answers)
{
	json_decref(answers->info);
	json_decref(answers->counters);
	json_decref(answers->drops);
	json_decref(answers->states);
	json_decref(answers->bursts);
	json_decref(answers->nic);
	ft_client_close(&answers->app);
}

static void write_all(FILE *to, const struct answers *all, int count)
{
	write_up(to, all, count);
	write_info(to, all, count);
	for (int counter = 0; counter < FT_COUNTER_COUNT; counter++)
		write_counter(to, counter, all, count);
	write_nic_counters(to, all, count);
	write_drops(to, all, count);
	write_sockets(to, all, count);
	write_bursts(to, all, count);
	write_link(to, all, count);
	write_pools(to, "fourtuple_pool_packets", "Packet buffers in each pool.", "packets", all,
		count);
	write_pools(to, "fourtuple_pool_available_packets", "Packet buffers not in use.",
		"available", all, count);
}

void ft_exporter_write_answers(FILE *to, const struct ft_app *apps, int count)
{
	struct answers *all = ft_client_allocate(count, sizeof(*all));

	for (int i = 0; i < count; i++) {
		all[i] = (struct answers){ .app = apps[i] };
		ask(&all[i]);
	}
	write_all(to, all, count);
	for (int i = 0; i < count; i++)
		forget(&all[i]);
	free(all);
}

void ft_exporter_write_page(FILE *to)
{
	struct ft_app *apps;
	int count = ft_client_find(&apps, NULL);

	ft_exporter_write_answers(to, apps, count);
	free(apps);
}
