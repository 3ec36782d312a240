// UDP.
#include "steps.h"

#define LARGEST 65507 // what fits an IPv4 packet

static void bound_send_and_receive(void)
{
	int to = new_udp_bound(), from = new_udp();

	MUST(bind_to(from, OTHER, OTHER_PORT));
	DO(put_to(from, "one", LOCAL, PORT));
	DO(put_to(from, "two", LOCAL, PORT));
	DO(events_of(to, ALL_EVENTS));
	DO(take_from(to, 100, 0)); // boundaries are kept
	DO(take_from(to, 100, 0));
	DO(take_from(to, 100, 0));
	DO(events_of(to, ALL_EVENTS));
}

static void unbound_send_is_named(void)
{
	int to = new_udp_bound(), from = new_udp();

	DO(put_to(from, "x", LOCAL, PORT));
	DO(own_name(from));
	DO(take_from(to, 10, 0));
	DO(bind_to(from, LOCAL, OTHER_PORT));
}

static void unbound_receive(void)
{
	int fd = new_udp();

	DO(take(fd, 10, 0));
	DO(own_name(fd));
	DO(events_of(fd, ALL_EVENTS));
}

static void unconnected_send_wants_address(void)
{
	int fd = new_udp();

	DO(put(fd, "x", 0));
	DO(os->write(fd, "x", 1));
	DO(put(fd, "", 0));
	DO(own_name(fd));
	DO(os->write(fd, "", 0));
}

static void any_zero_length(void)
{
	int to = new_udp_bound(), from = new_udp();

	DO(put_to(from, "", LOCAL, PORT));
	DO(events_of(to, ALL_EVENTS));
	DO(take_from(to, 10, 0));
	DO(take_from(to, 10, 0));
	MUST(connect_to(from, LOCAL, PORT));
	DO(os->send(from, NULL, 0, 0));
	DO(os->write(from, "", 0));
	DO(os->writev(from, NULL, 0));
	DO(take(to, 10, 0));
	DO(take(to, 10, 0));
	DO(take(to, 10, 0));
	DO(take(to, 10, 0));
}

static void data_receive_zero(void)
{
	int to = new_udp_bound(), from = new_udp();

	DO(put_to(from, "abc", LOCAL, PORT));
	DO(os->read(to, NULL, 0)); // takes nothing
	DO(take(to, 0, 0));	   // takes it
	DO(take(to, 10, 0));
}

static void data_truncated(void)
{
	int to = new_udp_bound(), from = new_udp();

	DO(put_to(from, "abcdef", LOCAL, PORT));
	DO(take(to, 3, MSG_PEEK));
	DO(take(to, 3, MSG_PEEK | MSG_TRUNC));
	DO(take(to, 3, MSG_TRUNC));
	DO(take(to, 3, 0)); // the rest is gone
	DO(put_to(from, "abcdef", LOCAL, PORT));
	DO(take(to, 3, 0));
	DO(take(to, 3, 0));
}

static void data_recvmsg_tells(void)
{
	int to = new_udp_bound(), from = new_udp();
	char bytes[4] = "";
	struct sockaddr_in name;
	struct iovec iov = { bytes, 4 };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_name = &name, .msg_namelen = sizeof(name)
	};

	DO(put_to(from, "abcdef", LOCAL, PORT));
	DO(put_to(from, "abc", LOCAL, PORT));
	DO(os->recvmsg(to, &message, MSG_PEEK));
	DO(message.msg_flags == MSG_TRUNC);
	DO(os->recvmsg(to, &message, 0));
	DO(message.msg_flags == MSG_TRUNC);
	DO((long)message.msg_namelen);
	message.msg_namelen = 4;
	DO(os->recvmsg(to, &message, 0));
	DO(message.msg_flags);
	DO((long)message.msg_namelen);
	DO((long)message.msg_controllen);
	DO(put_to(from, "abcd", LOCAL, PORT)); // exactly what there is room for
	DO(os->recvmsg(to, &message, 0));
	DO(message.msg_flags);
}

static void data_waitall_and_oob(void)
{
	int to = new_udp_bound(), from = new_udp();

	DO(put_to(from, "abc", LOCAL, PORT));
	DO(take(to, 10, MSG_OOB));
	DO(take(to, 10, MSG_WAITALL));
	MUST(connect_to(from, LOCAL, PORT));
	DO(put(from, "x", MSG_OOB));
}

