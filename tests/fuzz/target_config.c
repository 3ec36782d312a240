// A configuration file, and single values as on the command line. The input is a file, or, when it
// begins with a zero byte,
//
//	0 | section | 0 | key | 0 | value
//
// Every refusal comes with a message, and what is accepted comes without.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config/config.h"
#include "fuzz_host.h"
#include "target.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return 0;
}

static int read_as_file(struct ft_config *config, const uint8_t *bytes, size_t size, FILE *errors)
{
	int fd = memfd_create("fuzz", 0), error;
	char path[64];

	fuzz_check(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	error = ft_config_read_file(config, path, errors);
	close(fd);
	return error;
}

// The next text of the input, up to a zero byte.
static const char *next_text(const char **at, const char *end)
{
	const char *text = *at;
	size_t bytes = strnlen(text, end - text);

	*at = RTE_MIN(text + bytes + 1, end);
	return text;
}

static int set_one(struct ft_config *config, const uint8_t *bytes, size_t size, FILE *errors)
{
	char *copy = malloc(size + 1);
	const char *at = copy, *end = copy + size, *section, *key;
	int error;

	memcpy(copy, bytes, size);
	copy[size] = '\0';
	section = next_text(&at, end);
	key = next_text(&at, end);
	error = ft_config_set(config, section, key, next_text(&at, end), "--fuzz", errors);
	free(copy);
	return error;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	size_t message_bytes;
	char *message;
	FILE *errors = open_memstream(&message, &message_bytes);
	struct ft_config config;
	int error;

	ft_config_init(&config);
	if (size > 0 && bytes[0] == 0)
		error = set_one(&config, bytes + 1, size - 1, errors);
	else
		error = read_as_file(&config, bytes, size, errors);
	if (error == 0)
		error = ft_config_check(&config, errors);
	fclose(errors);
	fuzz_check(error == 0 || error == -EINVAL);
	fuzz_check((error == 0) == (message_bytes == 0));
	fuzz_check(message_bytes == 0 || message[message_bytes - 1] == '\n');
	free(message);
	ft_config_free(&config);
	return 0;
}
