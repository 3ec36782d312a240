#include "task.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "network.h"
#include "scenario.h"
#include "shim/thread.h"

#if defined(__SANITIZE_ADDRESS__)
#define IS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_ASAN 1
#endif
#endif
#ifdef IS_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

#define STACK_BYTES (512 * 1024)
#define GUARD_BYTES 4096

struct ft_task {
	struct ft_network *network;
	struct ft_host *host;
	void (*function)(void *arg);
	void *arg;
	char *memory; // guard page, then the stack
	ucontext_t context;
	ucontext_t caller;
	void *fake_stack; // AddressSanitizer's, while we are switched out
	ft_time wakes_at;
	bool waits_for_host;
	bool is_over;
};

static struct ft_task *running;

// AddressSanitizer must be told of each change of stacks; without it nothing is to be done.
static void before_switch(void **fake_stack, const void *bottom, size_t bytes)
{
#ifdef IS_ASAN
	__sanitizer_start_switch_fiber(fake_stack, bottom, bytes);
#endif
}

static void after_switch(void *fake_stack, const void **bottom, size_t *bytes)
{
#ifdef IS_ASAN
	__sanitizer_finish_switch_fiber(fake_stack, bottom, bytes);
#endif
}

static const void *main_bottom;
static size_t main_bytes;

static void pause_task(struct ft_task *task)
{
	before_switch(task->is_over ? NULL : &task->fake_stack, main_bottom, main_bytes);
	swapcontext(&task->context, &task->caller);
	after_switch(task->fake_stack, &main_bottom, &main_bytes);
}

static void begin(void)
{
	struct ft_task *task = running;

	after_switch(NULL, &main_bottom, &main_bytes);
	task->function(task->arg);
	task->is_over = true;
	task->wakes_at = FT_NEVER;
	pause_task(task);
}

struct ft_task *ft_task_start(
	struct ft_network *network, struct ft_host *host, void (*function)(void *arg), void *arg)
{
	struct ft_task *task = calloc(1, sizeof(*task));

	ft_expect(task != NULL);
	ft_expect(network->task_count < FT_NETWORK_TASKS);
	task->network = network;
	task->host = host;
	task->function = function;
	task->arg = arg;
	task->wakes_at = network->now;
	task->memory = mmap(NULL, GUARD_BYTES + STACK_BYTES, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ft_expect(task->memory != MAP_FAILED);
	ft_expect(mprotect(task->memory, GUARD_BYTES, PROT_NONE) == 0);
	getcontext(&task->context);
	task->context.uc_stack.ss_sp = task->memory + GUARD_BYTES;
	task->context.uc_stack.ss_size = STACK_BYTES;
	makecontext(&task->context, begin, 0);
	network->tasks[network->task_count++] = task;
	return task;
}

void ft_task_free(struct ft_task *task)
{
	munmap(task->memory, GUARD_BYTES + STACK_BYTES);
	free(task);
}

void ft_task_sleep(ft_time duration)
{
	running->wakes_at = running->network->now + duration;
	pause_task(running);
}

void ft_task_yield(void)
{
	running->waits_for_host = true;
	pause_task(running);
}

void ft_task_join(struct ft_task *other)
{
	while (!other->is_over)
		ft_task_sleep(FT_MILLISECOND);
}

bool ft_task_is_over(const struct ft_task *task)
{
	return task->is_over;
}

bool ft_task_is_dead(const struct ft_task *task)
{
	return task->host != NULL && (task->host->is_gone || task->host->has_restarted);
}

ft_time ft_task_wakes_at(const struct ft_task *task)
{
	return ft_task_is_dead(task) ? FT_NEVER : task->wakes_at;
}

struct ft_host *ft_task_host(const struct ft_task *task)
{
	return task->host;
}

static ft_time runner_now(void *arg)
{
	struct ft_task *task = arg;

	return task->network->now;
}

static ft_time runner_turn(void *arg)
{
	struct ft_task *task = arg;

	ft_task_yield();
	return task->network->now;
}

static void runner_turn_at_once(void *arg)
{
	ft_network_turn(((struct ft_task *)arg)->host);
}

bool ft_task_resume(struct ft_task *task, const struct ft_host *has_turned)
{
	struct ft_runner runner = { .arg = task,
		.now = runner_now,
		.turn = runner_turn,
		.turn_at_once = runner_turn_at_once };
	bool has_turn = task->waits_for_host && task->host == has_turned && !ft_task_is_dead(task);
	void *fake_stack = NULL;

	if (task->is_over || (!has_turn && ft_task_wakes_at(task) > task->network->now))
		return false;
	task->wakes_at = FT_NEVER;
	task->waits_for_host = false;
	ft_thread_attach(task->host != NULL ? &task->host->stack : NULL, &runner);
	running = task;
	before_switch(&fake_stack, task->memory + GUARD_BYTES, STACK_BYTES);
	swapcontext(&task->caller, &task->context);
	after_switch(fake_stack, NULL, NULL);
	running = NULL;
	return true;
}
