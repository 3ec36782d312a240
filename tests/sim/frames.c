#include "frames.h"

#include <stdlib.h>
#include <string.h>

#include <netinet/ip_icmp.h>
#include <rte_ether.h>
#include <rte_ip.h>

#include "network.h"
#include "scenario.h"
#include "sim_nic.h"

#define ETHERNET RTE_ETHER_HDR_LEN

// ---- a hash of all that happens: two runs of a seed must agree ----

static void note(struct ft_network *network, uint32_t host, bool is_sent, const uint8_t *bytes,
	uint32_t length)
{
	uint64_t hash = network->trace_hash ^ network->now ^ ((uint64_t)host << 56) ^ is_sent;

	for (uint32_t i = 0; i < length; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3; // FNV-1a
	network->trace_hash = hash;
	ft_capture_frame(&network->capture, host, is_sent, bytes, length, network->now);
}

// ---- frames in flight, a binary heap by time of arrival ----

static bool is_earlier(const struct ft_frame *a, const struct ft_frame *b)
{
	return a->arrives != b->arrives ? a->arrives < b->arrives : a->order < b->order;
}

static void put_in_flight(struct ft_network *network, struct ft_frame *frame)
{
	struct ft_frame **heap;
	uint32_t at = network->flight_count++;

	if (at == network->flight_room) {
		network->flight_room = at > 0 ? 2 * at : 256;
		network->flight =
			realloc(network->flight, network->flight_room * sizeof(*network->flight));
		ft_expect(network->flight != NULL);
	}
	heap = network->flight;
	for (; at > 0 && is_earlier(frame, heap[(at - 1) / 2]); at = (at - 1) / 2)
		heap[at] = heap[(at - 1) / 2];
	heap[at] = frame;
}

static struct ft_frame *take_earliest(struct ft_network *network)
{
	struct ft_frame **heap = network->flight;
	struct ft_frame *first = heap[0];
	struct ft_frame *last = heap[--network->flight_count];
	uint32_t at = 0, child;

	while ((child = 2 * at + 1) < network->flight_count) {
		if (child + 1 < network->flight_count && is_earlier(heap[child + 1], heap[child]))
			child++;
		if (!is_earlier(heap[child], last))
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = last;
	return first;
}

// ---- a wire ----

static bool happens(struct ft_network *network, double probability)
{
	return probability > 0 && (ft_random_next(&network->random) >> 11) * 0x1p-53 < probability;
}

// Flipping bits of one byte is what a one's complement sum always finds (RFC 1071). The Ethernet
// header and ARP have no checksum of their own: there the frame check sequence finds it, the frame
// is lost.
static bool corrupt(struct ft_network *network, struct ft_frame *frame)
{
	uint8_t flips = 1 + ft_random_below(&network->random, 255);
	uint32_t offset = ft_random_below(&network->random, frame->length);

	if (offset < ETHERNET || frame->bytes[12] != 0x08 || frame->bytes[13] != 0x00)
		return false;
	frame->bytes[offset] ^= flips;
	return true;
}

// When the last bit is on the wire, or FT_NEVER when the queue before it has no room.
static ft_time leaves_at(struct ft_wire *wire, uint32_t length, ft_time now)
{
	ft_time begins = RTE_MAX(now, wire->busy_until);
	uint64_t waiting_bytes;

	if (wire->rate_bps == 0)
		return now;
	waiting_bytes = (begins - now) * wire->rate_bps / 8 / FT_SECOND;
	if (waiting_bytes > 0 && waiting_bytes + length > wire->queue_bytes)
		return FT_NEVER;
	wire->busy_until = begins + length * 8 * FT_SECOND / wire->rate_bps;
	return wire->busy_until;
}

static struct ft_frame *copy_of(struct ft_network *network, const struct ft_frame *frame)
{
	size_t bytes = sizeof(*frame) + frame->length;
	struct ft_frame *copy = malloc(bytes);

	ft_expect(copy != NULL);
	memcpy(copy, frame, bytes);
	copy->order = network->frames_sent++;
	return copy;
}

static void travel(struct ft_network *network, const struct ft_wire *wire, struct ft_frame *frame)
{
	frame->arrives += wire->delay;
	if (wire->jitter > 0)
		frame->arrives += ft_random_next(&network->random) % wire->jitter;
}

// Sends a frame over a wire from frame->arrives on. Returns false when it is lost, else
// frame->arrives is the time at the other end; *twin is then a second copy or NULL.
static bool carry(struct ft_network *network, struct ft_wire *wire, struct ft_frame *frame,
	struct ft_frame **twin)
{
	ft_time leaves = leaves_at(wire, frame->length, frame->arrives);

	*twin = NULL;
	if (leaves == FT_NEVER) {
		wire->overflowed++;
		return false;
	}
	frame->arrives = leaves;
	if (happens(network, wire->loss)) {
		wire->lost++;
		return false;
	}
	if (happens(network, wire->duplication)) {
		wire->duplicated++;
		*twin = copy_of(network, frame);
		travel(network, wire, *twin);
	}
	if (happens(network, wire->corruption)) {
		wire->corrupted++;
		if (!corrupt(network, frame)) {
			free(*twin);
			*twin = NULL;
			return false;
		}
	}
	travel(network, wire, frame);
	wire->carried++;
	return true;
}

// ---- the switch ----

static void send_from_switch(
	struct ft_network *network, struct ft_host *to, const struct ft_frame *frame)
{
	struct ft_frame *copy = copy_of(network, frame);
	struct ft_frame *twin;

	copy->target = to->number;
	if (!to->is_plugged || !carry(network, &to->from_switch, copy, &twin)) {
		free(copy);
		return;
	}
	if (twin != NULL)
		put_in_flight(network, twin);
	put_in_flight(network, copy);
}

static void forward(struct ft_network *network, uint32_t from, const struct ft_frame *frame)
{
	const struct rte_ether_hdr *ethernet = (const void *)frame->bytes;
	bool is_group = rte_is_multicast_ether_addr(&ethernet->dst_addr);

	for (uint32_t i = 0; i < network->host_count; i++) {
		struct ft_host *to = network->hosts[i];

		if (i != from &&
			(is_group || rte_is_same_ether_addr(&to->mac, &ethernet->dst_addr)))
			send_from_switch(network, to, frame);
	}
}

// ---- a path MTU lower than the hosts', as behind a router ----

struct icmp_too_big {
	struct rte_ether_hdr ethernet;
	struct rte_ipv4_hdr ip;
	struct icmphdr icmp;
	uint8_t quote[sizeof(struct rte_ipv4_hdr) + 8];
} __attribute__((packed, aligned(2)));

// RFC 792 destination unreachable, fragmentation needed, with the MTU of RFC 1191 4, from the
// address the packet was sent to (a router's would do as well).
static void report_mtu(struct ft_host *to, const struct ft_frame *frame, uint16_t mtu)
{
	const struct rte_ether_hdr *ethernet = (const void *)frame->bytes;
	const struct rte_ipv4_hdr *ip = (const void *)(frame->bytes + ETHERNET);
	uint16_t ip_bytes = sizeof(struct icmp_too_big) - ETHERNET;
	struct icmp_too_big error = {
		.ethernet = { ethernet->src_addr, ethernet->dst_addr, ethernet->ether_type },
		.ip = { .version_ihl = RTE_IPV4_VHL_DEF,
			.total_length = rte_cpu_to_be_16(ip_bytes),
			.time_to_live = 64,
			.next_proto_id = IPPROTO_ICMP,
			.src_addr = ip->dst_addr,
			.dst_addr = ip->src_addr },
		.icmp = { .type = ICMP_DEST_UNREACH,
			.code = ICMP_FRAG_NEEDED,
			.un.frag.mtu = rte_cpu_to_be_16(mtu) },
	};
	size_t size = sizeof(struct ft_frame) + sizeof(error);
	struct ft_frame *answer = calloc(1, size);

	ft_expect(answer != NULL);
	memcpy(error.quote, ip, sizeof(error.quote));
	error.icmp.checksum = ~rte_raw_cksum(&error.icmp, sizeof(error.icmp) + sizeof(error.quote));
	error.ip.hdr_checksum = rte_ipv4_cksum(&error.ip);
	answer->arrives = to->network->now + to->to_switch.delay;
	answer->length = sizeof(error);
	memcpy(answer->bytes, &error, sizeof(error));
	send_from_switch(to->network, to, answer);
	free(answer);
}

static bool is_too_big(struct ft_host *from, const struct ft_frame *frame)
{
	const struct rte_ipv4_hdr *ip = (const void *)(frame->bytes + ETHERNET);
	struct ft_wire *wire = &from->to_switch;

	if (wire->mtu == 0 || frame->bytes[12] != 0x08 || frame->bytes[13] != 0x00 ||
		rte_be_to_cpu_16(ip->total_length) <= wire->mtu)
		return false;
	wire->too_big++;
	if (wire->reports_mtu)
		report_mtu(from, frame, wire->mtu);
	return true;
}

// ---- from and to the NICs ----

void ft_frames_send(struct ft_host *from, const uint8_t *bytes, uint32_t length)
{
	struct ft_network *network = from->network;
	struct ft_frame *frame = malloc(sizeof(*frame) + length);
	struct ft_frame *twin = NULL;

	ft_expect(frame != NULL);
	note(network, from->number, true, bytes, length);
	*frame = (struct ft_frame){ .arrives = network->now, .length = length };
	memcpy(frame->bytes, bytes, length);
	if (from->is_plugged && !is_too_big(from, frame) &&
		carry(network, &from->to_switch, frame, &twin))
		forward(network, from->number, frame);
	if (twin != NULL)
		forward(network, from->number, twin);
	free(twin);
	free(frame);
}

ft_time ft_frames_next(const struct ft_network *network)
{
	return network->flight_count > 0 ? network->flight[0]->arrives : FT_NEVER;
}

void ft_frames_deliver(struct ft_network *network)
{
	while (ft_frames_next(network) <= network->now) {
		struct ft_frame *frame = take_earliest(network);
		struct ft_host *host = network->hosts[frame->target];

		if (!host->is_plugged) {
			free(frame);
			continue;
		}
		note(network, host->number, false, frame->bytes, frame->length);
		ft_sim_nic_arrive(host, frame);
	}
}

void ft_frames_free(struct ft_network *network)
{
	for (uint32_t i = 0; i < network->flight_count; i++)
		free(network->flight[i]);
	free(network->flight);
}
