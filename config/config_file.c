// A file, read by DPDK's cfgfile. That keeps no line numbers, cuts long values and skips lines it
// does not understand, so the file is scanned for such lines first, noting where each assignment
// stands.
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cfgfile.h>

#include "config/config.h"
#include "config/options.h"

// The comment character given to cfgfile. A line beginning with ';' and what follows " ;" are
// comments too, for which we see ourselves.
#define COMMENT '#'

struct assignment {
	uint32_t line; // from 1 on
	char section[CFG_NAME_LEN];
	char key[CFG_NAME_LEN];
};

// What the scan has seen. cfgfile finds the same assignments in the same order.
struct scan {
	const char *path;
	FILE *errors;
	char section[CFG_NAME_LEN]; // that we are in, "" before the first
	struct assignment *assignments;
	uint32_t count;
};

static char *skip_space(char *text)
{
	return text + strspn(text, " \t\r\n\f\v");
}

static void cut_trailing_space(char *text)
{
	size_t bytes = strlen(text);

	while (bytes > 0 && isspace((unsigned char)text[bytes - 1]))
		bytes--;
	text[bytes] = '\0';
}

// Only the first '#' is looked at, and "\#" stands for itself: cfgfile's rule.
static void cut_comment(char *line)
{
	char *comment = strchr(line, COMMENT);

	if (comment != NULL && (comment == line || comment[-1] != '\\'))
		*comment = '\0';
}

static void cut_semicolon_comment(char *value)
{
	char *comment = strchr(value, ';');

	while (comment != NULL && comment > value && !isblank((unsigned char)comment[-1]))
		comment = strchr(comment + 1, ';');
	if (comment != NULL)
		*comment = '\0';
	cut_trailing_space(value);
}

static int refuse(const struct scan *scan, uint32_t line, const char *problem)
{
	fprintf(scan->errors, "%s:%u: %s\n", scan->path, line, problem);
	return -EINVAL;
}

static int refuse_section(const struct scan *scan, uint32_t line, const char *name)
{
	char known[FT_OPTION_ERROR_BYTES];

	ft_options_list_sections(known, sizeof(known));
	fprintf(scan->errors, "%s:%u: there is no section [%s]; expected one of: %s\n", scan->path,
		line, name, known);
	return -EINVAL;
}

static int enter_section(struct scan *scan, uint32_t line, char *text)
{
	char *end = strchr(text, ']');

	if (end == NULL || *skip_space(end + 1) != '\0')
		return refuse(scan, line, "expected a section like [tcp]");
	*end = '\0';
	text = skip_space(text + 1);
	cut_trailing_space(text);
	if (!ft_options_has_section(text))
		return refuse_section(scan, line, text);
	snprintf(scan->section, sizeof(scan->section), "%s", text);
	return 0;
}

// [eal] may repeat a key (several "vdev"); elsewhere a second one is a mistake.
static int check_unique(const struct scan *scan, uint32_t line, const char *key)
{
	char problem[CFG_NAME_LEN + 64];

	for (uint32_t i = 0; i < scan->count; i++) {
		const struct assignment *earlier = &scan->assignments[i];

		if (strcmp(earlier->key, key) != 0 ||
			strcmp(earlier->section, scan->section) != 0 ||
			strcmp(scan->section, "eal") == 0)
			continue;
		snprintf(problem, sizeof(problem), "[%s] %s is given twice, first in line %u",
			scan->section, key, earlier->line);
		return refuse(scan, line, problem);
	}
	return 0;
}

static int note_assignment(struct scan *scan, uint32_t line, const char *key)
{
	struct assignment *grown =
		realloc(scan->assignments, (scan->count + 1) * sizeof(*scan->assignments));
	struct assignment *assignment;

	if (grown == NULL)
		return -ENOMEM;
	scan->assignments = grown;
	assignment = &grown[scan->count++];
	assignment->line = line;
	snprintf(assignment->section, CFG_NAME_LEN, "%s", scan->section);
	snprintf(assignment->key, CFG_NAME_LEN, "%s", key);
	return 0;
}

static int scan_assignment(struct scan *scan, uint32_t line, char *text)
{
	char *value = strchr(text, '=');
	int error;

	if (value == NULL)
		return refuse(scan, line, "expected KEY = VALUE, a [section], or a comment");
	*value++ = '\0';
	cut_trailing_space(text);
	if (scan->section[0] == '\0')
		return refuse(scan, line, "expected a section like [tcp] before the first key");
	if (text[0] == '\0')
		return refuse(scan, line, "expected a key before '='");
	if (strlen(text) >= CFG_NAME_LEN)
		return refuse(scan, line, "too long: expected a key of at most 63 characters");
	if (strlen(skip_space(value)) >= CFG_VALUE_LEN)
		return refuse(scan, line, "too long: expected a value of at most 255 characters");
	error = check_unique(scan, line, text);
	return error != 0 ? error : note_assignment(scan, line, text);
}

