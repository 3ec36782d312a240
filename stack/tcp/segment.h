// A TCP header (RFC 9293 3.1) parsed into host byte order. Read-only once parsed.
#pragma once
#include <stdbool.h>
#include <stdint.h>

// The flags as they stand in byte 13 of the header.
enum ft_tcp_flag {
	FT_TCP_FIN = 0x01,
	FT_TCP_SYN = 0x02,
	FT_TCP_RST = 0x04,
	FT_TCP_PSH = 0x08,
	FT_TCP_ACK = 0x10,
	FT_TCP_URG = 0x20,
	FT_TCP_ECE = 0x40,
	FT_TCP_CWR = 0x80,
};

// Which options were present and well-formed.
enum ft_tcp_option_bit {
	FT_TCP_HAS_MSS = 0x01,
	FT_TCP_HAS_WINDOW_SCALE = 0x02,
	FT_TCP_HAS_TIMESTAMP = 0x04,
	FT_TCP_HAS_SACK_PERMITTED = 0x08,
};

struct ft_segment {
	uint32_t seq;	   // SEG.SEQ
	uint32_t ack;	   // SEG.ACK
	uint32_t length;   // SEG.LEN: payload bytes, plus one each for SYN and FIN
	uint32_t ts_value; // TSval, TSecr (RFC 7323 3.2)
	uint32_t ts_echo;
	uint16_t window; // SEG.WND, not scaled
	uint16_t urgent; // SEG.UP
	uint16_t mss;
	uint8_t flags;
	uint8_t options; // ft_tcp_option_bit
	uint8_t window_scale;
};
