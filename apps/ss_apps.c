#include "apps/ss_apps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Of one that does not answer only the name is known.
static bool is_same(const struct ft_app *app, const struct ft_app *other)
{
	return strcmp(app->name, other->name) == 0 &&
	       (app->pid == other->pid || app->pid == 0 || other->pid == 0);
}

static struct ss_app *find(struct ss_apps *apps, const struct ft_app *wanted)
{
	for (int i = 0; i < apps->count; i++)
		if (is_same(&apps->list[i].link, wanted))
			return &apps->list[i];
	return NULL;
}

static void tell(const struct ft_app *app, const char *what)
{
	if (app->pid != 0)
		fprintf(stderr, "ft-ss: %s (%s, pid %d) %s\n", app->name, app->program, app->pid,
			what);
	else
		fprintf(stderr, "ft-ss: %s %s\n", app->name, what);
}

// What was learned of it the round before goes over.
static void remember(struct ss_app *app, struct ss_app *before)
{
	if (app->link.pid == 0) {
		memcpy(app->link.program, before->link.program, sizeof(app->link.program));
		app->link.pid = before->link.pid;
	}
	app->summary = before->summary;
	app->asked_s = before->asked_s;
	before->summary = NULL;
}

int ss_apps_find(struct ss_apps *apps, const char *name, bool is_told)
{
	struct ft_app *found;
	struct ss_apps before = *apps;

	apps->count = ft_client_find(&found, name);
	apps->list = ft_client_allocate(apps->count, sizeof(*apps->list));
	for (int i = 0; i < apps->count; i++) {
		struct ss_app *known = find(&before, &found[i]);

		apps->list[i] = (struct ss_app){ .link = found[i] };
		if (known != NULL)
			remember(&apps->list[i], known);
		else if (is_told)
			tell(&found[i], "has come");
	}
	for (int i = 0; i < before.count; i++) {
		if (is_told && find(apps, &before.list[i].link) == NULL)
			tell(&before.list[i].link, "has gone");
		json_decref(before.list[i].summary);
	}
	free(before.list);
	free(found);
	return apps->count;
}

void ss_apps_hang_up(struct ss_apps *apps)
{
	for (int i = 0; i < apps->count; i++) {
		ft_client_close(&apps->list[i].link);
		apps->list[i].link.fd = -1;
	}
}

void ss_apps_free(struct ss_apps *apps)
{
	ss_apps_hang_up(apps);
	for (int i = 0; i < apps->count; i++)
		json_decref(apps->list[i].summary);
	free(apps->list);
	*apps = (struct ss_apps){ 0 };
}
