// A picture of nanoseconds over connections, both logarithmic, drawn by gnuplot: a line for each
// subject, burst, pattern, share of misses and kind of pages.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "demux_bench.h"

static bool is_same_line(const struct bench_result *a, const struct bench_result *b)
{
	return strcmp(a->subject, b->subject) == 0 && a->burst == b->burst &&
	       a->pattern == b->pattern && a->miss_percent == b->miss_percent &&
	       a->pages == b->pages;
}

static bool begins_line(const struct bench_result *results, unsigned i)
{
	for (unsigned j = 0; j < i; j++)
		if (is_same_line(&results[j], &results[i]))
			return false;
	return true;
}

static void write_data(FILE *gnuplot, const struct bench_result *results, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (!begins_line(results, i))
			continue;
		fprintf(gnuplot, "$line%u << EOD\n", i);
		for (unsigned j = i; j < count; j++)
			if (is_same_line(&results[i], &results[j]))
				fprintf(gnuplot, "%lu %f %f %f\n", results[j].connections,
					results[j].ns, results[j].ns_min, results[j].ns_max);
		fprintf(gnuplot, "EOD\n");
	}
}

static void write_plot(FILE *gnuplot, const struct bench_result *results, unsigned count)
{
	const char *separator = "plot ";

	for (unsigned i = 0; i < count; i++) {
		const struct bench_result *line = &results[i];

		if (!begins_line(results, i))
			continue;
		fprintf(gnuplot, "%s$line%u using 1:2:3:4 with yerrorlines pt 7 ps 0.5 title '%s",
			separator, i, line->subject);
		if (strcmp(line->subject, "kernel") != 0)
			fprintf(gnuplot, ", bursts of %lu", line->burst);
		fprintf(gnuplot, ", %s%s", bench_pattern_names[line->pattern],
			line->pages == BENCH_SMALL_PAGES ? ", small pages" : "");
		if (line->miss_percent > 0)
			fprintf(gnuplot, ", %u%% misses", line->miss_percent);
		fprintf(gnuplot, "'");
		separator = ", ";
	}
	fprintf(gnuplot, "\n");
}

// gnuplot does not mind when the disk is full.
static bool is_whole(const char *path)
{
	FILE *file = fopen(path, "r");
	char end[16] = "";
	bool is_read = file != NULL && fseek(file, -(long)(sizeof(end) - 1), SEEK_END) == 0 &&
		       fread(end, 1, sizeof(end) - 1, file) == sizeof(end) - 1;

	if (file != NULL)
		fclose(file);
	return is_read && strstr(end, "</svg>") != NULL;
}

void bench_plot_write(const char *path, const struct bench_machine *machine,
	const struct bench_result *results, unsigned count)
{
	FILE *gnuplot;

	if (strpbrk(path, "'\\\n") != NULL)
		bench_fail("--plot %s: gnuplot wants a name without quotes and backslashes", path);
	gnuplot = popen("gnuplot", "w");
	if (gnuplot == NULL)
		bench_fail("gnuplot: %s", strerror(errno));
	fprintf(gnuplot,
		"set terminal svg size 900,600 background 'white' font 'sans,13'\n"
		"set output '%s'\n"
		"set title \"Finding a packet's connection\\n{/*0.8 %s, %lu cores}\"\n"
		"set xlabel 'connections'\nset ylabel 'ns for a lookup: median, least, most'\n"
		"set logscale xy\nset format x '%%.0s%%c'\nset grid\nset key left top noenhanced\n",
		path, machine->cpu, machine->cores);
	write_data(gnuplot, results, count);
	write_plot(gnuplot, results, count);
	if (pclose(gnuplot) != 0)
		bench_fail("--plot %s: gnuplot failed; it must be installed (gnuplot-nox), and the "
			   "file writable",
			path);
	if (!is_whole(path))
		bench_fail("--plot %s: the picture is not whole; is the disk full?", path);
}
