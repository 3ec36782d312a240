// What the trace tells of a packet between the wire and its protocol: the frame, the headers, the
// look-up. The packet path asks for it only while something is traced, when a packet is about to be
// delivered or dropped; so the story of one packet is told in one piece, though bursts are parsed
// and looked up together.
#pragma once
#include <stdint.h>

struct ft_segment;
struct ft_stack;
struct rte_mbuf;

// A packet received, parsed as far as it is sound: begins its number. The caller ends it with
// ft_trace_end_packet().
void ft_story_received(struct ft_stack *stack, struct rte_mbuf *pkt) __attribute__((cold));

// A frame on its way to the NIC.
void ft_story_sent(struct ft_stack *stack, struct rte_mbuf *pkt) __attribute__((cold));

// What the options of a SYN announce, as in ", MSS 1460, window scale 7, timestamps", into `text` of
// FT_STORY_OPTIONS_BYTES; empty for other segments. Returns it.
#define FT_STORY_OPTIONS_BYTES 64
const char *ft_story_options(const struct ft_segment *seg, char *text);

// "SYN ACK" into `text` of FT_STORY_FLAGS_BYTES; returns it.
#define FT_STORY_FLAGS_BYTES 40
const char *ft_story_flags(uint8_t flags, char *text);
