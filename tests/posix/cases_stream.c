// Bytes of a stream: send(2), recv(2), and their flags.
#include <limits.h>

#include "steps.h"

static void connected_send_and_receive(void)
{
	struct pair pair = new_pair();

	DO(put(pair.client, "hello", 0));
	DO(put(pair.client, " world", 0));
	DO(take(pair.server, 100, 0)); // no boundaries
	DO(take(pair.server, 100, 0));
	DO(put(pair.server, "back", 0));
	DO(take(pair.client, 100, 0));
}

static void data_partial_reads(void)
{
	struct pair pair = new_pair();

	DO(put(pair.client, "abcdef", 0));
	DO(take(pair.server, 2, 0));
	DO(take(pair.server, 1, 0));
	DO(take(pair.server, 100, 0));
	DO(take(pair.server, 1, 0));
}

static void any_zero_bytes(void)
{
	struct pair pair = new_pair();

	DO(take(pair.server, 0, 0)); // Linux waits for data first
	DO(put(pair.client, "", 0));
	DO(os->write(pair.client, "", 0));
	DO(os->send(pair.client, NULL, 0, 0));
	DO(put(pair.client, "x", 0));
	DO(take(pair.server, 0, 0));
	DO(os->recv(pair.server, NULL, 0, 0));
	DO(take(pair.server, 1, 0));
	DO(os->readv(pair.server, NULL, 0));
	DO(os->writev(pair.client, NULL, 0));
}

static void data_peek(void)
{
	struct pair pair = new_pair();

	DO(put(pair.client, "abcdef", 0));
	DO(take(pair.server, 3, MSG_PEEK));
	DO(take(pair.server, 100, MSG_PEEK));
	DO(take(pair.server, 3, 0));
	DO(take(pair.server, 100, MSG_PEEK));
	DO(take(pair.server, 100, 0));
	DO(take(pair.server, 100, MSG_PEEK));
	MUST(os->close(pair.client));
	DO(take(pair.server, 100, MSG_PEEK));
}

static void data_peek_over_segments(void)
{
	struct pair pair = new_pair();

	DO(put(pair.client, "abc", 0));
	DO(put(pair.client, "def", 0));
	DO(take(pair.server, 5, MSG_PEEK));
	DO(take(pair.server, 4, 0));
	DO(take(pair.server, 5, MSG_PEEK | MSG_DONTWAIT));
}

static void data_truncate_discards(void)
{
	struct pair pair = new_pair();

	DO(put(pair.client, "abcdef", 0));
	DO(os->recv(pair.server, NULL, 4, MSG_TRUNC));
	DO(take(pair.server, 100, 0));
	DO(put(pair.client, "abcdef", 0));
	DO(os->recv(pair.server, NULL, 4, MSG_TRUNC | MSG_PEEK));
	DO(os->recv(pair.server, NULL, 100, MSG_TRUNC));
	DO(os->recv(pair.server, NULL, 4, MSG_TRUNC));
}

static void data_waitall(void)
{
	struct pair pair = new_pair();

	MUST(os->fcntl(pair.server, F_SETFL, 0));
	DO(put(pair.client, "abcdef", 0));
	DO(take(pair.server, 6, MSG_WAITALL));
	DO(put(pair.client, "abc", 0));
	DO(set_timeout(pair.server, SO_RCVTIMEO, 30));
	DO(take(pair.server, 6, MSG_WAITALL)); // what there is, when time is up
	DO(put(pair.client, "abc", 0));
	DO(take(pair.server, 6, MSG_WAITALL | MSG_DONTWAIT));
	DO(put(pair.client, "abc", 0));
	MUST(os->shutdown(pair.client, SHUT_WR));
	DO(take(pair.server, 6, MSG_WAITALL));
	DO(take(pair.server, 6, MSG_WAITALL));
}

