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

// One that is just opening has none.
static inline struct ft_socket *socket_of(
	const struct ft_stack *stack, const struct ft_tcp_anchor *anchor)
{
	if (unlikely(ft_anchor_is_at_rest(anchor)))
		return ft_pool_at(&stack->sockets->sockets, anchor->socket);
	return anchor->conn->socket;
}

void ft_tcp_prefetch_around(
	struct ft_stack *stack, struct ft_tcp_anchor *const *anchors, uint32_t count)
{
	struct ft_socket *sockets[FT_RX_BURST];

	for (uint32_t i = 0; i < count; i++) {
		sockets[i] = socket_of(stack, anchors[i]);
		prefetch_object(sockets[i], sizeof(*sockets[i]));
	}
	for (uint32_t i = 0; i < count; i++) {
		if (likely(sockets[i] != NULL))
			prefetch_around(stack, sockets[i]);
	}
}
