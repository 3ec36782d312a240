#include "tcp/tcp_prefetch.h"

#include "socket/interest.h"
#include "socket/socket.h"
#include "stack.h"

// The epoll that watches it, and the descriptor that the application will name.
static inline void prefetch_around(struct ft_stack *stack, const struct ft_socket *socket)
{
	const struct ft_watch *watch = ft_watch_first(stack, socket);

	if (likely(watch != NULL))
		rte_prefetch0(watch);
	rte_prefetch0(&stack->sockets->descriptors.table[socket->description.first]);
}

void ft_tcp_prefetch_around(
	struct ft_stack *stack, struct ft_tcp_conn *const *conns, uint16_t count)
{
	for (uint16_t i = 0; i < count; i++)
		rte_prefetch0(conns[i]->socket); // or NULL, which does no harm
	for (uint16_t i = 0; i < count; i++) {
		if (likely(conns[i]->socket != NULL))
			prefetch_around(stack, conns[i]->socket);
	}
}