// What sendmsg() makes of a name's length.
static void connected_send_name_lengths(void)
{
	static const int lengths[] = { 0, 1, 15, 200, -1 };
	struct sockaddr_storage names[2] = { { 0 } };
	struct iovec iov = { "x", 1 };
	struct msghdr message = { .msg_name = names, .msg_iov = &iov, .msg_iovlen = 1 };
	int to = new_udp_bound(), from = new_udp();
	struct sockaddr_in there = in4(LOCAL, PORT);

	memcpy(names, &there, sizeof(there));
	MUST(connect_to(from, LOCAL, PORT));
	for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		message.msg_namelen = (socklen_t)lengths[i];
		DO(os->sendmsg(from, &message, 0));
	}
	DO(os->sendto(from, "y", 1, 0, (struct sockaddr *)names, 0));
	DO(take(to, 9, 0));
}

// Whether the datagram is lost with the mistake.
static void data_name_without_length(void)
{
	int to = new_udp_bound(), from = new_udp();
	struct sockaddr_in name = { 0 };
	char byte;

	MUST(put_to(from, "a", LOCAL, PORT));
	MUST(put_to(from, "b", LOCAL, PORT));
	DO(os->recvfrom(to, &byte, 1, 0, (struct sockaddr *)&name, NULL));
	DO(take(to, 9, 0));
}

static void any_control_without_value(void)
{
	struct sockaddr_in name = in4(LOCAL, PORT);
	struct cmsghdr control = {
		.cmsg_len = sizeof(control), .cmsg_level = IPPROTO_IP, .cmsg_type = IP_TTL
	};
	struct msghdr message = { .msg_name = &name,
		.msg_namelen = sizeof(name),
		.msg_control = &control,
		.msg_controllen = sizeof(control) };

	DO(os->sendmsg(new_udp(), &message, 0));
}

static void any_more(void)
{
	int fd = new_udp();

	MUST(connect_to(fd, LOCAL, PORT));
	DO(put(fd, "x", MSG_MORE));
}

static void any_error_queue(void)
{
	DO(take(new_udp(), 9, MSG_ERRQUEUE));
	DO(take(new_pair().client, 9, MSG_ERRQUEUE));
}

static void data_counts_first(void)
{
	int to = new_udp_bound(), from = new_udp(), bytes = -1;

	DO(os->ioctl(to, FIONREAD, &bytes));
	DO(bytes);
	DO(put_to(from, "abc", LOCAL, PORT));
	DO(put_to(from, "de", LOCAL, PORT));
	DO(os->ioctl(to, FIONREAD, &bytes));
	DO(bytes);
	MUST(take(to, 9, 0));
	DO(os->ioctl(to, FIONREAD, &bytes));
	DO(bytes);
	DO(os->ioctl(to, SIOCOUTQ, &bytes));
	DO(os->ioctl(to, SIOCOUTQNSD, &bytes));
	DO(bytes);
	DO(os->ioctl(to, SIOCATMARK, &bytes));
	DO(os->sockatmark(to));
}

static void any_sizes(void)
{
	static char bytes[LARGEST + 1];
	int to = new_udp_bound(), from = new_udp();

	MUST(connect_to(from, LOCAL, PORT));
	DO(os->send(from, bytes, LARGEST, 0));
	DO(os->send(from, bytes, LARGEST + 1, 0));
	DO(os->recv(to, bytes, sizeof(bytes), 0));
	DO(os->recv(to, bytes, sizeof(bytes), 0));
	DO(os->send(from, bytes, 1u << 20, 0));
}

static void any_send_bad_address(void)
{
	struct sockaddr_in name = in4(LOCAL, PORT);
	struct sockaddr *address = (struct sockaddr *)&name;
	int fd = new_udp();

	DO(os->sendto(fd, "x", 1, 0, address, 0));
	DO(os->sendto(fd, "x", 1, 0, address, sizeof(name) - 1));
	DO(os->sendto(fd, "x", 1, 0, address, -1));
	DO(os->sendto(fd, "x", 1, 0, NULL, sizeof(name)));
	DO(os->sendto(fd, NULL, 1, 0, address, sizeof(name)));
	name.sin_family = AF_INET6;
	DO(os->sendto(fd, "x", 1, 0, address, sizeof(name)));
	name.sin_family = AF_UNSPEC;
	DO(os->sendto(fd, "x", 1, 0, address, sizeof(name)));
	DO(put_to(fd, "x", LOCAL, 0));
	DO(put_to(fd, "x", INADDR_BROADCAST, PORT));
	DO(put_to(fd, "x", ANY, PORT)); // loopback
}

