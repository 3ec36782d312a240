// A packet is a DPDK mbuf; what the stack notes about it travels in the mbuf's private area. All
// pools a stack uses come from ft_pkt_pool_create(), so that the area is there.
//
//	rte_mbuf | struct ft_pkt_info | headroom | Ethernet | IP | TCP or UDP | payload | tailroom
//	                                         ^ rte_pktmbuf_mtod; offsets below are from here
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <rte_mbuf.h>

#include "demux/tuple.h"
#include "tcp/segment.h"

// What parsing found, and so who the packet is delivered to.
enum ft_pkt_kind {
	FT_PKT_UNPARSED,
	FT_PKT_ARP,
	FT_PKT_ICMP,
	FT_PKT_UDP,
	FT_PKT_TCP,
	FT_PKT_FRAGMENT,	 // part of an IP datagram, for reassembly
	FT_PKT_UNKNOWN_PROTOCOL, // sound IP, but a protocol we do not speak: deserves an ICMP error
};

enum ft_pkt_flag {
	FT_PKT_LINK_GROUP = 0x01, // the frame was sent to a broadcast or multicast MAC address
	FT_PKT_IP_GROUP = 0x02,	  // the destination IP address is broadcast or multicast
	FT_PKT_LOOPBACK = 0x04,	  // sent by ourselves to ourselves; no Ethernet header
	FT_PKT_IP_CHECKSUM_GOOD = 0x08, // the NIC (or loopback) vouches for it
	FT_PKT_L4_CHECKSUM_GOOD = 0x10,
	FT_PKT_REASSEMBLED = 0x20, // put together from fragments
	FT_PKT_SMALL = 0x40,	   // a copy in a buffer of the small pool
};

// Why a packet is sent that says nothing new, for the recorder.
enum ft_pkt_cause {
	FT_PKT_FIRST_TIME,
	FT_PKT_SYN_AGAIN,
	FT_PKT_SYN_ACK_AGAIN,
	FT_PKT_SYN_CAME_AGAIN,
	FT_PKT_TIMEOUT,
	FT_PKT_FAST_RETRANSMIT,
	FT_PKT_PARTIAL_ACK,
	FT_PKT_SMALLER_MTU,
	FT_PKT_WINDOW_OPENED,
	FT_PKT_WINDOW_PROBE,
	FT_PKT_KEEPALIVE,
};

// Kept in the first packet of a run of contiguous TCP packets.
struct ft_pkt_block {
	struct rte_mbuf *last; // packet of this block
	struct rte_mbuf *next; // block's first packet
};

struct ft_pkt_info {
	// All zero at first: ft_pkt_info_clear().
	struct ft_tuple tuple;	   // who speaks to whom; ports are 0 where there are none
	uint64_t hash;		   // of the tuple, for FT_PKT_TCP and FT_PKT_UDP
	uint16_t ip_offset;	   // where the IP header begins
	uint16_t transport_offset; // where the TCP, UDP or ICMP header begins
	uint16_t payload_offset;   // where the application's bytes begin
	uint16_t payload_length;   // how many there are, over all mbuf segments
	uint8_t kind;		   // enum ft_pkt_kind
	uint8_t flags;		   // enum ft_pkt_flag
	uint8_t ttl;
	uint8_t tos;
	uint8_t cause;	      // enum ft_pkt_cause, of a packet to be sent
	uint8_t cause_number; // the how many-th in a row; 0: not counted
	uint8_t recorded;     // base/recorder.h: where in the burst received, from 1

	// As the last user left it, until somebody writes it.
	struct rte_mbuf *next;	   // the packet behind this one in a queue
	void *found;		   // by the burst's lookup: stack/poll.c
	struct ft_segment seg;	   // for FT_PKT_TCP
	struct ft_pkt_block block; // while out of order: tcp/reorder.h
};

#define FT_PKT_INFO_CLEARED offsetof(struct ft_pkt_info, next)
_Static_assert(FT_PKT_INFO_CLEARED == 64, "a few stores for each packet, and one cache line");

static inline struct ft_pkt_info *ft_pkt_info(struct rte_mbuf *pkt)
{
	return rte_mbuf_to_priv(pkt);
}

// The info of a packet made ready for its next life.
static inline struct ft_pkt_info *ft_pkt_info_clear(struct rte_mbuf *pkt)
{
	struct ft_pkt_info *info = ft_pkt_info(pkt);

	memset(info, 0, FT_PKT_INFO_CLEARED);
	return info;
}

// Bytes of memory that a packet occupies, over all its mbufs: whole buffers, however little is in
// them, so that a peer that sends single bytes is charged what it costs.
static inline uint64_t ft_pkt_occupied_bytes(const struct rte_mbuf *pkt)
{
	uint64_t bytes = sizeof(*pkt) + pkt->priv_size + pkt->buf_len;

	while (unlikely((pkt = pkt->next) != NULL))
		bytes += sizeof(*pkt) + pkt->priv_size + pkt->buf_len;
	return bytes;
}

// A pool of `count` packets with `data_bytes` of room behind the headroom, on NUMA node `socket`
// (SOCKET_ID_ANY for any). Returns NULL with rte_errno set.
struct rte_mempool *ft_pkt_pool_create(
	const char *name, uint32_t count, uint16_t data_bytes, int socket);

