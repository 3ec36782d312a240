#include "tcp/tcp_prefetch.h"

#include "socket/interest.h"
#include "socket/socket.h"
#include "stack.h"

// The epoll that watches it, and the descriptor that the application will name.
static inline void prefetch_around(struct ft_stack *stack, const struct ft_socket *socket)
{
	const struct ft_watch *watch = ft_watch_first(stack, socket);

	if (likely(watch != NULL))
		ft_tcp_prefetch_object(watch, sizeof(*watch));
	rte_prefetch0(&stack->sockets->descriptors.table[socket->description.first]);
}

void ft_tcp_prefetch_around(
	struct ft_stack *stack, const struct ft_socket *const *sockets, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		prefetch_around(stack, sockets[i]);
}
