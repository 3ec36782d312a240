// Two threads: one asks, the other is the loop.
#include "base/mailbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include <rte_common.h>

#include "support.h"

struct question {
	struct ft_request request;
	int asked;
	int answer;
};

struct loop {
	struct ft_mailbox mailbox;
	pthread_t thread;
	atomic_bool is_ending;
	int factor;
};

static void multiply(struct ft_request *request, void *owner, ft_time now)
{
	struct question *question = (struct question *)request;

	question->answer = question->asked * ((struct loop *)owner)->factor;
}

static void *turn(void *arg)
{
	struct loop *loop = arg;

	while (!atomic_load(&loop->is_ending))
		ft_mailbox_serve(&loop->mailbox, loop, 0);
	return NULL;
}

static void *ask_many(void *arg)
{
	struct loop *loop = arg;
	uintptr_t wrong = 0;

	for (int i = 0; i < 100; i++) {
		struct question question = { .request.serve = multiply, .asked = i };

		if (ft_mailbox_ask(&loop->mailbox, &question.request, 60 * FT_SECOND) != 0 ||
			question.answer != i * 3)
			wrong++;
	}
	return (void *)wrong;
}

static void turning_loop_answers_every_asker(void **state)
{
	struct loop loop = { .factor = 3 };
	pthread_t askers[3];
	void *wrong;

	ft_mailbox_init(&loop.mailbox);
	assert_int_equal(pthread_create(&loop.thread, NULL, turn, &loop), 0);
	for (size_t i = 0; i < RTE_DIM(askers); i++)
		assert_int_equal(pthread_create(&askers[i], NULL, ask_many, &loop), 0);
	for (size_t i = 0; i < RTE_DIM(askers); i++) {
		assert_int_equal(pthread_join(askers[i], &wrong), 0);
		assert_null(wrong);
	}
	atomic_store(&loop.is_ending, true);
	assert_int_equal(pthread_join(loop.thread, NULL), 0);
	ft_mailbox_free(&loop.mailbox);
}

// And a question given up is not answered later, when it is no longer there.
static void loop_that_stands_still_is_given_up(void **state)
{
	struct loop loop = { .factor = 3 };
	struct question question = { .request.serve = multiply, .asked = 5, .answer = -1 };

	ft_mailbox_init(&loop.mailbox);
	assert_int_equal(ft_mailbox_ask(&loop.mailbox, &question.request, 0), -ETIMEDOUT);
	ft_mailbox_serve(&loop.mailbox, &loop, 0);
	assert_int_equal(question.answer, -1);
	ft_mailbox_free(&loop.mailbox);
}

// ---- a loop that is slower than the asker is patient ----

struct slow_question {
	struct question question;
	atomic_bool is_begun;
	uint64_t given_up_at; // CLOCK_MONOTONIC, nanoseconds
};

static uint64_t clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * FT_SECOND + (uint64_t)now.tv_nsec;
}

static void multiply_late(struct ft_request *request, void *owner, ft_time now)
{
	struct slow_question *slow = (struct slow_question *)request;

	atomic_store(&slow->is_begun, true);
	while (clock_now() < slow->given_up_at + FT_MILLISECOND)
		;
	multiply(request, owner, now);
}

static int ask_slow(struct loop *loop, struct slow_question *slow, ft_time patience)
{
	slow->given_up_at = clock_now() + patience;
	return ft_mailbox_ask(&loop->mailbox, &slow->question.request, patience);
}

// What the loop has begun to answer is waited for, or it would answer into memory that is used for
// something else. The patience grows until the loop has begun within it.
static void answer_under_way_is_waited_for(void **state)
{
	struct slow_question slow = { .question = { .request.serve = multiply_late, .asked = 5 } };
	struct loop loop = { .factor = 3 };
	ft_time patience = FT_MILLISECOND;

	ft_mailbox_init(&loop.mailbox);
	assert_int_equal(pthread_create(&loop.thread, NULL, turn, &loop), 0);
	while (ask_slow(&loop, &slow, patience) == -ETIMEDOUT) {
		assert_false(atomic_load(&slow.is_begun));
		patience *= 2;
	}
	assert_true(atomic_load(&slow.is_begun));
	assert_int_equal(slow.question.answer, 15);
	atomic_store(&loop.is_ending, true);
	assert_int_equal(pthread_join(loop.thread, NULL), 0);
	ft_mailbox_free(&loop.mailbox);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(turning_loop_answers_every_asker),
		cmocka_unit_test(loop_that_stands_still_is_given_up),
		cmocka_unit_test(answer_under_way_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
