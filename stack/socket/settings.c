#include "socket/settings.h"

#include <stddef.h>
#include <string.h>

#include "socket/socket.h"
#include "stack.h"

#define COMPARED_BYTES offsetof(struct ft_settings, users)

// A program that tells each of its sockets something else makes long chains, and gains nothing from
// sharing; so no search goes beyond this.
#define CHAIN_EXAMINED 16

static uint32_t *chain_of(struct ft_stack *stack, const struct ft_settings *settings)
{
	uint64_t hash = ft_siphash(&stack->key, settings, COMPARED_BYTES);

	return &stack->sockets->settings_chains[hash % FT_SETTINGS_CHAINS];
}

static struct ft_settings *at(struct ft_stack *stack, uint32_t index)
{
	return ft_pool_at(&stack->sockets->settings, index);
}

static struct ft_settings *find(
	struct ft_stack *stack, uint32_t first, const struct ft_settings *wanted)
{
	uint32_t index = first;

	for (int i = 0; i < CHAIN_EXAMINED && index != FT_POOL_NONE; i++) {
		struct ft_settings *settings = at(stack, index);

		if (memcmp(settings, wanted, COMPARED_BYTES) == 0)
			return settings;
		index = settings->next;
	}
	return NULL;
}

static struct ft_settings *add(
	struct ft_stack *stack, uint32_t *chain, const struct ft_settings *wanted)
{
	struct ft_settings *settings = ft_pool_take(&stack->sockets->settings);
	uint32_t index = ft_pool_index(&stack->sockets->settings, settings);

	memcpy(settings, wanted, sizeof(*settings)); // the padding too: it is compared
	settings->users = 0;
	settings->next = *chain;
	settings->previous = FT_POOL_NONE;
	if (*chain != FT_POOL_NONE)
		at(stack, *chain)->previous = index;
	*chain = index;
	return settings;
}

void ft_settings_discard(struct ft_stack *stack, struct ft_settings *settings)
{
	if (settings->previous == FT_POOL_NONE)
		*chain_of(stack, settings) = settings->next;
	else
		at(stack, settings->previous)->next = settings->next;
	if (settings->next != FT_POOL_NONE)
		at(stack, settings->next)->previous = settings->previous;
	ft_pool_give(&stack->sockets->settings, settings);
}

void ft_settings_change(
	struct ft_stack *stack, struct ft_socket *socket, const struct ft_settings *wanted)
{
	struct ft_settings *before = socket->settings;
	struct ft_settings *settings;
	struct ft_tcp_listener *listener = ft_socket_listener(socket);
	uint32_t *chain;

	if (memcmp(before, wanted, COMPARED_BYTES) == 0)
		return;
	chain = chain_of(stack, wanted);
	settings = find(stack, *chain, wanted);
	if (settings == NULL)
		settings = add(stack, chain, wanted);
	ft_settings_share(settings);
	socket->settings = settings;
	if (listener != NULL)
		ft_tcp_set_listener_options(listener, &settings->options);
	ft_settings_release(stack, before);
}

static struct ft_settings *add_first(struct ft_stack *stack, bool is_udp)
{
	struct ft_settings settings;

	memset(&settings, 0, sizeof(settings));
	settings.receive_timeout = FT_NEVER;
	settings.send_timeout = FT_NEVER;
	ft_tcp_options_init(stack, &settings.options);
	if (is_udp)
		settings.options.receive_buffer = stack->config.udp.receive_buffer;
	return add(stack, chain_of(stack, &settings), &settings);
}

void ft_settings_init(struct ft_stack *stack)
{
	struct ft_sockets *sockets = stack->sockets;

	for (int i = 0; i < FT_SETTINGS_CHAINS; i++)
		sockets->settings_chains[i] = FT_POOL_NONE;
	for (int is_udp = 0; is_udp < 2; is_udp++) {
		struct ft_settings *settings = add_first(stack, is_udp);

		settings->users = 1; // ours
		sockets->first_settings[is_udp] = settings;
	}
}
