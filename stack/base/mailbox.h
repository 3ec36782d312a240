// How another thread asks a stack something: the stack belongs to one thread, so a question is left
// here, and the loop answers it, one a turn. While nobody asks, a turn pays one load.
//
//	the asking thread                   the loop's thread
//	ft_mailbox_ask() ──► waiting ──►    ft_mailbox_serve(): request->serve(request, owner, now)
//	     sleeps  ◄──── answered ◄────
#pragma once
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <rte_branch_prediction.h>

#include "base/time.h"

// Embedded in what is asked. `serve` runs in the loop, so its work must be bounded; it must not wait.
struct ft_request {
	void (*serve)(struct ft_request *request, void *owner, ft_time now);
	sem_t answered;
};

struct ft_mailbox {
	_Atomic(struct ft_request *) waiting;
	pthread_mutex_t askers; // one at a time; the loop never takes it
};

void ft_mailbox_init(struct ft_mailbox *mailbox);
// Nobody may be asking any more.
void ft_mailbox_free(struct ft_mailbox *mailbox);

// Has `request->serve` called by the loop and waits until it has been: 0. Or until `patience` has passed
// without a turn of the loop: -ETIMEDOUT, and it will not be called. Not for the loop's own thread.
int ft_mailbox_ask(struct ft_mailbox *mailbox, struct ft_request *request, ft_time patience);

// ---- for the loop ----

void ft_mailbox_answer(struct ft_mailbox *mailbox, void *owner, ft_time now);

static inline void ft_mailbox_serve(struct ft_mailbox *mailbox, void *owner, ft_time now)
{
	if (unlikely(atomic_load_explicit(&mailbox->waiting, memory_order_relaxed) != NULL))
		ft_mailbox_answer(mailbox, owner, now);
}