static void nobody_listens_unconnected_is_not_told(void)
{
	int fd = new_udp();

	DO(put_to(fd, "x", LOCAL, PORT));
	DO(events_of(fd, ALL_EVENTS));
	DO(take_error(fd));
	DO(take(fd, 9, 0));
	DO(put_to(fd, "x", LOCAL, PORT));
}

static int new_refused(void)
{
	int fd = new_udp();

	MUST(connect_to(fd, LOCAL, PORT));
	DO(put(fd, "x", 0));
	return fd;
}

static void refused_events(void)
{
	int fd = new_refused();

	DO(events_of(fd, ALL_EVENTS));
	DO(take_error(fd));
	DO(take_error(fd));
	DO(events_of(fd, ALL_EVENTS));
}

static void refused_receive_tells(void)
{
	int fd = new_refused();

	DO(take(fd, 9, 0));
	DO(take(fd, 9, 0));
}

static void refused_send_tells(void)
{
	int fd = new_refused();

	DO(put(fd, "x", 0)); // which is not sent
	DO(events_of(fd, ALL_EVENTS));
	DO(put(fd, "x", 0));
	DO(put_to(fd, "x", LOCAL, OTHER_PORT));
}

static void refused_data_first(void)
{
	int fd = new_udp(), peer = new_udp();

	MUST(bind_to(peer, LOCAL, PORT));
	MUST(bind_to(fd, LOCAL, OTHER_PORT));
	MUST(connect_to(fd, LOCAL, PORT));
	DO(put_to(peer, "data", LOCAL, OTHER_PORT));
	MUST(os->close(peer));
	DO(put(fd, "x", 0));
	DO(events_of(fd, ALL_EVENTS));
	DO(take(fd, 9, 0));
	DO(take(fd, 9, 0));
	DO(take(fd, 9, 0));
}

static void refused_then_somebody(void)
{
	int fd = new_refused(), peer;

	DO(take_error(fd));
	peer = new_udp_bound();
	DO(put(fd, "x", 0));
	DO(take(peer, 9, 0));
}

static void refused_then_broadcast(void)
{
	int fd = new_refused();

	DO(put_to(fd, "x", INADDR_BROADCAST, PORT));
}

// Shut for sending, too.
static void refused_shutdown_send(void)
{
	int fd = new_refused();

	DO(os->shutdown(fd, SHUT_WR));
	DO(put(fd, "x", 0));
	DO(put(fd, "x", 0));
	DO(take_error(fd));
}

static void unconnected_shutdown_send(void)
{
	int fd = new_udp();

	DO(os->shutdown(fd, SHUT_WR));
	DO(put(fd, "x", 0));
	DO(put_to(fd, "x", LOCAL, PORT));
	DO(put_to(fd, "x", INADDR_BROADCAST, PORT));
}

static void bound_send_to_any(int variant)
{
	static const uint32_t names[] = { ANY, OTHER, INADDR_BROADCAST };
	int at_other = new_udp(), at_local = new_udp(), fd = new_udp();

	MUST(bind_to(at_other, OTHER, PORT));
	MUST(bind_to(at_local, LOCAL, PORT));
	MUST(bind_to(fd, names[variant], OTHER_PORT));
	DO(put_to(fd, "x", ANY, PORT));
	DO(take(at_other, 9, 0));
	DO(take(at_local, 9, 0));
	DO(connect_to(fd, ANY, PORT));
	DO(peer_name(fd));
}

// Two of one name, who ask for the same peer.
static void same_name_same_peer(void)
{
	int first = new_udp(), second = new_udp();

	MUST(set(first, SOL_SOCKET, SO_REUSEPORT, 1));
	MUST(set(second, SOL_SOCKET, SO_REUSEPORT, 1));
	MUST(bind_to(first, LOCAL, OTHER_PORT));
	MUST(bind_to(second, LOCAL, OTHER_PORT));
	DO(connect_to(first, LOCAL, PORT));
	DO(connect_to(second, LOCAL, PORT));
	DO(peer_name(second));
	DO(connect_to(first, LOCAL, PORT));
}

