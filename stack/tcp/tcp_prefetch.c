#include "tcp/tcp_prefetch.h"

#include "socket/interest.h"
#include "socket/socket.h"
#include "stack.h"

// Of those that stand one behind the other in a pool half lie in two lines. NULL does no harm.
static inline void prefetch_object(const void *object, size_t bytes)
{
	const uintptr_t address = (uintptr_t)object;

	rte_prefetch0((const void *)address);
	rte_prefetch0((const void *)(address + bytes - 1));
}

// The epoll that watches it, and the descriptor that the application will name.
static inline void prefetch_around(struct ft_stack *stack, const struct ft_socket *socket)
{
	const struct ft_watch *watch = ft_watch_first(stack, socket);

	if (likely(watch != NULL))
		prefetch_object(watch, sizeof(*watch));
	rte_prefetch0(&stack->sockets->descriptors.table[socket->description.first]);
}

void ft_tcp_prefetch_around(
	struct ft_stack *stack, struct ft_tcp_conn *const *conns, uint16_t count)
{
	for (uint16_t i = 0; i < count; i++)
		prefetch_object(conns[i]->socket, sizeof(struct ft_socket));
	for (uint16_t i = 0; i < count; i++) {
		if (likely(conns[i]->socket != NULL))
			prefetch_around(stack, conns[i]->socket);
	}
}
