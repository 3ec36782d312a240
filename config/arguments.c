// The command line: --config FILE, --SECTION.KEY VALUE, --eal "ARGS", and short options.
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "config/config.h"
#include "config/options.h"

enum argument_kind {
	ARGUMENT_FOREIGN,
	ARGUMENT_CONFIG,
	ARGUMENT_EAL,
	ARGUMENT_KEY,
};

// Keys that people set by hand have a short option, too.
static const struct {
	const char *option;
	const char *key;
	const char *value; // for --help
} short_options[] = {
	{ "--trace", "log.trace", "WORDS" },
	{ "--trace-tuple", "log.trace_tuple", "ENDS" },
	{ "--name", "telemetry.name", "NAME" },
	{ "--capture", "capture.file", "FILE" },
};

struct argument {
	enum argument_kind kind;
	char name[FT_CONFIG_TEXT]; // "--tcp.backlog", "--trace"
	const char *key;	   // "tcp.backlog", "log.trace"
	const char *value;
	int words; // of the argument list: 2 for "--config FILE", 1 for "--config=FILE"
};

// The SECTION.KEY that an option sets, or NULL.
static const char *key_of(const char *name)
{
	for (size_t i = 0; i < RTE_DIM(short_options); i++)
		if (strcmp(name, short_options[i].option) == 0)
			return short_options[i].key;
	return strchr(name, '.') != NULL ? name + 2 : NULL;
}

static enum argument_kind kind_of(const char *name)
{
	if (strncmp(name, "--", 2) != 0)
		return ARGUMENT_FOREIGN;
	if (strcmp(name, "--config") == 0)
		return ARGUMENT_CONFIG;
	if (strcmp(name, "--eal") == 0)
		return ARGUMENT_EAL;
	return key_of(name) != NULL ? ARGUMENT_KEY : ARGUMENT_FOREIGN;
}

// `next` is the word behind, NULL at the end of the list; it is the value when there is no '='.
static int read_argument(struct argument *argument, char *word, char *next, FILE *errors)
{
	char *equals = strchr(word, '=');
	size_t bytes = equals != NULL ? (size_t)(equals - word) : strlen(word);

	*argument = (struct argument){ .words = 1 };
	if (bytes >= sizeof(argument->name))
		return 0;
	memcpy(argument->name, word, bytes);
	argument->kind = kind_of(argument->name);
	if (argument->kind == ARGUMENT_FOREIGN)
		return 0;
	argument->key = key_of(argument->name);
	argument->value = equals != NULL ? equals + 1 : next;
	argument->words = equals != NULL ? 1 : 2;
	if (argument->value == NULL) {
		fprintf(errors, "%s: expected a value behind it\n", argument->name);
		return -EINVAL;
	}
	return 0;
}

static int add_eal_word(struct ft_config *config, const char *word, FILE *errors)
{
	char *copy;

	if (config->eal.arg_count == FT_CONFIG_EAL_ARGS) {
		fprintf(errors, "--eal: expected at most %d words\n", FT_CONFIG_EAL_ARGS);
		return -EINVAL;
	}
	copy = strdup(word);
	if (copy == NULL)
		return -ENOMEM;
	config->eal.args[config->eal.arg_count++] = copy;
	return 0;
}

// The next word of `text`, moved on behind it; quotes of either kind keep spaces together. NULL at
// the end.
static const char *next_word(char **text)
{
	char *from = *text + strspn(*text, " \t\n");
	char *word = from, *to = from;
	char quote = '\0';

	if (*from == '\0')
		return NULL;
	for (; *from != '\0' && (quote != '\0' || !isspace((unsigned char)*from)); from++) {
		if (*from == quote)
			quote = '\0';
		else if (quote == '\0' && (*from == '"' || *from == '\''))
			quote = *from;
		else
			*to++ = *from;
	}
	*text = *from != '\0' ? from + 1 : from;
	*to = '\0';
	return word;
}

static int add_eal_words(struct ft_config *config, const char *words, FILE *errors)
{
	char *copy = strdup(words);
	char *rest = copy;
	const char *word;
	int error = copy == NULL ? -ENOMEM : 0;

	while (error == 0 && (word = next_word(&rest)) != NULL)
		error = add_eal_word(config, word, errors);
	free(copy);
	return error;
}

static int set_key(struct ft_config *config, const struct argument *argument, FILE *errors)
{
	char section[FT_CONFIG_TEXT];
	const char *dot = strchr(argument->key, '.');

	snprintf(section, sizeof(section), "%.*s", (int)(dot - argument->key), argument->key);
	return ft_config_set(config, section, dot + 1, argument->value, argument->name, errors);
}

static int apply(struct ft_config *config, const struct argument *argument, FILE *errors)
{
	switch (argument->kind) {
	case ARGUMENT_KEY:
		return set_key(config, argument, errors);
	case ARGUMENT_EAL:
		return add_eal_words(config, argument->value, errors);
	default:
		return 0;
	}
}

// What is behind "--" is the program's own.
static bool is_end(const char *word)
{
	return strcmp(word, "--") == 0;
}

static int read_files(struct ft_config *config, int argc, char **argv, FILE *errors)
{
	struct argument argument;
	int error = 0;

	for (int i = 1; i < argc && !is_end(argv[i]) && error == 0; i += argument.words) {
		error = read_argument(&argument, argv[i], argv[i + 1], errors);
		if (error == 0 && argument.kind == ARGUMENT_CONFIG)
			error = ft_config_read_file(config, argument.value, errors);
	}
	return error;
}

void ft_arguments_print_help(FILE *to)
{
	fprintf(to, "  --config FILE\n        an INI file; fourtuple.conf(5) explains every key\n"
		    "  --eal \"ARGS\"\n        options for DPDK, after ours and over them\n");
	for (size_t i = 0; i < RTE_DIM(short_options); i++)
		fprintf(to, "  %s %s\n        short for --%s\n", short_options[i].option,
			short_options[i].value, short_options[i].key);
}

int ft_config_take_arguments(struct ft_config *config, int *argc, char **argv, FILE *errors)
{
	struct argument argument = { .words = 1 };
	int kept = 1, i = 1;
	int error = read_files(config, *argc, argv, errors);

	for (; i < *argc && !is_end(argv[i]) && error == 0; i += argument.words) {
		error = read_argument(&argument, argv[i], argv[i + 1], errors);
		if (error == 0)
			error = apply(config, &argument, errors);
		if (argument.kind == ARGUMENT_FOREIGN)
			argv[kept++] = argv[i];
	}
	if (error != 0)
		return error;
	while (i < *argc)
		argv[kept++] = argv[i++];
	argv[kept] = NULL;
	*argc = kept;
	return ft_config_check(config, errors);
}
