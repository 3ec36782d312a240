#include "config/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/options.h"

void ft_config_init(struct ft_config *config)
{
	char expected[FT_OPTION_ERROR_BYTES];

	memset(config, 0, sizeof(*config));
	for (uint32_t i = 0; i < ft_option_count; i++) {
		const struct ft_option *option = &ft_options[i];

		if (option->standard != NULL)
			ft_value_store(option, config, option->key, option->standard, expected);
	}
}

void ft_config_free(struct ft_config *config)
{
	for (uint32_t i = 0; i < config->eal.arg_count; i++)
		free(config->eal.args[i]);
	config->eal.arg_count = 0;
}

static void report_unknown(const char *section, const char *key, const char *origin, FILE *errors)
{
	char known[FT_OPTION_ERROR_BYTES];

	if (ft_options_has_section(section)) {
		ft_options_list_keys(section, known, sizeof(known));
		fprintf(errors, "%s: [%s] has no key '%s'; expected one of: %s\n", origin, section,
			key, known);
	} else {
		ft_options_list_sections(known, sizeof(known));
		fprintf(errors, "%s: there is no section [%s]; expected one of: %s\n", origin,
			section, known);
	}
}

int ft_config_set(struct ft_config *config, const char *section, const char *key, const char *value,
	const char *origin, FILE *errors)
{
	const struct ft_option *option = ft_options_find(section, key);
	char expected[FT_OPTION_ERROR_BYTES];

	if (option == NULL) {
		report_unknown(section, key, origin, errors);
		return -EINVAL;
	}
	if (ft_value_store(option, config, key, value, expected) < 0) {
		fprintf(errors, "%s: [%s] %s = %s: expected %s\n", origin, section, key, value,
			expected);
		return -EINVAL;
	}
	return 0;
}

int ft_config_check(const struct ft_config *config, FILE *errors)
{
	if (config->tcp.minimum_rto > config->tcp.maximum_rto) {
		fprintf(errors, "[tcp] minimum_rto is above maximum_rto\n");
		return -EINVAL;
	}
	if (config->tcp.initial_rto > config->tcp.maximum_rto) {
		fprintf(errors, "[tcp] initial_rto is above maximum_rto\n");
		return -EINVAL;
	}
	// What the rings hold, nobody else can have; the stack needs as many again to work with.
	if (config->nic.rx_descriptors > config->memory.packets / 2 ||
		config->nic.tx_descriptors > config->memory.packets / 2) {
		fprintf(errors,
			"[memory] packets = %u is too few for [nic] rx_descriptors = %u and "
			"tx_descriptors = %u: expected at least twice the larger\n",
			config->memory.packets, config->nic.rx_descriptors,
			config->nic.tx_descriptors);
		return -EINVAL;
	}
	// And what those to be cut point into (stack/stack.c).
	if (config->nic.tso && config->nic.tx_descriptors > config->memory.packets / 4) {
		fprintf(errors,
			"[memory] packets = %u is too few for [nic] tx_descriptors = %u with tso = yes: "
			"expected at least four times as many\n",
			config->memory.packets, config->nic.tx_descriptors);
		return -EINVAL;
	}
	return 0;
}

void ft_config_print_help(FILE *to)
{
	char expected[FT_OPTION_ERROR_BYTES];

	ft_arguments_print_help(to);
	for (uint32_t i = 0; i < ft_option_count; i++) {
		const struct ft_option *option = &ft_options[i];

		if (option->type == FT_OPTION_EAL)
			continue;
		ft_value_describe(option, expected, sizeof(expected));
		fprintf(to, "  --%s.%s VALUE\n        %s\n        %s%s%s\n", option->section,
			option->key, option->help, expected,
			option->standard != NULL ? "; default " : "",
			option->standard != NULL ? option->standard : "");
	}
}
