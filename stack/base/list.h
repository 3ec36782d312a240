// A circular doubly linked list whose links live inside the objects (like the kernel's list.h and
// BSD's queue.h). An empty list's head points at itself; so does a node that is on no list, after
// ft_list_init() or ft_list_remove().
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct ft_list {
	struct ft_list *next;
	struct ft_list *previous;
};

static inline void ft_list_init(struct ft_list *list)
{
	list->next = list;
	list->previous = list;
}

static inline bool ft_list_is_empty(const struct ft_list *list)
{
	return list->next == list;
}

static inline void ft_list_insert_before(struct ft_list *place, struct ft_list *node)
{
	node->previous = place->previous;
	node->next = place;
	place->previous->next = node;
	place->previous = node;
}

static inline void ft_list_append(struct ft_list *list, struct ft_list *node)
{
	ft_list_insert_before(list, node);
}

static inline void ft_list_remove(struct ft_list *node)
{
	node->previous->next = node->next;
	node->next->previous = node->previous;
	ft_list_init(node);
}

#define ft_container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

// The body may not remove the current node; ft_list_for_each_safe() allows that, and only that.
#define ft_list_for_each(node, list) \
	for (struct ft_list *node = (list)->next; node != (list); node = node->next)
#define ft_list_for_each_safe(node, list)                                                    \
	for (struct ft_list *node = (list)->next, *node##_next = node->next; node != (list); \
		node = node##_next, node##_next = node->next)