static int scan_line(struct scan *scan, uint32_t line, char *text)
{
	text = skip_space(text);
	cut_comment(text);
	cut_trailing_space(text);
	if (text[0] == '\0')
		return 0;
	// One with a '=' in it is an assignment to cfgfile.
	if (text[0] == ';')
		return strchr(text, '=') != NULL ? note_assignment(scan, line, ";") : 0;
	if (text[0] == '[')
		return enter_section(scan, line, text);
	return scan_assignment(scan, line, text);
}

// Checks what cfgfile would not, and notes the line of every assignment.
static int scan_file(struct scan *scan, FILE *file)
{
	char *text = NULL;
	size_t capacity = 0;
	ssize_t bytes;
	int error = 0;

	for (uint32_t line = 1; error == 0 && (bytes = getline(&text, &capacity, file)) >= 0;
		line++) {
		// cfgfile's buffer holds a name and a value.
		if (bytes >= CFG_NAME_LEN + CFG_VALUE_LEN)
			error = refuse(scan, line, "expected a line of at most 319 characters");
		else if (memchr(text, '\0', bytes) != NULL)
			error = refuse(scan, line, "expected text, found a zero byte");
		else
			error = scan_line(scan, line, text);
	}
	free(text);
	if (error == 0 && ferror(file)) { // a directory, say
		error = -errno;
		fprintf(scan->errors, "%s: %s\n", scan->path, strerror(errno));
	}
	return error;
}

static int set_entry(struct ft_config *config, const struct scan *scan,
	const struct assignment *assignment, struct rte_cfgfile_entry *entry)
{
	char origin[FT_CONFIG_TEXT];

	if (assignment->key[0] == ';')
		return 0;
	cut_semicolon_comment(entry->value);
	snprintf(origin, sizeof(origin), "%s:%u", scan->path, assignment->line);
	return ft_config_set(
		config, assignment->section, entry->name, entry->value, origin, scan->errors);
}

// Sets what section `index` of the file has; `*next` counts assignments through all sections.
static int set_section(struct ft_config *config, const struct scan *scan, struct rte_cfgfile *file,
	int index, uint32_t *next)
{
	struct rte_cfgfile_entry *entries = calloc(scan->count + 1, sizeof(*entries));
	char section[CFG_NAME_LEN];
	int count, error = 0;

	if (entries == NULL)
		return -ENOMEM;
	count = rte_cfgfile_section_entries_by_index(
		file, index, section, entries, (int)scan->count);
	for (int i = 0; i < count && error == 0; i++) {
		assert(*next < scan->count); // the scan has noted every line that cfgfile takes
		error = set_entry(config, scan, &scan->assignments[(*next)++], &entries[i]);
	}
	free(entries);
	return error;
}

static int set_all(struct ft_config *config, const struct scan *scan)
{
	const struct rte_cfgfile_parameters parameters = { .comment_character = COMMENT };
	struct rte_cfgfile *file;
	uint32_t next = 0;
	int sections, error = 0;

	// A section for what stands before the first: comments, the scan lets nothing else pass.
	file = rte_cfgfile_load_with_params(
		scan->path, CFG_FLAG_EMPTY_VALUES | CFG_FLAG_GLOBAL_SECTION, &parameters);
	if (file == NULL)
		return refuse(scan, 1, "DPDK's cfgfile could not read it");
	sections = rte_cfgfile_num_sections(file, NULL, 0);
	for (int i = 0; i < sections && error == 0; i++)
		error = set_section(config, scan, file, i, &next);
	rte_cfgfile_close(file);
	return error;
}

int ft_config_read_file(struct ft_config *config, const char *path, FILE *errors)
{
	struct scan scan = { .path = path, .errors = errors };
	FILE *file = fopen(path, "r");
	int error = file == NULL ? -errno : 0;

	if (file == NULL) {
		fprintf(errors, "%s: %s\n", path, strerror(-error));
		return error;
	}
	error = scan_file(&scan, file);
	fclose(file);
	if (error == 0)
		error = set_all(config, &scan);
	free(scan.assignments);
	return error;
}