static void data_waitall_peek(void)
{
	struct pair pair = new_pair();

	MUST(os->fcntl(pair.server, F_SETFL, 0));
	MUST(set_timeout(pair.server, SO_RCVTIMEO, 30));
	DO(put(pair.client, "abc", 0));
	DO(take(pair.server, 3, MSG_WAITALL | MSG_PEEK));
	DO(take(pair.server, 3, MSG_WAITALL));
}

static void waitall_reset(void)
{
	struct pair pair = new_pair();

	MUST(os->fcntl(pair.server, F_SETFL, 0));
	MUST(set_linger(pair.client, 1, 0));
	DO(put(pair.client, "abc", 0));
	DO(os->close(pair.client));
	DO(take(pair.server, 6, MSG_WAITALL));
	DO(take(pair.server, 6, MSG_WAITALL));
}

static void nothing_there_receive(void)
{
	struct pair pair = new_pair();
	uint64_t since;

	DO(take(pair.server, 1, 0));
	DO(os->read(pair.server, NULL, 0));
	MUST(os->fcntl(pair.server, F_SETFL, 0));
	DO(take(pair.server, 1, MSG_DONTWAIT));
	MUST(set_timeout(pair.server, SO_RCVTIMEO, 30));
	since = ft_step_clock();
	DO(take(pair.server, 1, 0));
	DO(ft_step_has_passed(since, 30));
}

static void nothing_there_receive_nothing(void)
{
	struct pair pair = new_pair();

	MUST(os->fcntl(pair.server, F_SETFL, 0));
	MUST(set_timeout(pair.server, SO_RCVTIMEO, 30));
	DO(take(pair.server, 0, 0));
}

static void nothing_there_read_to_null(void)
{
	DO(os->read(new_pair().server, NULL, 1));
}

static void not_connected_data_calls(void)
{
	int fd = new_tcp(), bytes = -1;

	DO(take(fd, 4, 0));
	DO(take(fd, 4, MSG_PEEK));
	DO(take(fd, 4, MSG_OOB));
	DO(put(fd, "x", 0));
	DO(put(fd, "x", MSG_NOSIGNAL));
	DO(put(fd, "", 0));
	DO(put_to(fd, "x", LOCAL, PORT));
	DO(os->ioctl(fd, FIONREAD, &bytes));
	DO(bytes);
	DO(os->ioctl(fd, SIOCOUTQ, &bytes));
	DO(bytes);
	DO(os->sockatmark(fd));
	DO(os->shutdown(fd, SHUT_WR));
	DO(events_of(fd, ALL_EVENTS));
	DO(tcp_state(fd));
}

static void data_other_calls(void)
{
	struct pair pair = new_pair();
	char one[3] = "", two[4] = "";
	struct iovec out[] = { { "ab", 2 }, { "", 0 }, { "cdef", 4 } };
	struct iovec in[] = { { one, 2 }, { NULL, 0 }, { two, 3 } };
	struct msghdr message = { .msg_iov = in, .msg_iovlen = 3 };

	DO(os->write(pair.client, "hello", 5));
	DO(take(pair.server, 9, 0));
	DO(os->writev(pair.client, out, 3));
	DO(os->readv(pair.server, in, 3));
	DO(memcmp(one, "ab", 2) == 0 && memcmp(two, "cde", 3) == 0);
	DO(os->sendmsg(pair.client, &(struct msghdr){ .msg_iov = out, .msg_iovlen = 3 }, 0));
	DO(os->recvmsg(pair.server, &message, MSG_PEEK));
	DO(message.msg_flags);
	DO(os->recvmsg(pair.server, &message, 0));
	DO(os->recvmsg(pair.server, &message, 0));
}

