// ft-ss: lists the sockets of running applications, from outside, as ss(8) lists the kernel's.
//
//	main ─► read_options ─► ss_apps ─► for each application: ss_list ─► telemetry_client,
//	                                                                    ss_filter ─► ss_print
//	                                                         or ss_summary
#include <arpa/inet.h>
#include <getopt.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "apps/ss_apps.h"
#include "apps/ss_list.h"
#include "apps/ss_summary.h"
#include "apps/values.h"

static struct options {
	struct ss_style style;
	struct ss_wanted wanted;
	bool is_summary, is_nic;
	double watch_s; // 0: once
	const char *app;
} options;

// ---- the sockets of all applications ----

// All that --json prints: one document.
static void print_json(const json_t *list)
{
	json_dumpf(list, stdout, JSON_INDENT(2));
	printf("\n");
}

static int list_all(struct ss_apps *apps)
{
	struct ss_list list = { .records = json_array() };
	int status = 0;

	for (int i = 0; i < apps->count; i++)
		if (!ss_list_add(&list, &options.wanted, &options.style, &apps->list[i].link))
			status = 1;
	if (options.wanted.is_json)
		print_json(list.records);
	else
		ss_table_print(&list.table, &options.style);
	json_decref(list.records);
	ss_table_free(&list.table);
	return status;
}

// ---- one application as a whole ----

static void print_name(const struct ft_app *app)
{
	printf("%s (%s, pid %d)\n", app->name, app->program, app->pid);
}

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int summarize(struct ss_app *app)
{
	json_t *summary = ss_summary_ask(&app->link);
	double now_s = seconds_now();

	if (summary == NULL)
		return 1;
	print_name(&app->link);
	ss_summary_print(summary, app->summary, now_s - app->asked_s);
	json_decref(app->summary);
	app->summary = summary;
	app->asked_s = now_s;
	return 0;
}

static int show_nic(struct ft_app *app)
{
	if (app->fd < 0) // which has been said
		return 1;
	print_name(app);
	return ss_nic_print(app) ? 0 : 1;
}

static int add_answer(json_t *object, const char *name, json_t *answer)
{
	if (answer == NULL)
		return 1;
	json_object_set_new(object, name, answer);
	return 0;
}

// One document, however many applications there are: [{"app", "program", "pid", "summary", "nic"}].
static int show_json(struct ss_apps *apps)
{
	json_t *list = json_array();
	int status = 0;

	for (int i = 0; i < apps->count; i++) {
		struct ft_app *app = &apps->list[i].link;
		json_t *object = json_object();

		ss_list_name(object, app);
		if (options.is_summary)
			status |= add_answer(object, "summary", ss_summary_ask(app));
		if (options.is_nic)
			status |= add_answer(object, "nic", ft_client_ask(app, "/fourtuple/nic"));
		json_array_append_new(list, object);
	}
	print_json(list);
	json_decref(list);
	return status;
}

static int show(struct ss_apps *apps)
{
	int status = 0;

	if (!options.is_summary && !options.is_nic)
		return list_all(apps);
	if (options.wanted.is_json)
		return show_json(apps);
	for (int i = 0; i < apps->count; i++) {
		if (options.is_summary)
			status |= summarize(&apps->list[i]);
		if (options.is_nic)
			status |= show_nic(&apps->list[i].link);
	}
	return status;
}

static void tell_of_nobody(void)
{
	fprintf(stderr,
		"ft-ss: no application%s%s is running here (as this user, with "
		"telemetry.enabled)\n",
		options.app != NULL ? " called " : "", options.app != NULL ? options.app : "");
}

static int show_once(struct ss_apps *apps)
{
	if (ss_apps_find(apps, options.app, false) > 0)
		return show(apps);
	tell_of_nobody();
	return 1;
}

// Until a signal ends us, or nobody reads any more. Whether all have answered is to be seen.
static int watch(struct ss_apps *apps)
{
	if (ss_apps_find(apps, options.app, false) == 0)
		tell_of_nobody();
	for (;;) {
		show(apps);
		ss_apps_hang_up(apps);
		printf("\n");
		if (fflush(stdout) != 0)
			return 1;
		usleep((useconds_t)(options.watch_s * 1e6));
		ss_apps_find(apps, options.app, true);
	}
}

// ---- the command line ----

static void print_help(void)
{
	printf("usage: ft-ss [OPTION]... [FILTER]\n"
	       "Lists the sockets of applications that run on fourtuple.\n\n"
	       "  -t, --tcp; -u, --udp     only these\n"
	       "  -l, --listening          only what listens (and UDP without a peer)\n"
	       "  -4, --ipv4; -6, --ipv6   only these\n"
	       "  -a, --all                in every state\n"
	       "  -B, --bound-inactive     only TCP's that are bound and do nothing\n"
	       "  -n, --numeric            ports as numbers, not by name\n"
	       "  -p, --processes          program, process and descriptors\n"
	       "  -o, --options            timers\n"
	       "  -i, --info               what TCP knows (TCP_INFO)\n"
	       "  -H, --no-header\n"
	       "  -s, --summary            counters, and drops by reason\n"
	       "      --nic                the device, its offloads and why, its counters\n"
	       "      --watch[=SECONDS]    again and again, also of who has come since; with -s rates\n"
	       "  -K, --kill               reset the connections that the filter matches\n"
	       "      --json\n"
	       "      --app NAME           only the application of this name\n"
	       "  --help, --version\n\n"
	       "FILTER is that of ss(8): state established '( dport = :ssh or sport = :7 )' "
	       "dst 10.0.0.0/8\n");
}

