#include "apps/telemetry_client.h"

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "drivers/runtime_dir.h"

#define SOCKET_NAME "dpdk_telemetry.v2"
#define REPLY_BYTES 16384 // DPDK's max_output_len
#define PATIENCE_MS 3000  // the application itself gives up after one second
#define HURRY_MS    200 // for each of the others, once as much was spent on those that do not answer

static int64_t now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static void set_patience(int fd, int64_t ms)
{
	const struct timeval patience = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
}

// -1 with errno: ECONNREFUSED when a process that was killed has left the socket behind, EAGAIN when one
// that is stopped has so many waiting that no more can.
static int open_socket(const char *path, int64_t patience_ms)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, error;

	if (strlen(path) >= sizeof(address.sun_path))
		return -1;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	set_patience(fd, patience_ms);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

// One message, parsed; NULL with errno when none came.
static json_t *receive(int fd)
{
	static char reply[REPLY_BYTES];
	ssize_t bytes = recv(fd, reply, sizeof(reply), 0);

	if (bytes == 0)
		errno = ECONNRESET;
	return bytes <= 0 ? NULL : json_loadb(reply, (size_t)bytes, 0, NULL);
}

static json_t *exchange(int fd, const char *command)
{
	char key[64];
	json_t *reply, *answer;

	if (send(fd, command, strlen(command), MSG_NOSIGNAL) < 0)
		return NULL;
	reply = receive(fd);
	snprintf(key, sizeof(key), "%.*s", (int)strcspn(command, ","), command);
	answer = json_incref(json_object_get(reply, key));
	json_decref(reply);
	return answer;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

bool ft_client_greet(struct ft_app *app)
{
	json_t *hello, *info;
	bool is_ours;

	errno = 0;
	hello = receive(app->fd);
	info = hello != NULL ? exchange(app->fd, "/fourtuple/info") : NULL;
	is_ours = json_object_get(info, "name") != NULL;
	snprintf(app->name, sizeof(app->name), "%s", text_of(info, "name"));
	snprintf(app->program, sizeof(app->program), "%s", text_of(info, "program"));
	app->pid = (int)json_integer_value(json_object_get(info, "pid"));
	json_decref(info);
	json_decref(hello);
	return is_ours;
}

// Said, and kept without a connection: that it is there is known, and its name is its directory's.
static void keep_silent(struct ft_app *app, const char *name, const char *why)
{
	fprintf(stderr, "%s: %s %s\n", program_invocation_short_name, name, why);
	*app = (struct ft_app){ .fd = -1 };
	snprintf(app->name, sizeof(app->name), "%.*s", (int)sizeof(app->name) - 1, name);
}

// One that is ending takes no more; nor does it tell that from having too many.
static bool is_gone(const char *path)
{
	int fd = open_socket(path, HURRY_MS);

	if (fd >= 0)
		close(fd);
	return fd < 0;
}

static bool open_app(
	struct ft_app *app, const char *directory, const char *name, int64_t deadline_ms)
{
	int64_t left_ms = deadline_ms - now_ms();
	char path[PATH_MAX];
	int error;

	snprintf(path, sizeof(path), "%s/%s/" SOCKET_NAME, directory, name);
	*app = (struct ft_app){ .fd = open_socket(path, left_ms > HURRY_MS ? left_ms : HURRY_MS) };
	if (app->fd >= 0 && ft_client_greet(app)) {
		set_patience(app->fd, PATIENCE_MS);
		return true;
	}
	error = errno;
	ft_client_close(app);
	if (app->name[0] != '\0')
		return false;
	if (error == EAGAIN)
		keep_silent(app, name, "does not answer; is it stopped?");
	else if (error == ECONNRESET && !is_gone(path))
		keep_silent(app, name,
			"is ending, or answers ten at a time and has so many: close an exporter");
	else if (error == EMFILE)
		keep_silent(app, name, "is not asked: too many files are open; see ulimit -n");
	else
		return false;
	return true;
}

void *ft_client_allocate(int count, size_t bytes)
{
	void *array = calloc((size_t)count + 1, bytes); // none is no reason for NULL

	if (array == NULL)
		err(1, NULL);
	return array;
}

static bool is_entry(const char *name)
{
	return name[0] != '.' && strchr(name, '/') == NULL;
}

static int find_all(struct ft_app **apps, const char *directory, int64_t deadline_ms)
{
	struct dirent **entries = NULL;
	int found = scandir(directory, &entries, NULL, alphasort);
	int count = 0;

	*apps = ft_client_allocate(found > 0 ? found : 0, sizeof(**apps));
	for (int i = 0; i < found; i++) {
		if (is_entry(entries[i]->d_name) &&
			open_app(&(*apps)[count], directory, entries[i]->d_name, deadline_ms))
			count++;
		free(entries[i]);
	}
	free(entries);
	return count;
}

int ft_client_find(struct ft_app **apps, const char *name)
{
	char directory[PATH_MAX / 2];
	int64_t deadline_ms = now_ms() + PATIENCE_MS;

	ft_runtime_dir_base(directory, sizeof(directory));
	if (name == NULL)
		return find_all(apps, directory, deadline_ms);
	// The others are not asked: one that is stopped would hold up the answer.
	*apps = ft_client_allocate(1, sizeof(**apps));
	return is_entry(name) && open_app(*apps, directory, name, deadline_ms);
}

void ft_client_close(struct ft_app *app)
{
	if (app->fd >= 0)
		close(app->fd);
}

json_t *ft_client_ask(struct ft_app *app, const char *command)
{
	json_t *answer;
	const char *error;

	if (app->fd < 0)
		return NULL;
	answer = exchange(app->fd, command);
	if (answer == NULL) { // nor will it: no more is asked, and this is said once
		close(app->fd);
		app->fd = -1;
	}
	error = json_string_value(json_object_get(answer, "error"));
	if (json_is_object(answer) && error == NULL)
		return answer;
	fprintf(stderr, "%s: %s (pid %d): %s\n", program_invocation_short_name, app->name, app->pid,
		error != NULL ? error : "no answer: has it ended, or is it stopped?");
	json_decref(answer);
	return NULL;
}