static void any_vector_bad(void)
{
	struct pair pair = new_pair();
	struct iovec iov[] = { { NULL, 3 } }, huge[] = { { "x", 1 }, { "x", SIZE_MAX } };
	struct msghdr none = { .msg_iovlen = 1 }, many = { .msg_iov = iov, .msg_iovlen = 1025 };

	DO(put(pair.client, "abc", 0));
	DO(os->writev(pair.client, iov, -1));
	DO(os->writev(pair.client, iov, 1025));
	DO(os->writev(pair.client, NULL, 1));
	DO(os->writev(pair.client, iov, 1));
	DO(os->writev(pair.client, huge, 2));
	DO(os->readv(pair.server, iov, -1));
	DO(os->readv(pair.server, iov, 1025));
	DO(os->readv(pair.server, iov, 1));
	DO(os->sendmsg(pair.client, NULL, 0));
	DO(os->sendmsg(pair.client, &none, 0));
	DO(os->sendmsg(pair.client, &many, 0));
	DO(os->recvmsg(pair.server, NULL, 0));
	DO(os->recvmsg(pair.server, &none, 0));
	DO(os->recvmsg(pair.server, &many, 0));
	DO(os->send(pair.client, NULL, 3, 0));
	DO(os->recv(pair.server, NULL, 3, 0));
	DO(take(pair.server, 9, 0)); // nothing was lost by that
}

// What is given besides the data, to a stream or with a datagram.
static void any_message_extras(int is_udp)
{
	int fd = is_udp ? new_udp_bound() : new_pair().client;
	struct sockaddr_in name = in4(LOCAL, PORT);
	struct iovec iov = { "x", 1 };
	struct cmsghdr control[2] = { { .cmsg_len = sizeof(control[0]), .cmsg_level = 9999 } };
	struct msghdr message = {
		.msg_name = &name, .msg_namelen = -1, .msg_iov = &iov, .msg_iovlen = 1
	};

	DO(os->sendmsg(fd, &message, 0));
	DO(os->sendto(fd, "x", 1, 0, (struct sockaddr *)&name, -1));
	message.msg_namelen = sizeof(name);
	message.msg_controllen = sizeof(control[0]);
	DO(os->sendmsg(fd, &message, 0)); // NULL
	message.msg_control = control;
	DO(os->sendmsg(fd, &message, 0)); // of a level that is not asked
	control[0].cmsg_len = 3;
	DO(os->sendmsg(fd, &message, 0));
	control[0].cmsg_len = sizeof(control[0]) + 1;
	DO(os->sendmsg(fd, &message, 0));
	control[0].cmsg_len = SIZE_MAX;
	DO(os->sendmsg(fd, &message, 0));
	message.msg_controllen = sizeof(control);
	control[0].cmsg_len = sizeof(control[0]);
	DO(os->sendmsg(fd, &message, 0)); // the second is cut off
	message.msg_controllen = sizeof(control) - 1;
	DO(os->sendmsg(fd, &message, 0)); // there is no second
	message.msg_controllen = sizeof(control[0]);
	control[0].cmsg_level = SOL_SOCKET;
	control[0].cmsg_type = 99;
	DO(os->sendmsg(fd, &message, 0));
	control[0].cmsg_level = IPPROTO_IP;
	DO(os->sendmsg(fd, &message, 0));
}

