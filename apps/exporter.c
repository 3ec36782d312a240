// ft-exporter: what fourtuple's applications count, for Prometheus. It reads their telemetry from outside,
// so a scrape costs them what ft-ss -s costs: a question, answered between two turns of the loop.
#include "apps/exporter.h"
#include "apps/values.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_LISTEN "127.0.0.1:9464"
#define PAGE_TYPE      "text/plain; version=0.0.4; charset=utf-8"

static const char root_page[] =
	"<html><title>ft-exporter</title><a href=\"/metrics\">metrics</a></html>\n";

static enum MHD_Result answer_with(struct MHD_Connection *connection, unsigned status,
	const char *type, const char *text, size_t bytes, enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(bytes, (void *)text, mode);
	enum MHD_Result result;

	if (response == NULL)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result answer_text(
	struct MHD_Connection *connection, unsigned status, const char *text)
{
	return answer_with(
		connection, status, "text/plain", text, strlen(text), MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result answer_metrics(struct MHD_Connection *connection)
{
	char *page = NULL;
	size_t bytes = 0;
	FILE *to = open_memstream(&page, &bytes);

	if (to == NULL)
		return MHD_NO;
	ft_exporter_write_page(to);
	if (fclose(to) != 0) {
		free(page);
		return MHD_NO;
	}
	return answer_with(connection, MHD_HTTP_OK, PAGE_TYPE, page, bytes, MHD_RESPMEM_MUST_FREE);
}

// The library has one thread, so one page is made at a time.
static enum MHD_Result answer(void *arg, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *upload, size_t *upload_bytes,
	void **state)
{
	bool is_read = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;

	if (!is_read)
		return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
			"only GET and HEAD are answered\n");
	if (strcmp(url, "/metrics") == 0)
		return answer_metrics(connection);
	if (strcmp(url, "/") == 0)
		return answer_with(connection, MHD_HTTP_OK, "text/html", root_page,
			sizeof(root_page) - 1, MHD_RESPMEM_PERSISTENT);
	return answer_text(connection, MHD_HTTP_NOT_FOUND, "not here; try /metrics\n");
}

// ADDRESS:PORT, or :PORT for every address.
static bool read_listen(const char *text, struct sockaddr_in *name)
{
	char whole[64];

	snprintf(whole, sizeof(whole), "%s%s", text[0] == ':' ? "0.0.0.0" : "", text);
	return strlen(text) < sizeof(whole) / 2 && value_read_address(whole, name) == NULL;
}

static int serve(const char *listen)
{
	struct sockaddr_in name;
	struct MHD_Daemon *daemon;
	sigset_t ends;
	int signal;

	if (!read_listen(listen, &name)) {
		fprintf(stderr,
			"ft-exporter: --listen %s: expected ADDRESS:PORT, as " DEFAULT_LISTEN "\n",
			listen);
		return 2;
	}
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, ntohs(name.sin_port), NULL, NULL,
		answer, NULL, MHD_OPTION_SOCK_ADDR, &name, MHD_OPTION_CONNECTION_TIMEOUT, 30u,
		MHD_OPTION_CONNECTION_LIMIT, 64u, MHD_OPTION_END);
	if (daemon == NULL) {
		fprintf(stderr,
			"ft-exporter: cannot listen on %s: %m; choose another with --listen\n",
			listen);
		return 1;
	}
	printf("ft-exporter: http://%s/metrics\n", listen);
	fflush(stdout);
	sigwait(&ends, &signal);
	MHD_stop_daemon(daemon);
	return 0;
}

static void print_help(void)
{
	printf("usage: ft-exporter [--listen ADDRESS:PORT]\n"
	       "Shows Prometheus what the applications running on fourtuple count.\n\n"
	       "  --listen ADDRESS:PORT\n        where http://ADDRESS:PORT/metrics is; default " DEFAULT_LISTEN
	       "\n"
	       "  --help, --version\n");
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "listen", required_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ 0 },
	};
	const char *listen = DEFAULT_LISTEN;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (option) {
		case 'l':
			listen = optarg;
			break;
		case 'h':
			print_help();
			return 0;
		case 'v':
			printf("ft-exporter %s\n", FT_VERSION);
			return 0;
		default:
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "ft-exporter: %s: expected an option; see --help\n", argv[optind]);
		return 2;
	}
	return serve(listen);
}