// A peer that can't be had leaves the one before.
static void connected_connect_fails(void)
{
	int peer = new_udp_bound(), fd = new_udp();

	MUST(connect_to(fd, LOCAL, PORT));
	DO(connect_to(fd, INADDR_BROADCAST, PORT));
	DO(peer_name(fd));
	DO(put(fd, "x", 0));
	DO(take(peer, 9, 0));
}

// Does the port that bind() chose go with the peer?
static void port_of_bind_disconnect(void)
{
	int fd = new_udp();

	MUST(bind_to(fd, LOCAL, 0));
	DO(disconnect(fd));
	DO(own_name(fd));
	DO(bind_to(fd, LOCAL, PORT));
}

static void connected_names(void)
{
	int fd = new_udp();

	DO(peer_name(fd));
	DO(connect_to(fd, LOCAL, PORT));
	DO(peer_name(fd));
	DO(own_name(fd));
	DO(connect_to(fd, OTHER, OTHER_PORT));
	DO(peer_name(fd));
	DO(own_name(fd));
	DO(disconnect(fd));
	DO(peer_name(fd));
	DO(put(fd, "x", 0));
	DO(disconnect(fd));
}

static void unconnected_disconnect_unbinds_chosen(void)
{
	int chosen = new_udp(), bound = new_udp();

	MUST(connect_to(chosen, LOCAL, PORT));
	DO(disconnect(chosen));
	DO(own_name(chosen));
	MUST(bind_to(bound, LOCAL, OTHER_PORT));
	MUST(connect_to(bound, LOCAL, PORT));
	DO(disconnect(bound));
	DO(own_name(bound));
}

static void bound_any_disconnected_is_any(void)
{
	int fd = new_udp();

	MUST(bind_to(fd, ANY, OTHER_PORT));
	DO(connect_to(fd, LOCAL, PORT));
	DO(own_name(fd));
	DO(disconnect(fd));
	DO(own_name(fd));
}

static void connected_others_are_not_heard(void)
{
	int fd = new_udp_bound(), peer = new_udp(), stranger = new_udp();

	MUST(bind_to(peer, LOCAL, OTHER_PORT));
	DO(put_to(stranger, "early", LOCAL, PORT));
	MUST(connect_to(fd, LOCAL, OTHER_PORT));
	DO(put_to(stranger, "late", LOCAL, PORT));
	DO(put_to(peer, "friend", LOCAL, PORT));
	DO(take(fd, 9, 0)); // what had come before connect() stays
	DO(take(fd, 9, 0));
	DO(take(fd, 9, 0));
	DO(disconnect(fd));
	DO(put_to(stranger, "again", LOCAL, PORT));
	DO(take(fd, 9, 0));
}

static void connected_sendto_elsewhere(void)
{
	int fd = new_udp(), peer = new_udp_bound(), other = new_udp();

	MUST(bind_to(other, LOCAL, OTHER_PORT));
	MUST(connect_to(fd, LOCAL, PORT));
	DO(put_to(fd, "x", LOCAL, OTHER_PORT));
	DO(take(other, 9, 0));
	DO(put(fd, "y", 0));
	DO(take(peer, 9, 0));
	DO(peer_name(fd));
}

static void connected_to_itself(void)
{
	int fd = new_udp_bound();

	DO(connect_to(fd, LOCAL, PORT));
	DO(put(fd, "echo", 0));
	DO(take_from(fd, 9, 0));
}

static void connected_shutdown_datagrams(int how)
{
	int fd = new_udp_bound(), peer = new_udp();

	MUST(bind_to(peer, LOCAL, OTHER_PORT));
	DO(os->shutdown(fd, how));
	MUST(connect_to(fd, LOCAL, OTHER_PORT));
	DO(os->shutdown(fd, how));
	DO(events_of(fd, ALL_EVENTS));
	DO(put(fd, "out", 0));
	DO(put(fd, "out", MSG_NOSIGNAL));
	DO(put_to(peer, "in", LOCAL, PORT));
	DO(events_of(fd, ALL_EVENTS));
	DO(take(fd, 9, 0));
	DO(take(fd, 9, 0));
	DO(os->shutdown(fd, how));
}