static const struct option long_options[] = {
	{ "tcp", no_argument, NULL, 't' },
	{ "udp", no_argument, NULL, 'u' },
	{ "listening", no_argument, NULL, 'l' },
	{ "all", no_argument, NULL, 'a' },
	{ "ipv4", no_argument, NULL, '4' },
	{ "ipv6", no_argument, NULL, '6' },
	{ "bound-inactive", no_argument, NULL, 'B' },
	{ "numeric", no_argument, NULL, 'n' },
	{ "processes", no_argument, NULL, 'p' },
	{ "options", no_argument, NULL, 'o' },
	{ "info", no_argument, NULL, 'i' },
	{ "no-header", no_argument, NULL, 'H' },
	{ "summary", no_argument, NULL, 's' },
	{ "kill", no_argument, NULL, 'K' },
	{ "nic", no_argument, NULL, 'N' },
	{ "watch", optional_argument, NULL, 'W' },
	{ "json", no_argument, NULL, 'J' },
	{ "app", required_argument, NULL, 'A' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

static bool take_flag(int option)
{
	const struct {
		int option;
		bool *flag;
	} flags[] = {
		{ 't', &options.wanted.is_tcp },
		{ 'u', &options.wanted.is_udp },
		{ 'l', &options.wanted.is_listening },
		{ 'a', &options.wanted.is_all },
		{ '4', &options.wanted.is_ipv4 },
		{ '6', &options.wanted.is_ipv6 },
		{ 'B', &options.wanted.is_bound },
		{ 'n', &options.style.is_numeric },
		{ 'p', &options.style.has_processes },
		{ 'o', &options.style.has_timers },
		{ 'i', &options.style.has_details },
		{ 'H', &options.style.has_no_header },
		{ 's', &options.is_summary },
		{ 'K', &options.wanted.is_kill },
		{ 'N', &options.is_nic },
		{ 'J', &options.wanted.is_json },
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (flags[i].option == option) {
			*flags[i].flag = true;
			return true;
		}
	}
	return false;
}

static bool take_watch(const char *seconds)
{
	options.watch_s = 1;
	if (seconds == NULL ||
		value_read_number(seconds, value_seconds, 0.1, 86400, &options.watch_s))
		return true;
	fprintf(stderr, "ft-ss: --watch=%s: expected seconds from 0.1 to 86400\n", seconds);
	return false;
}

static void settle(void)
{
	uint32_t states;

	if (!options.wanted.is_tcp && !options.wanted.is_udp) {
		options.wanted.is_tcp = true;
		options.wanted.is_udp = !options.wanted.is_bound;
	}
	states = ss_wanted_states(&options.wanted);
	options.style.has_netid = options.wanted.is_tcp && options.wanted.is_udp;
	options.style.has_state = (states & (states - 1)) != 0;
}

static int resolve(const char *name, struct in_addr *ips, int most)
{
	const struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
	struct addrinfo *list, *one;
	int count = 0;

	if (getaddrinfo(name, NULL, &hints, &list) != 0)
		return 0;
	for (one = list; one != NULL && count < most; one = one->ai_next)
		ips[count++] = ((const struct sockaddr_in *)(const void *)one->ai_addr)->sin_addr;
	freeaddrinfo(list);
	return count;
}

// Returns 0, or what to exit with: 2 for a mistake, 3 when there is nothing more to do.
static int read_options(int argc, char **argv)
{
	char error[128];
	int option;

	while ((option = getopt_long(argc, argv, "tula46BnpoiHsKh", long_options, NULL)) >= 0) {
		if (option == 'h' || option == 'V') {
			if (option == 'h')
				print_help();
			else
				printf("ft-ss %s\n", FT_VERSION);
			return 3;
		}
		if (option == 'A')
			options.app = optarg;
		else if (option == 'W' ? !take_watch(optarg) : !take_flag(option))
			return 2;
	}
	if (!ss_filter_parse(
		    &options.wanted.filter, argc - optind, argv + optind, resolve, error)) {
		fprintf(stderr, "ft-ss: %s\n", error);
		return 2;
	}
	if ((options.is_summary || options.is_nic) && (options.wanted.is_kill || optind < argc)) {
		fprintf(stderr, "ft-ss: -s and --nic are about whole applications: they go with "
				"neither -K nor a filter\n");
		return 2;
	}
	if (options.wanted.is_kill && options.wanted.filter.root < 0 &&
		!options.wanted.filter.has_states) {
		fprintf(stderr, "ft-ss: -K without a filter would reset everything: "
				"\"state all\" says so\n");
		return 2;
	}
	settle();
	return 0;
}

int main(int argc, char **argv)
{
	struct ss_apps apps = { 0 };
	int status = read_options(argc, argv);

	if (status != 0)
		return status == 3 ? 0 : status;
	status = options.watch_s > 0 ? watch(&apps) : show_once(&apps);
	ss_apps_free(&apps);
	return status;
}