// Lengths that no honest program gives. Peeking shows that what waits is untouched.
static void data_message_lengths(int is_udp)
{
	static struct iovec empty[1025];
	struct pair pair = { .server = is_udp ? new_udp_bound() : -1 };
	char byte;
	struct sockaddr_in name;
	struct iovec iov[] = { { &byte, 1 }, { &byte, SSIZE_MAX } };
	struct msghdr message = { .msg_name = &name, .msg_iov = iov, .msg_iovlen = 1 };
	struct msghdr out = { .msg_iov = iov, .msg_iovlen = 2 }, empty_out = { 0 };
	socklen_t length = -1;

	if (is_udp)
		MUST(connect_to(pair.client = new_udp(), LOCAL, PORT));
	else
		pair = new_pair();
	DO(put(pair.client, "abc", 0));
	DO(put(pair.client, "de", 0));
	message.msg_namelen = -1;
	DO(os->recvmsg(pair.server, &message, 0));
	DO(os->recvmsg(999, &message, 0));
	message.msg_namelen = INT32_MIN;
	DO(os->recvmsg(pair.server, &message, 0));
	message.msg_name = NULL; // whose length may be anything
	DO(os->recvmsg(pair.server, &message, MSG_PEEK));
	message.msg_name = &name;
	message.msg_namelen = INT32_MAX;
	DO(os->recvmsg(pair.server, &message, MSG_PEEK));
	DO((long)message.msg_namelen);

	message.msg_iov = empty;
	message.msg_iovlen = 1024;
	DO(os->recvmsg(pair.server, &message, MSG_PEEK));
	message.msg_iovlen = 1025;
	DO(os->recvmsg(pair.server, &message, MSG_PEEK));
	message.msg_iovlen = SIZE_MAX;
	DO(os->recvmsg(pair.server, &message, MSG_PEEK));
	message.msg_iov = iov;
	message.msg_iovlen = 2; // together longer than SSIZE_MAX
	DO(os->recvmsg(pair.server, &message, MSG_PEEK));
	DO(os->sendmsg(pair.client, &out, 0));
	iov[0].iov_len = SIZE_MAX;
	DO(os->recvmsg(pair.server, &message, MSG_PEEK));
	DO(os->sendmsg(pair.client, &out, 0));

	message.msg_iovlen = 0;
	DO(os->recvmsg(pair.server, &message, MSG_PEEK));
	message.msg_iov = NULL;
	DO(os->recvmsg(pair.server, &message, MSG_PEEK));
	DO(take(pair.server, 9, MSG_PEEK));
	DO(os->recvmsg(pair.server, &message, 0)); // of a datagram nothing is left
	DO(os->sendmsg(pair.client, &empty_out, 0));
	DO(take(pair.server, 9, 0));
	DO(take(pair.server, 9, 0));
	DO(os->recvmsg(pair.server, &message, MSG_DONTWAIT));

	DO(put(pair.client, "f", 0));
	DO(os->recvfrom(pair.server, &byte, 1, 0, (struct sockaddr *)&name, &length));
	DO(take(pair.server, 9, 0));
}

static void connected_sendto_name_is_ignored(void)
{
	struct pair pair = new_pair();

	DO(put_to(pair.client, "x", OTHER, OTHER_PORT));
	DO(take_from(pair.server, 4, 0));
}

static void connected_recvfrom_no_name(void)
{
	struct pair pair = new_pair();
	struct sockaddr_in name = in4(OTHER, OTHER_PORT);
	socklen_t length = sizeof(name);
	char byte;

	DO(put(pair.client, "xy", 0));
	DO(os->recvfrom(pair.server, &byte, 1, 0, (struct sockaddr *)&name, &length));
	DO((long)length);
	DO(name.sin_family);
}

static void any_unknown_flags(void)
{
	struct pair pair = new_pair();

	DO(put(pair.client, "a", MSG_EOR));
	DO(put(pair.client, "b", MSG_CONFIRM));
	DO(put(pair.client, "c", MSG_DONTROUTE));
	DO(put(pair.client, "d", MSG_MORE));
	DO(put(pair.client, "e", MSG_NOSIGNAL | MSG_DONTWAIT));
	DO(take(pair.server, 9, MSG_NOSIGNAL));
}

// ---- urgent data ----

static void urgent_receive(void)
{
	struct pair pair = new_pair();

	DO(put(pair.client, "ab", 0));
	DO(put(pair.client, "cd!", MSG_OOB));
	DO(put(pair.client, "ef", 0));
	DO(events_of(pair.server, ALL_EVENTS));
	DO(os->sockatmark(pair.server));
	DO(take(pair.server, 9, MSG_OOB | MSG_PEEK));
	DO(take(pair.server, 9, MSG_OOB));
	DO(take(pair.server, 9, MSG_OOB));
	DO(take(pair.server, 9, 0)); // to the mark
	DO(os->sockatmark(pair.server));
	DO(take(pair.server, 9, 0));
	DO(os->sockatmark(pair.server));
	DO(events_of(pair.server, ALL_EVENTS));
}

