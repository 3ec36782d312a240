// What running applications answer to ft-ss and ft-exporter: JSON from another process. The first byte says
// who asks; each line behind it is a message that comes, whatever was asked.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_common.h>

#include "apps/exporter.h"
#include "apps/ss_list.h"
#include "apps/ss_summary.h"
#include "fuzz_host.h"
#include "target.h"

#define TEXT_MOST    8192
#define MESSAGES     64
#define PROGRAM_NAME "ft-\"echo\"\n\\" // as hostile as a name can be

static FILE *nobody; // reads what is shown, and what is said of a refusal, a thousand a second

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	nobody = fopen("/dev/null", "w");
	fuzz_check(nobody != NULL);
	return 0;
}

// An application that has already answered all it will, and listens on.
static struct ft_app answering(char *lines, int *other_end)
{
	struct ft_app app = { .name = PROGRAM_NAME, .program = PROGRAM_NAME, .pid = 1 };
	int ends[2];

	fuzz_check(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0);
	for (int i = 0; i < MESSAGES && lines != NULL; i++) {
		const char *line = strsep(&lines, "\n");

		fuzz_check(send(ends[1], line, strlen(line), 0) == (ssize_t)strlen(line));
	}
	shutdown(ends[1], SHUT_WR);
	app.fd = ends[0];
	*other_end = ends[1];
	return app;
}

static void greet(struct ft_app *app)
{
	struct ft_app stranger = { .fd = app->fd };

	if (ft_client_greet(&stranger))
		fuzz_check(memchr(stranger.name, '\0', sizeof(stranger.name)) != NULL &&
			   memchr(stranger.program, '\0', sizeof(stranger.program)) != NULL);
}

// ---- ft-ss ----

static void list_as(struct ft_app *app, const struct ss_wanted *wanted)
{
	const struct ss_style style = { .has_processes = true,
		.has_timers = true,
		.has_details = true,
		.has_netid = true,
		.has_state = true,
		.is_numeric = true };
	struct ss_list list = { .records = json_array() };

	ss_list_add(&list, wanted, &style, app);
	for (int i = 0; i < list.table.count; i++)
		for (size_t column = 0; column < RTE_DIM(list.table.rows[i].columns); column++)
			fuzz_check(list.table.rows[i].columns[column] != NULL);
	fuzz_check(wanted->is_json || json_array_size(list.records) == 0);
	fuzz_check(!wanted->is_json || list.table.count == 0);
	json_dumpf(list.records, stdout, JSON_INDENT(2));
	ss_table_print(&list.table, &style);
	ss_table_free(&list.table);
	json_decref(list.records);
}

static void list(struct ft_app *app)
{
	list_as(app, &(struct ss_wanted){
			     .filter.root = -1, .is_tcp = true, .is_udp = true, .is_all = true });
}

static void list_json(struct ft_app *app)
{
	list_as(app, &(struct ss_wanted){ .filter.root = -1,
			     .is_tcp = true,
			     .is_udp = true,
			     .is_all = true,
			     .is_json = true });
}

static void kill_all(struct ft_app *app)
{
	list_as(app, &(struct ss_wanted){ .filter = { .root = -1, .states = SS_ALL_STATES },
			     .is_tcp = true,
			     .is_kill = true });
}

static void summarize(struct ft_app *app)
{
	json_t *before = ss_summary_ask(app), *now = ss_summary_ask(app);

	if (now != NULL)
		ss_summary_print(now, before, 1);
	json_decref(before);
	json_decref(now);
}

static void show_nic(struct ft_app *app)
{
	ss_nic_print(app);
}

// ---- ft-exporter ----

// name="value",... with its escapes. Returns what follows, NULL when it is none.
static const char *skip_labels(const char *text)
{
	for (;;) {
		size_t name = strspn(text, "abcdefghijklmnopqrstuvwxyz_");

		if (name == 0 || text[name] != '=' || text[name + 1] != '"')
			return NULL;
		for (text += name + 2; *text != '"'; text++) {
			if (*text == '\\' && strchr("\\\"n", text[1]) == NULL)
				return NULL;
			text += *text == '\\';
			if (*text == '\0')
				return NULL;
		}
		if (*++text != ',')
			return text;
		text++;
	}
}

// Prometheus' text format (0.0.4): a comment, or `metric{labels} number`.
static bool is_exposition(const char *line)
{
	char *end;

	if (line[0] == '#')
		return strncmp(line, "# HELP fourtuple_", 17) == 0 ||
		       strncmp(line, "# TYPE fourtuple_", 17) == 0;
	line += strspn(line, "abcdefghijklmnopqrstuvwxyz0123456789_");
	if (*line++ != '{')
		return false;
	line = skip_labels(line);
	if (line == NULL || strncmp(line, "} ", 2) != 0)
		return false;
	strtoll(line + 2, &end, 10);
	return end > line + 2 && *end == '\0';
}

static void write_page(struct ft_app *app)
{
	char *page, *rest;
	size_t bytes;
	FILE *to = open_memstream(&page, &bytes);

	fuzz_check(to != NULL);
	ft_exporter_write_answers(to, app, 1);
	fclose(to);
	app->fd = -1; // hung up on
	rest = page;
	while (rest[0] != '\0')
		fuzz_check(is_exposition(strsep(&rest, "\n")));
	free(page);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static void (*const askers[])(struct ft_app *) = { greet, list, list_json, kill_all,
		summarize, show_nic, write_page };
	FILE *output = stdout, *errors = stderr;
	struct ft_app app;
	char *text;
	int other_end;

	if (size == 0 || size > TEXT_MOST)
		return 0;
	text = strndup((const char *)bytes + 1, size - 1);
	fuzz_check(text != NULL);
	app = answering(text, &other_end);
	stdout = stderr = nobody;
	askers[bytes[0] % RTE_DIM(askers)](&app);
	stdout = output;
	stderr = errors;
	ft_client_close(&app);
	close(other_end);
	free(text);
	return 0;
}
