// Header prediction: nearly every frame of a busy server is known beforehand but for a few numbers.
// V. Jacobson ("4BSD TCP Header Prediction", CCR 20(2), 1990) used that for the TCP header; here it
// is used for the whole frame, before it has a connection:
//
//	to us, from a single station | IPv4, no options, no fragment | TCP, no options or timestamps
//
// Such a frame is recognised and read at once. Any other goes the long way (eth/ethernet.h), which
// alone decides what is to be dropped.
#pragma once
#include <stdint.h>

#include "ip/addr.h"

struct ft_stack;

typedef uint64_t ft_usual_block __attribute__((vector_size(16)));

// What stands in the headers of each: usual_frame_take.h has the picture.
struct ft_usual_frame {
	ft_usual_block front;
	ft_usual_block back;
	unsigned __int128 hash_begin; // of tuples with its destination: ft_tuple_hash_begin()
};

// Once the stack has its MAC and IP addresses.
void ft_usual_frame_init(struct ft_stack *stack);