static void urgent_message_says_so(void)
{
	struct pair pair = new_pair();
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	DO(os->recvmsg(pair.server, &message, MSG_OOB));
	DO(message.msg_flags);
	MUST(put(pair.client, "ab!", MSG_OOB));
	DO(os->recvmsg(pair.server, &message, MSG_OOB));
	DO(message.msg_flags == MSG_OOB);
	DO(os->recvmsg(pair.server, &message, 0));
	DO(message.msg_flags);
}

static void urgent_alone(void)
{
	struct pair pair = new_pair();

	DO(put(pair.client, "!", MSG_OOB));
	DO(events_of(pair.server, ALL_EVENTS));
	DO(os->sockatmark(pair.server));
	DO(take(pair.server, 9, 0));
	DO(take(pair.server, 1, MSG_OOB));
	DO(events_of(pair.server, ALL_EVENTS));
	DO(take(pair.server, 9, 0));
}

static void urgent_reset(void)
{
	struct pair pair = new_pair();

	DO(put(pair.client, "ab!", MSG_OOB));
	MUST(set_linger(pair.client, 1, 0));
	DO(os->close(pair.client));
	DO(take(pair.server, 1, MSG_OOB));
	DO(take(pair.server, 9, 0));
	DO(take(pair.server, 9, 0));
}

static void urgent_inline(void)
{
	struct pair pair = new_pair();

	MUST(set(pair.server, SOL_SOCKET, SO_OOBINLINE, 1));
	DO(put(pair.client, "ab!", MSG_OOB));
	DO(put(pair.client, "cd", 0));
	DO(events_of(pair.server, ALL_EVENTS));
	DO(take(pair.server, 9, MSG_OOB));
	DO(take(pair.server, 9, 0));
	DO(os->sockatmark(pair.server));
	DO(take(pair.server, 9, 0));
	DO(events_of(pair.server, ALL_EVENTS));
}

// What is before the mark is all that is to be had in one go, however much is waited for.
static void urgent_waitall(void)
{
	struct pair pair = new_pair();

	MUST(os->fcntl(pair.server, F_SETFL, 0));
	MUST(set_timeout(pair.server, SO_RCVTIMEO, 30));
	DO(put(pair.client, "ab", 0));
	DO(put(pair.client, "!", MSG_OOB));
	DO(put(pair.client, "cd", 0));
	DO(take(pair.server, 4, MSG_WAITALL));
	DO(os->sockatmark(pair.server));
	DO(take(pair.server, 2, MSG_WAITALL));
}

static void urgent_not_there(void)
{
	struct pair pair = new_pair();

	DO(take(pair.server, 1, MSG_OOB));
	DO(put(pair.client, "a", 0));
	DO(take(pair.server, 1, MSG_OOB));
	DO(os->sockatmark(pair.server));
	MUST(os->shutdown(pair.client, SHUT_WR));
	DO(take(pair.server, 1, MSG_OOB));
}

static void urgent_twice(void)
{
	struct pair pair = new_pair();

	DO(put(pair.client, "a!", MSG_OOB));
	DO(put(pair.client, "b?", MSG_OOB));
	DO(take(pair.server, 1, MSG_OOB));
	DO(take(pair.server, 9, 0));
	DO(take(pair.server, 9, 0));
}

