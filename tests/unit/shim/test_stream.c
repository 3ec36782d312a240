// Bytes over TCP: what the flags of send() and recv() do, and when calls wait.
#include <signal.h>

#include "shim_support.h"

static void connected_bytes_arrive_in_order(void **state)
{
	struct pair pair = new_pair();
	char bytes[100];

	assert_int_equal(ft_send(pair.client, "hello ", 6, 0), 6);
	assert_int_equal(ft_write(pair.client, "world", 5), 5);
	ft_lone_settle(&lone);
	assert_int_equal(ft_read(pair.server, bytes, sizeof(bytes)), 11);
	assert_memory_equal(bytes, "hello world", 11);
	close_pair(pair);
}

static void nothing_there_nonblocking_would_block(void **state)
{
	struct pair pair = new_pair();
	char byte;

	assert_fails(ft_recv(pair.server, &byte, 1, MSG_DONTWAIT), EAGAIN);
	set_nonblocking(pair.server);
	assert_fails(ft_recv(pair.server, &byte, 1, 0), EAGAIN);
	assert_fails(ft_recv(pair.server, &byte, 1, MSG_WAITALL), EAGAIN);
	close_pair(pair);
}

// A program that only spins on non-blocking calls turns the loop by them.
static void spinning_makes_progress(void **state)
{
	struct pair pair = new_pair();
	int spins = 0;
	char byte;

	assert_int_equal(ft_send(pair.client, "x", 1, 0), 1);
	while (ft_recv(pair.server, &byte, 1, MSG_DONTWAIT) != 1) {
		assert_int_equal(errno, EAGAIN);
		assert_true(++spins < 100);
	}
	close_pair(pair);
}

