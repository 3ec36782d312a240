// Lists of connections, by their numbers. A connection stands in one of them at most.
#pragma once
#include <stdint.h>

#define LOAD_NONE UINT32_MAX

struct load_conn;

struct load_link {
	uint32_t next;
	uint32_t previous;
};

struct load_list {
	uint32_t first;
	uint32_t last;
	uint32_t count;
};

void load_list_init(struct load_list *list);
void load_list_append(struct load_list *list, struct load_conn *conns, uint32_t number);
void load_list_remove(struct load_list *list, struct load_conn *conns, uint32_t number);
// The first, taken out; LOAD_NONE when there is none.
uint32_t load_list_take(struct load_list *list, struct load_conn *conns);
