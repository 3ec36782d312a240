// The applications that ft-ss shows. With --watch they come and go from one round to the next.
#pragma once
#include "apps/telemetry_client.h"

struct ss_app {
	struct ft_app link;
	json_t *summary; // what it answered to -s the last time; NULL: nothing yet
	double asked_s;	 // and when, on the monotonic clock
};

struct ss_apps {
	struct ss_app *list;
	int count;
};

// Looks who is running now: all, or only those called `name` (NULL: all). Of who was there before it is
// remembered what it answered; who has come or gone since is told of on stderr if `is_told`. Returns how
// many there are.
int ss_apps_find(struct ss_apps *apps, const char *name, bool is_told);

// Hangs up on them until they are found again: each answers ten askers at a time, and others may want to.
void ss_apps_hang_up(struct ss_apps *apps);

// Hangs up on them and forgets them.
void ss_apps_free(struct ss_apps *apps);