static void nothing_there_receive_times_out(void **state)
{
	struct timeval timeout = { .tv_usec = 300000 };
	struct pair pair = new_pair();
	ft_time before = lone.now;
	char byte;

	ft_setsockopt(pair.server, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	assert_fails(ft_recv(pair.server, &byte, 1, 0), EAGAIN);
	assert_in_range(lone.now - before, 300 * FT_MILLISECOND, 320 * FT_MILLISECOND);
	close_pair(pair);
}

static void waiting_interrupt_fails_the_call_once(void **state)
{
	struct pair pair = new_pair();
	char byte;

	ft_interrupt();
	ft_interrupt();
	assert_fails(ft_recv(pair.server, &byte, 1, 0), EINTR);
	assert_int_equal(ft_send(pair.client, "x", 1, 0), 1);
	assert_int_equal(ft_recv(pair.server, &byte, 1, 0), 1);
	close_pair(pair);
}

// It is for a call that waits.
static void nonblocking_call_is_not_interrupted(void **state)
{
	struct pair pair = new_pair();
	char byte;

	ft_interrupt();
	assert_fails(ft_recv(pair.server, &byte, 1, MSG_DONTWAIT), EAGAIN);
	assert_fails(ft_recv(pair.server, &byte, 1, 0), EINTR);
	close_pair(pair);
}

// As in Linux, and as without MSG_PEEK.
static void peek_for_all_interrupted_shows_what_is_there(void **state)
{
	struct pair pair = new_pair();
	char bytes[4];

	ft_interrupt();
	assert_fails(ft_recv(pair.server, bytes, 4, MSG_PEEK | MSG_WAITALL), EINTR);
	assert_int_equal(ft_send(pair.client, "ab", 2, 0), 2);
	ft_lone_settle(&lone);
	ft_interrupt();
	assert_int_equal(ft_recv(pair.server, bytes, 4, MSG_PEEK | MSG_WAITALL), 2);
	ft_interrupt();
	assert_int_equal(ft_recv(pair.server, bytes, 4, MSG_WAITALL), 2);
	close_pair(pair);
}

static void peek_leaves_the_bytes(void **state)
{
	struct pair pair = new_pair();
	char bytes[10];

	assert_int_equal(ft_send(pair.client, "abc", 3, 0), 3);
	assert_int_equal(ft_recv(pair.server, bytes, 2, MSG_PEEK), 2);
	assert_int_equal(ft_recv(pair.server, bytes, 10, MSG_PEEK), 3);
	assert_int_equal(ft_recv(pair.server, bytes, 10, 0), 3);
	assert_memory_equal(bytes, "abc", 3);
	close_pair(pair);
}

static void wait_all_comes_back_with_all(void **state)
{
	struct timeval timeout = { .tv_usec = 100000 };
	struct pair pair = new_pair();
	char bytes[6];

	assert_int_equal(ft_send(pair.client, "abc", 3, 0), 3);
	ft_lone_settle(&lone);
	assert_int_equal(ft_send(pair.client, "def", 3, 0), 3);
	assert_int_equal(ft_recv(pair.server, bytes, 6, MSG_WAITALL), 6);
	assert_memory_equal(bytes, "abcdef", 6);
	ft_setsockopt(pair.server, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	assert_int_equal(ft_send(pair.client, "gh", 2, 0), 2);
	assert_int_equal(ft_recv(pair.server, bytes, 6, MSG_WAITALL | MSG_PEEK), 2);
	assert_int_equal(ft_recv(pair.server, bytes, 6, MSG_WAITALL), 2);
	assert_int_equal(ft_send(pair.client, "ij", 2, 0), 2);
	ft_shutdown(pair.client, SHUT_WR);
	assert_int_equal(ft_recv(pair.server, bytes, 6, MSG_WAITALL | MSG_PEEK), 2);
	assert_int_equal(ft_recv(pair.server, bytes, 6, MSG_WAITALL), 2);
	assert_int_equal(ft_recv(pair.server, bytes, 6, MSG_WAITALL), 0);
	close_pair(pair);
}

static void truncating_receive_throws_away(void **state)
{
	struct pair pair = new_pair();
	char byte;

	assert_int_equal(ft_send(pair.client, "abc", 3, 0), 3);
	assert_int_equal(ft_recv(pair.server, NULL, 2, MSG_TRUNC), 2);
	assert_int_equal(ft_recv(pair.server, &byte, 1, 0), 1);
	assert_int_equal(byte, 'c');
	close_pair(pair);
}

static void vectors_are_gathered_and_scattered(void **state)
{
	struct pair pair = new_pair();
	char a[2], b[10];
	struct iovec out[] = { { NULL, 0 }, { "abc", 3 }, { "defg", 4 } };
	struct iovec in[] = { { a, 2 }, { b, 5 } };
	struct msghdr message = { .msg_iov = in, .msg_iovlen = 2, .msg_controllen = 77 };

	assert_int_equal(ft_writev(pair.client, out, 3), 7);
	assert_int_equal(ft_recvmsg(pair.server, &message, MSG_WAITALL), 7);
	assert_memory_equal(a, "ab", 2);
	assert_memory_equal(b, "cdefg", 5);
	assert_int_equal(message.msg_controllen, 0);
	close_pair(pair);
}

static uint8_t pattern(size_t i)
{
	return i * 31 + i / 251;
}

// A blocking send of more than all buffers hold: it must wait for room, piece by piece, and nothing
// of the uneven vectors may be lost or doubled.
static void large_vectors_survive_a_full_buffer(void **state)
{
	enum { SIZE = 3000001 };
	static uint8_t out[SIZE], in[SIZE];
	struct timeval timeout = { .tv_usec = 20000 };
	struct pair pair = new_pair();
	struct iovec iov[3];
	size_t sent = 0, received = 0;
	ssize_t count;

	for (size_t i = 0; i < SIZE; i++)
		out[i] = pattern(i);
	ft_setsockopt(pair.client, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	set_nonblocking(pair.server);
	while (received < SIZE) {
		size_t left = SIZE - sent;

		iov[0] = (struct iovec){ out + sent, left / 3 };
		iov[1] = (struct iovec){ out + sent + left / 3, left / 5 };
		iov[2] = (struct iovec){ out + sent + left / 3 + left / 5,
			left - left / 3 - left / 5 };
		count = left > 0 ? ft_writev(pair.client, iov, 3) : 0;
		sent += count > 0 ? count : 0;
		while ((count = ft_recv(pair.server, in + received, 70001, 0)) > 0)
			received += count;
		assert_int_equal(errno, EAGAIN);
	}
	assert_int_equal(sent, SIZE);
	assert_memory_equal(in, out, SIZE);
	close_pair(pair);
}

static volatile sig_atomic_t pipes;

static void on_pipe(int number)
{
	pipes++;
}

static void shut_write_send_is_a_broken_pipe(void **state)
{
	struct pair pair = new_pair();
	char byte;

	signal(SIGPIPE, on_pipe);
	assert_int_equal(ft_shutdown(pair.client, SHUT_WR), 0);
	assert_fails(ft_send(pair.client, "x", 1, MSG_NOSIGNAL), EPIPE);
	assert_int_equal(pipes, 0);
	assert_fails(ft_send(pair.client, "x", 1, 0), EPIPE);
	assert_fails(ft_write(pair.client, "x", 1), EPIPE);
	assert_int_equal(pipes, 2);
	// The other half still works.
	assert_int_equal(ft_recv(pair.server, &byte, 1, 0), 0);
	assert_int_equal(ft_send(pair.server, "x", 1, 0), 1);
	assert_int_equal(ft_recv(pair.client, &byte, 1, 0), 1);
	close_pair(pair);
}

static void reset_is_told_once_then_it_is_over(void **state)
{
	struct linger linger = { .l_onoff = 1 };
	struct pair pair = new_pair();
	char byte;

	ft_setsockopt(pair.client, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	ft_close(pair.client);
	assert_fails(ft_recv(pair.server, &byte, 1, 0), ECONNRESET);
	assert_int_equal(ft_recv(pair.server, &byte, 1, 0), 0);
	assert_fails(ft_send(pair.server, "x", 1, MSG_NOSIGNAL), EPIPE);
	ft_close(pair.server);
}

static void unconnected_calls_say_so(void **state)
{
	int fd = new_tcp(), listener = new_listener(7000);
	char byte;

	assert_fails(ft_recv(fd, &byte, 1, 0), ENOTCONN);
	assert_fails(ft_recv(listener, &byte, 1, 0), ENOTCONN);
	assert_fails(ft_send(fd, "x", 1, MSG_NOSIGNAL), EPIPE);
	assert_fails(ft_shutdown(fd, SHUT_RDWR), ENOTCONN);
}

static void urgent_byte_is_received_apart(void **state)
{
	struct pair pair = new_pair();
	char bytes[10];

	assert_int_equal(ft_send(pair.client, "ab", 2, 0), 2);
	assert_int_equal(ft_send(pair.client, "!", 1, MSG_OOB), 1);
	assert_int_equal(ft_send(pair.client, "cd", 2, 0), 2);
	ft_lone_settle(&lone);
	assert_int_equal(ft_sockatmark(pair.server), 0);
	assert_int_equal(ft_recv(pair.server, bytes, 10, 0), 2); // up to the mark
	assert_int_equal(ft_sockatmark(pair.server), 1);
	assert_int_equal(ft_recv(pair.server, bytes, 1, MSG_OOB), 1);
	assert_int_equal(bytes[0], '!');
	assert_int_equal(ft_recv(pair.server, bytes, 10, 0), 2);
	assert_memory_equal(bytes, "cd", 2);
	assert_fails(ft_recv(pair.server, bytes, 1, MSG_OOB), EINVAL);
	close_pair(pair);
}

static void corked_bytes_wait_for_the_rest(void **state)
{
	struct pair pair = new_pair();
	char bytes[10];

	assert_int_equal(ft_send(pair.client, "ab", 2, MSG_MORE), 2);
	ft_lone_settle(&lone);
	assert_fails(ft_recv(pair.server, bytes, 10, MSG_DONTWAIT), EAGAIN);
	assert_int_equal(ft_send(pair.client, "c", 1, 0), 1);
	assert_int_equal(ft_recv(pair.server, bytes, 3, MSG_WAITALL), 3);
	close_pair(pair);
}

static void counts_of_bytes_are_told(void **state)
{
	struct pair pair = new_pair();
	int bytes;

	assert_int_equal(ft_send(pair.client, "abcde", 5, 0), 5);
	assert_int_equal(ft_ioctl(pair.client, SIOCOUTQ, &bytes), 0);
	assert_int_equal(bytes, 5);
	assert_int_equal(ft_ioctl(pair.client, SIOCOUTQNSD, &bytes), 0);
	assert_int_equal(bytes, 5);
	ft_lone_run_for(&lone, FT_SECOND);
	assert_int_equal(ft_ioctl(pair.server, FIONREAD, &bytes), 0);
	assert_int_equal(bytes, 5);
	assert_int_equal(ft_ioctl(pair.client, SIOCOUTQ, &bytes), 0);
	assert_int_equal(bytes, 0);
	assert_fails(ft_ioctl(new_listener(7000), FIONREAD, &bytes), EINVAL);
	assert_fails(ft_ioctl(pair.client, 12345, &bytes), ENOTTY);
	assert_fails(ft_ioctl(pair.client, FIONREAD, NULL), EFAULT);
	close_pair(pair);
}

static void wrong_arguments_are_refused(void **state)
{
	static struct iovec many[1025];
	struct iovec null = { NULL, 4 };
	struct iovec huge[] = { { many, INT64_MAX }, { many, 1 } };
	struct msghdr message = { .msg_iov = many, .msg_iovlen = 1025 };
	struct pair pair = new_pair();
	char byte;

	assert_fails(ft_send(pair.client, NULL, 1, 0), EFAULT);
	assert_fails(ft_recv(pair.client, NULL, 1, 0), EFAULT);
	assert_fails(ft_writev(pair.client, &null, 1), EFAULT);
	assert_fails(ft_writev(pair.client, many, 1025), EINVAL);
	assert_fails(ft_writev(pair.client, many, -1), EINVAL);
	assert_fails(ft_readv(pair.client, many, -1), EINVAL);
	assert_fails(ft_writev(pair.client, huge, 2), EINVAL);
	assert_fails(ft_sendmsg(pair.client, &message, 0), EMSGSIZE);
	assert_fails(ft_sendmsg(pair.client, NULL, 0), EFAULT);
	assert_fails(ft_recvmsg(pair.client, NULL, 0), EFAULT);
	assert_fails(ft_send(pair.client, "x", 1, MSG_FASTOPEN), EOPNOTSUPP);
	assert_fails(ft_recv(pair.client, &byte, 1, MSG_ERRQUEUE), EOPNOTSUPP);
	assert_int_equal(ft_send(pair.client, NULL, 0, 0), 0);
	close_pair(pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lone_test(connected_bytes_arrive_in_order),
		lone_test(nothing_there_nonblocking_would_block),
		lone_test(spinning_makes_progress),
		lone_test(nothing_there_receive_times_out),
		lone_test(waiting_interrupt_fails_the_call_once),
		lone_test(nonblocking_call_is_not_interrupted),
		lone_test(peek_for_all_interrupted_shows_what_is_there),
		lone_test(peek_leaves_the_bytes),
		lone_test(wait_all_comes_back_with_all),
		lone_test(truncating_receive_throws_away),
		lone_test(vectors_are_gathered_and_scattered),
		lone_test(large_vectors_survive_a_full_buffer),
		lone_test(shut_write_send_is_a_broken_pipe),
		lone_test(reset_is_told_once_then_it_is_over),
		lone_test(unconnected_calls_say_so),
		lone_test(urgent_byte_is_received_apart),
		lone_test(corked_bytes_wait_for_the_rest),
		lone_test(counts_of_bytes_are_told),
		lone_test(wrong_arguments_are_refused),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
