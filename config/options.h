// The one table of keys: what may stand in a file or on the command line, and what is meant when it
// does not.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

enum ft_option_type {
	FT_OPTION_TEXT,	     // char[maximum + 1]
	FT_OPTION_CHOICE,    // char[maximum + 1], one of the words in `choices`
	FT_OPTION_NUMBER,    // uint32_t
	FT_OPTION_BYTES,     // uint64_t: 262144, 256K, 4M
	FT_OPTION_DURATION,  // ft_time: 40 ms, 2 h; a bare number only when it is 0
	FT_OPTION_FLAG,	     // bool: yes or no
	FT_OPTION_PORTS,     // struct ft_config_range: 49152-65535
	FT_OPTION_GATEWAY,   // struct ft_addr: 10.9.0.1
	FT_OPTION_ADDRESSES, // ip.address, address1, ...: 10.9.0.2/24
	FT_OPTION_EAL,	     // any key: handed to DPDK as --KEY=VALUE
};

struct ft_option {
	const char *section;
	const char *key;
	enum ft_option_type type;
	size_t offset;	      // of the field in struct ft_config
	uint64_t minimum;     // for numbers, bytes and durations
	uint64_t maximum;     // and the longest text
	const char *standard; // the default as it would stand in a file; NULL: none
	const char *choices;
	const char *help;
};

#define FT_OPTION_ERROR_BYTES 512

extern const struct ft_option ft_options[];
extern const uint32_t ft_option_count;

// The option that `key` of `section` names ("address7" names "address"), or NULL.
const struct ft_option *ft_options_find(const char *section, const char *key);

// Sections and keys for messages: "nic, ip, ..."; keys of one section.
bool ft_options_has_section(const char *section);
void ft_options_list_sections(char *text, size_t bytes);
void ft_options_list_keys(const char *section, char *text, size_t bytes);

// Stores `value`, written as in a file. Returns 0; or -EINVAL and in `expected` what it should have
// been ("a duration from 1 ms to 10 s, like 40 ms").
int ft_value_store(const struct ft_option *option, struct ft_config *config, const char *key,
	const char *value, char expected[FT_OPTION_ERROR_BYTES]);

// Describes what the option takes: the words after "expected".
void ft_value_describe(const struct ft_option *option, char *text, size_t bytes);

// The part of --help that is not in the table: --config, --eal and the short options.
void ft_arguments_print_help(FILE *to);