// What MSG_OOB has taken does not come again in the stream.
static void urgent_taken_stays_taken(void)
{
	struct pair pair = new_pair();

	for (int i = 0; i < 3; i++) {
		DO(put(pair.client, "x", MSG_OOB));
		DO(take(pair.server, 1, MSG_OOB));
	}
	DO(put(pair.client, "end", 0));
	DO(take(pair.server, 9, 0));
	DO(take(pair.server, 9, 0));
}

// Nor does one that nobody took when the next comes, if the reader stands at it.
static void urgent_again_while_at_mark(int is_inline)
{
	struct pair pair = new_pair();

	MUST(set(pair.server, SOL_SOCKET, SO_OOBINLINE, is_inline));
	DO(put(pair.client, "u", MSG_OOB));
	DO(put(pair.client, "v", MSG_OOB));
	DO(os->sockatmark(pair.server));
	DO(events_of(pair.server, ALL_EVENTS));
	DO(take(pair.server, 9, 0));
	DO(take(pair.server, 9, MSG_OOB));
	DO(take(pair.server, 9, 0));
}

// FIONREAD counts to the mark.
static void urgent_counts(int is_inline)
{
	struct pair pair = new_pair();
	int bytes = -1;

	MUST(set(pair.server, SOL_SOCKET, SO_OOBINLINE, is_inline));
	DO(put(pair.client, "ab!", MSG_OOB));
	DO(put(pair.client, "later", 0));
	DO(os->ioctl(pair.server, FIONREAD, &bytes));
	DO(bytes);
	DO(take(pair.server, 9, 0));
	DO(os->ioctl(pair.server, FIONREAD, &bytes));
	DO(bytes);
	DO(take(pair.server, 9, 0));
	DO(os->ioctl(pair.server, FIONREAD, &bytes));
	DO(bytes);
}

// Neither Nagle nor a cork holds it back, nor what is before it.
static void urgent_does_not_wait(int is_corked)
{
	struct pair pair = new_pair();

	MUST(set(pair.client, IPPROTO_TCP, TCP_NODELAY, 0));
	MUST(set(pair.client, IPPROTO_TCP, TCP_CORK, is_corked));
	DO(put(pair.client, "a", 0));
	DO(put(pair.client, "b", 0));
	DO(put(pair.client, "!", MSG_OOB));
	DO(events_of(pair.server, ALL_EVENTS));
	DO(take(pair.server, 9, MSG_OOB));
	DO(take(pair.server, 9, 0));
}

// What comes afterwards does not move the mark in what had come before.
static void urgent_shut_reading(void)
{
	struct pair pair = new_pair();

	DO(put(pair.client, "ab!", MSG_OOB));
	DO(os->shutdown(pair.server, SHUT_RD));
	DO(put(pair.client, "later", 0));
	DO(take(pair.server, 9, 0));
	DO(os->sockatmark(pair.server));
	DO(take(pair.server, 9, MSG_OOB));
}

// ---- full buffers, counts ----

static void reader_sleeps_writer_fills(void)
{
	static char bytes[65536];
	struct pair pair = new_pair();
	long count, total = 0;

	while ((count = os->send(pair.client, bytes, sizeof(bytes), 0)) > 0 ||
		events_of(pair.client, POLLOUT) > 0) {
		total += count > 0 ? count : 0;
		MUST(0); // lets it arrive
	}
	DO(total > 65536);
	DO(os->send(pair.client, bytes, 1, 0));
	DO(events_of(pair.client, POLLOUT));
	MUST(os->fcntl(pair.client, F_SETFL, 0));
	MUST(set_timeout(pair.client, SO_SNDTIMEO, 20));
	DO(os->send(pair.client, bytes, 1, 0));
	while ((count = os->recv(pair.server, bytes, sizeof(bytes), 0)) > 0) {
		total -= count;
		MUST(0);
	}
	DO(total);
	DO(events_of(pair.client, POLLOUT));
	DO(os->send(pair.client, bytes, 1, 0));
}

