// Frames that an honest host could send, of every kind the stack knows: what mutation starts from.
#pragma once
#include "choice.h"
#include "fuzz_host.h"

struct fuzz_frame {
	uint32_t length;
	uint8_t bytes[FUZZ_FRAME_MAX];
};

// Any of them: ARP, ICMP, UDP, fragments, TCP.
void fuzz_wellformed_make(struct fuzz_choice *choice, struct fuzz_frame *frame);

// A TCP segment: for a connection there is, or one that opens.
void fuzz_wellformed_make_segment(struct fuzz_choice *choice, struct fuzz_frame *frame);

// Makes the checksums right of what the frame claims to be, as far as it holds what it claims.
void fuzz_wellformed_sign(struct fuzz_frame *frame);
