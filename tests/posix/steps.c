#include "steps.h"

#include <err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <arpa/inet.h>

// Real time for one case. Blocking for ever ends here, and the transcript says where.
#define CASE_LIMIT_S 30

const struct ft_calls *os;
uint16_t ft_step_port;

static const struct ft_side *side;
static char details[4096]; // of the step under way
static volatile sig_atomic_t pipe_signals;

// ---- lines ----

static void append(const char *format, va_list arguments)
{
	size_t used = strlen(details);

	vsnprintf(details + used, sizeof(details) - used, format, arguments);
}

void ft_step_say(const char *format, ...)
{
	va_list arguments;
	size_t used = strlen(details);

	snprintf(details + used, sizeof(details) - used, " ");
	va_start(arguments, format);
	append(format, arguments);
	va_end(arguments);
}

void ft_step_say_events(uint32_t events)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} bits[] = { { POLLIN, "IN" }, { POLLPRI, "PRI" }, { POLLOUT, "OUT" }, { POLLERR, "ERR" },
		{ POLLHUP, "HUP" }, { POLLNVAL, "NVAL" }, { POLLRDNORM, "RDNORM" },
		{ POLLRDBAND, "RDBAND" }, { POLLWRNORM, "WRNORM" }, { POLLWRBAND, "WRBAND" },
		{ POLLRDHUP, "RDHUP" } };

	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		if (events & bits[i].bit)
			ft_step_say("%s", bits[i].name);
		events &= ~bits[i].bit;
	}
	if (events != 0)
		ft_step_say("%#x", events);
}

// Long contents are told by their length and last byte.
void ft_step_say_bytes(const void *bytes, long count)
{
	const char *text = bytes;

	if (count > 40)
		ft_step_say("%ld bytes to '%c'", count, text[count - 1]);
	else if (count > 0)
		ft_step_say("\"%.*s\"", (int)count, text);
}

void ft_step_say_name(const struct sockaddr_in *name, socklen_t length)
{
	uint16_t port = ntohs(name->sin_port);
	char address[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &name->sin_addr, address, sizeof(address));
	if (length != sizeof(*name))
		ft_step_say("length %u", length);
	if (port == 0)
		ft_step_say("%s:0", address);
	else if (port == PORT || port == OTHER_PORT)
		ft_step_say("%s:%s", address, port == PORT ? "PORT" : "OTHER_PORT");
	else
		ft_step_say("%s:chosen", address);
}

void ft_step_head(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
}

// ---- steps ----

void ft_step_begin(void)
{
	details[0] = '\0';
	pipe_signals = 0;
	errno = 0;
}

static void print_line(const char *text, long result, int error)
{
	if (strncmp(text, "os->", 4) == 0)
		text += 4;
	printf("%s = %ld", text, result);
	if (result == -1 && error != 0)
		printf(" %s", strerrorname_np(error));
	printf("%s%s\n", details, pipe_signals > 0 ? " SIGPIPE" : "");
	fflush(stdout);
}

long ft_step_end(const char *text, long result)
{
	int error = errno;

	print_line(text, result, error);
	side->settle();
	return result;
}

long ft_step_must(const char *text, long result)
{
	int error = errno;

	if (result == -1) {
		printf("PREPARATION FAILED: ");
		print_line(text, result, error);
	}
	side->settle();
	return result;
}

uint64_t ft_step_clock(void)
{
	return side->now_ns();
}

bool ft_step_has_passed(uint64_t since_ns, uint64_t duration_ms)
{
	return side->now_ns() - since_ns >= duration_ms * 1000000;
}

// ---- cases ----

static void begin_case(const char *name, int variant)
{
	alarm(CASE_LIMIT_S);
	side->begin();
	ft_step_port = side->free_port();
	printf(variant < 0 ? "== %s\n" : "== %s/%d\n", name, variant);
}

static void end_case(void)
{
	fflush(stdout);
	side->end();
}

void ft_case_run(const char *name, void (*run)(void))
{
	begin_case(name, -1);
	run();
	end_case();
}

void ft_case_run_each(const char *name, void (*run)(int variant), int variants)
{
	for (int i = 0; i < variants; i++) {
		begin_case(name, i);
		run(i);
		end_case();
	}
}

static void count_pipe_signal(int signal)
{
	pipe_signals++;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], ft_side_kernel.name) == 0)
		side = &ft_side_kernel;
	else if (argc == 2 && strcmp(argv[1], ft_side_fourtuple.name) == 0)
		side = &ft_side_fourtuple;
	else
		errx(2, "usage: %s kernel|fourtuple", argv[0]);
	os = &side->calls;
	signal(SIGPIPE, count_pipe_signal);
	ft_cases_bind();
	ft_cases_connect();
	ft_cases_accept();
	ft_cases_stream();
	ft_cases_close();
	ft_cases_datagram();
	ft_cases_epoll();
	ft_cases_poll();
	ft_cases_options();
	ft_cases_descriptors();
	puts("== end");
}
