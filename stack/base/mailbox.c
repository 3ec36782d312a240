#include "base/mailbox.h"

#include <errno.h>
#include <stddef.h>
#include <time.h>

void ft_mailbox_init(struct ft_mailbox *mailbox)
{
	atomic_init(&mailbox->waiting, NULL);
	pthread_mutex_init(&mailbox->askers, NULL);
}

void ft_mailbox_free(struct ft_mailbox *mailbox)
{
	pthread_mutex_destroy(&mailbox->askers);
}

static struct timespec from_now(ft_time patience)
{
	struct timespec deadline;
	ft_time nanoseconds;

	clock_gettime(CLOCK_MONOTONIC, &deadline);
	nanoseconds = (ft_time)deadline.tv_nsec + patience;
	deadline.tv_sec += (time_t)(nanoseconds / FT_SECOND);
	deadline.tv_nsec = (long)(nanoseconds % FT_SECOND);
	return deadline;
}

static int wait_until(sem_t *answered, const struct timespec *deadline)
{
	int result;

	do
		result = sem_clockwait(answered, CLOCK_MONOTONIC, deadline);
	while (result < 0 && errno == EINTR);
	return result;
}

// Whoever takes the request out of the box has it: the loop, to answer it, or we, to give up. When the
// loop was quicker its answer is under way.
static int take_back(struct ft_mailbox *mailbox, struct ft_request *request)
{
	if (atomic_exchange(&mailbox->waiting, NULL) != NULL)
		return -ETIMEDOUT;
	while (sem_wait(&request->answered) < 0 && errno == EINTR)
		;
	return 0;
}

int ft_mailbox_ask(struct ft_mailbox *mailbox, struct ft_request *request, ft_time patience)
{
	struct timespec deadline;
	int error = 0;

	sem_init(&request->answered, 0, 0);
	pthread_mutex_lock(&mailbox->askers);
	deadline = from_now(patience);
	atomic_store_explicit(&mailbox->waiting, request, memory_order_release);
	if (wait_until(&request->answered, &deadline) < 0)
		error = take_back(mailbox, request);
	pthread_mutex_unlock(&mailbox->askers);
	sem_destroy(&request->answered);
	return error;
}

void ft_mailbox_answer(struct ft_mailbox *mailbox, void *owner, ft_time now)
{
	struct ft_request *request = atomic_exchange(&mailbox->waiting, NULL);

	if (request == NULL)
		return;
	request->serve(request, owner, now);
	sem_post(&request->answered);
}