// A pool of `count` packets with FT_PKT_SMALL_BYTES of room and no headroom. As above.
#define FT_PKT_SMALL_BYTES 256
struct rte_mempool *ft_pkt_small_pool_create(const char *name, uint32_t count, int socket);

// Where a stack's packets come from.
struct ft_pkt_pools {
	struct rte_mempool *receive; // what the NIC fills: config->memory.packets
	struct rte_mempool *send;    // what the stack makes: as many
	struct rte_mempool *small;   // where few bytes wait (base/held.h): memory.small_packets
};

// A copy of a packet's payload, and of all that is noted about the packet, in one of a small pool. The
// packet stays the caller's. NULL: the payload does not fit, or the packet is such a copy already, or the
// pool is empty.
struct rte_mbuf *ft_pkt_copy_small(struct rte_mbuf *pkt, struct rte_mempool *small_pool);

// What the functions below do when the packet is split over mbuf segments, or has to be cut.
void *ft_pkt_pull_together(struct rte_mbuf *pkt, uint32_t bytes);
void ft_pkt_cut_end(struct rte_mbuf *pkt, uint32_t bytes);
void ft_pkt_cut_segments(struct rte_mbuf *pkt, uint32_t bytes);
uint32_t ft_pkt_copy_segments(
	const struct rte_mbuf *pkt, uint32_t offset, void *to, uint32_t bytes);

// Makes the first `bytes` of the packet contiguous, so that a header can be read through a pointer.
// A packet normally is; one split over mbuf segments is copied together. Returns a pointer to
// offset 0, or NULL when the packet is shorter or does not fit one segment.
static inline void *ft_pkt_pull(struct rte_mbuf *pkt, uint32_t bytes)
{
	void *data = rte_pktmbuf_mtod(pkt, void *);

	if (unlikely(bytes > pkt->data_len))
		return ft_pkt_pull_together(pkt, bytes);
	if (data == NULL)
		__builtin_unreachable(); // so the caller's check costs nothing here
	return data;
}

// Cuts or keeps: makes the packet exactly `bytes` long by cutting its end, over all segments,
// freeing those left empty. It must be at least that long.
static inline void ft_pkt_trim_to(struct rte_mbuf *pkt, uint32_t bytes)
{
	if (unlikely(bytes != pkt->pkt_len))
		ft_pkt_cut_end(pkt, bytes);
}

// Removes `bytes` from the front, over all segments, keeping the first mbuf. It must be that long.
static inline void ft_pkt_cut_front(struct rte_mbuf *pkt, uint32_t bytes)
{
	if (unlikely(bytes > pkt->data_len)) {
		ft_pkt_cut_segments(pkt, bytes);
		return;
	}
	pkt->data_off += bytes;
	pkt->data_len -= bytes;
	pkt->pkt_len -= bytes;
}

// Makes the packet's data exactly its payload: headers and all that was cut are gone, payload_offset is 0, and
// mbufs of a chain that held nothing else are freed. Doing it twice changes nothing.
static inline void ft_pkt_strip(struct rte_mbuf *pkt)
{
	struct ft_pkt_info *info = ft_pkt_info(pkt);

	ft_pkt_trim_to(pkt, info->payload_offset + info->payload_length);
	ft_pkt_cut_front(pkt, info->payload_offset);
	info->payload_offset = 0;
}

// Copies up to `bytes` from `offset` into `to`, over all segments; returns how many there were.
static inline uint32_t ft_pkt_copy_out(
	const struct rte_mbuf *pkt, uint32_t offset, void *to, uint32_t bytes)
{
	if (unlikely((uint64_t)offset + bytes > pkt->data_len))
		return ft_pkt_copy_segments(pkt, offset, to, bytes);
	memcpy(to, rte_pktmbuf_mtod_offset(pkt, const char *, offset), bytes);
	return bytes;
}

// What nearly all packets are: one mbuf, with its own buffer, that nobody else uses.
static inline bool ft_pkt_is_plain(const struct rte_mbuf *pkt)
{
	return pkt->nb_segs == 1 && pkt->refcnt == 1 && RTE_MBUF_DIRECT(pkt);
}

// rte_pktmbuf_free(), in line for those.
static inline void ft_pkt_free(struct rte_mbuf *pkt)
{
	if (likely(ft_pkt_is_plain(pkt)))
		rte_mbuf_raw_free(pkt);
	else
		rte_pktmbuf_free(pkt);
}

// A FIFO of packets linked through info->next.
struct ft_pkt_queue {
	struct rte_mbuf *first;
	struct rte_mbuf *last;
	uint32_t count; // packets
};

static inline void ft_pkt_queue_append(struct ft_pkt_queue *queue, struct rte_mbuf *pkt)
{
	ft_pkt_info(pkt)->next = NULL;
	if (queue->first == NULL)
		queue->first = pkt;
	else
		ft_pkt_info(queue->last)->next = pkt;
	queue->last = pkt;
	queue->count++;
}

// NULL when empty.
static inline struct rte_mbuf *ft_pkt_queue_take(struct ft_pkt_queue *queue)
{
	struct rte_mbuf *pkt = queue->first;

	if (pkt == NULL)
		return NULL;
	queue->first = ft_pkt_info(pkt)->next;
	if (queue->first == NULL)
		queue->last = NULL;
	queue->count--;
	return pkt;
}