static void data_counts(void)
{
	struct pair pair = new_pair();
	int bytes = -1;

	DO(os->ioctl(pair.server, FIONREAD, &bytes));
	DO(bytes);
	DO(put(pair.client, "abc", 0));
	DO(put(pair.client, "de", 0));
	DO(os->ioctl(pair.server, FIONREAD, &bytes));
	DO(bytes);
	DO(take(pair.server, 1, 0));
	DO(os->ioctl(pair.server, FIONREAD, &bytes));
	DO(bytes);
	DO(os->ioctl(pair.server, SIOCOUTQ, &bytes));
	DO(bytes);
	DO(os->ioctl(pair.server, SIOCOUTQNSD, &bytes));
	DO(bytes);
	MUST(os->close(pair.client));
	DO(os->ioctl(pair.server, FIONREAD, &bytes));
	DO(bytes);
}

static void corked_data_waits(void)
{
	struct pair pair = new_pair();

	MUST(set(pair.client, IPPROTO_TCP, TCP_CORK, 1));
	DO(put(pair.client, "abc", 0));
	DO(take(pair.server, 9, 0));
	MUST(set(pair.client, IPPROTO_TCP, TCP_CORK, 0));
	DO(take(pair.server, 9, 0));
	DO(put(pair.client, "abc", MSG_MORE));
	DO(take(pair.server, 9, 0));
	DO(put(pair.client, "def", 0));
	DO(take(pair.server, 9, 0));
}

static void more_waits_for_more(void)
{
	struct pair pair = new_pair();

	DO(put(pair.client, "abc", MSG_MORE));
	DO(take(pair.server, 9, 0));
	MUST(set(pair.client, IPPROTO_TCP, TCP_CORK, 0));
	DO(take(pair.server, 9, 0));
	DO(os->shutdown(pair.client, SHUT_WR));
	DO(take(pair.server, 9, 0));
}

// tcp(7): even when it was set before, and through a cork.
static void corked_no_delay_flushes(void)
{
	struct pair pair = new_pair();

	MUST(set(pair.client, IPPROTO_TCP, TCP_CORK, 1));
	for (int i = 0; i < 2; i++) {
		DO(put(pair.client, "abc", 0));
		DO(take(pair.server, 9, 0));
		MUST(set(pair.client, IPPROTO_TCP, TCP_NODELAY, 1));
		DO(take(pair.server, 9, 0));
	}
}

void ft_cases_stream(void)
{
	RUN(connected_send_and_receive);
	RUN(data_partial_reads);
	RUN(any_zero_bytes);
	RUN(data_peek);
	RUN(data_peek_over_segments);
	RUN(data_truncate_discards);
	RUN(data_waitall);
	RUN(data_waitall_peek);
	RUN(waitall_reset);
	RUN(nothing_there_receive);
	RUN(nothing_there_receive_nothing);
	RUN(nothing_there_read_to_null);
	RUN(not_connected_data_calls);
	RUN(data_other_calls);
	RUN(any_vector_bad);
	RUN_EACH(any_message_extras, 2);
	RUN_EACH(data_message_lengths, 2);
	RUN(connected_sendto_name_is_ignored);
	RUN(connected_recvfrom_no_name);
	RUN(any_unknown_flags);
	RUN(urgent_receive);
	RUN(urgent_message_says_so);
	RUN(urgent_alone);
	RUN(urgent_reset);
	RUN(urgent_inline);
	RUN(urgent_waitall);
	RUN(urgent_not_there);
	RUN(urgent_twice);
	RUN_EACH(urgent_counts, 2);
	RUN(urgent_shut_reading);
	RUN_EACH(urgent_does_not_wait, 2);
	RUN(urgent_taken_stays_taken);
	RUN_EACH(urgent_again_while_at_mark, 2);
	RUN(reader_sleeps_writer_fills);
	RUN(data_counts);
	RUN(corked_data_waits);
	RUN(more_waits_for_more);
	RUN(corked_no_delay_flushes);
}