static void unconnected_shutdown_datagrams(int how)
{
	int fd = new_udp_bound();

	DO(os->shutdown(fd, how));
	DO(events_of(fd, ALL_EVENTS));
	DO(take(fd, 9, 0));
	DO(put_to(fd, "x", LOCAL, OTHER_PORT));
}

static void nothing_there_times_out(void)
{
	int fd = new_udp_bound();
	uint64_t since = ft_step_clock();

	MUST(os->fcntl(fd, F_SETFL, 0));
	DO(take(fd, 9, MSG_DONTWAIT));
	MUST(set_timeout(fd, SO_RCVTIMEO, 30));
	DO(take(fd, 9, 0));
	DO(ft_step_has_passed(since, 30));
}

static void any_specific_is_preferred(void)
{
	int any = new_udp(), specific = new_udp(), connected = new_udp(), from = new_udp();

	MUST(set(any, SOL_SOCKET, SO_REUSEADDR, 1));
	MUST(set(specific, SOL_SOCKET, SO_REUSEADDR, 1));
	MUST(set(connected, SOL_SOCKET, SO_REUSEADDR, 1));
	MUST(bind_to(any, ANY, PORT));
	MUST(bind_to(specific, LOCAL, PORT));
	MUST(bind_to(from, LOCAL, OTHER_PORT));
	DO(put_to(from, "a", LOCAL, PORT));
	DO(put_to(from, "b", OTHER, PORT));
	MUST(bind_to(connected, LOCAL, PORT));
	MUST(connect_to(connected, LOCAL, OTHER_PORT));
	DO(put_to(from, "c", LOCAL, PORT));
	DO(take(specific, 9, 0));
	DO(take(specific, 9, 0));
	DO(take(any, 9, 0));
	DO(take(connected, 9, 0));
}

static void full_queue_drops(void)
{
	int to = new_udp_bound(), from = new_udp(), received = 0;
	static char bytes[1400];

	MUST(set(to, SOL_SOCKET, SO_RCVBUF, 8192));
	MUST(connect_to(from, LOCAL, PORT));
	for (int i = 0; i < 100; i++)
		MUST(os->send(from, bytes, sizeof(bytes), 0));
	DO(events_of(from, ALL_EVENTS));
	DO(take_error(from));
	while (os->recv(to, bytes, sizeof(bytes), 0) > 0)
		received++;
	DO(received > 0 && received < 100);
}

void ft_cases_datagram(void)
{
	RUN(bound_send_and_receive);
	RUN(unbound_send_is_named);
	RUN(unbound_receive);
	RUN(unconnected_send_wants_address);
	RUN(any_zero_length);
	RUN(data_receive_zero);
	RUN(data_truncated);
	RUN(data_recvmsg_tells);
	RUN(data_waitall_and_oob);
	RUN(connected_send_name_lengths);
	RUN(data_name_without_length);
	RUN(any_control_without_value);
	RUN(any_more);
	RUN(any_error_queue);
	RUN(data_counts_first);
	RUN(any_sizes);
	RUN(any_send_bad_address);
	RUN(nobody_listens_unconnected_is_not_told);
	RUN(refused_events);
	RUN(refused_receive_tells);
	RUN(refused_send_tells);
	RUN(refused_data_first);
	RUN(refused_then_somebody);
	RUN(refused_then_broadcast);
	RUN(refused_shutdown_send);
	RUN(unconnected_shutdown_send);
	RUN_EACH(bound_send_to_any, 3);
	RUN(same_name_same_peer);
	RUN(connected_connect_fails);
	RUN(port_of_bind_disconnect);
	RUN(connected_names);
	RUN(unconnected_disconnect_unbinds_chosen);
	RUN(bound_any_disconnected_is_any);
	RUN(connected_others_are_not_heard);
	RUN(connected_sendto_elsewhere);
	RUN(connected_to_itself);
	RUN_EACH(connected_shutdown_datagrams, 3);
	RUN_EACH(unconnected_shutdown_datagrams, 3);
	RUN(nothing_there_times_out);
	RUN(any_specific_is_preferred);
	RUN(full_queue_drops);
}
