// Runs a target over every file of the directories named, as an ordinary test.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target.h"

#define INPUT_MAX (1 << 20)

static int run_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *bytes = malloc(INPUT_MAX), *exact;
	size_t size;

	if (file == NULL || bytes == NULL) {
		perror(path);
		exit(1);
	}
	size = fread(bytes, 1, INPUT_MAX, file);
	fclose(file);
	exact = malloc(size + (size == 0)); // so that a sanitizer sees its end
	memcpy(exact, bytes, size);
	free(bytes);
	fprintf(stderr, "%s\n", path);
	LLVMFuzzerTestOneInput(exact, size);
	free(exact);
	return 1;
}

static int run_directory(const char *name)
{
	DIR *directory = opendir(name);
	const struct dirent *entry;
	char path[4096];
	int count = 0;

	if (directory == NULL) {
		perror(name);
		exit(1);
	}
	while ((entry = readdir(directory)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", name, entry->d_name);
		count += run_file(path);
	}
	closedir(directory);
	return count;
}

int main(int argc, char **argv)
{
	int inputs = 0;

	LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++)
		inputs += run_directory(argv[i]);
	printf("%d inputs\n", inputs);
	return inputs == 0;
}
