#include "load.h"

void load_list_init(struct load_list *list)
{
	*list = (struct load_list){ .first = LOAD_NONE, .last = LOAD_NONE };
}

void load_list_append(struct load_list *list, struct load_conn *conns, uint32_t number)
{
	conns[number].link = (struct load_link){ .next = LOAD_NONE, .previous = list->last };
	if (list->last != LOAD_NONE)
		conns[list->last].link.next = number;
	else
		list->first = number;
	list->last = number;
	list->count++;
}

void load_list_remove(struct load_list *list, struct load_conn *conns, uint32_t number)
{
	struct load_link link = conns[number].link;

	if (link.previous != LOAD_NONE)
		conns[link.previous].link.next = link.next;
	else
		list->first = link.next;
	if (link.next != LOAD_NONE)
		conns[link.next].link.previous = link.previous;
	else
		list->last = link.previous;
	list->count--;
}

uint32_t load_list_take(struct load_list *list, struct load_conn *conns)
{
	uint32_t number = list->first;

	if (number != LOAD_NONE)
		load_list_remove(list, conns, number);
	return number;
}
