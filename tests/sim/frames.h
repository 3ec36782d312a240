// Frames on the wires of a simulated network: what happens to them between one NIC and another.
#pragma once
#include <stdint.h>

#include "base/time.h"

struct ft_host;
struct ft_network;

// A NIC sends a frame. `bytes` are copied.
void ft_frames_send(struct ft_host *from, const uint8_t *bytes, uint32_t length);

// When the next frame in flight arrives, or FT_NEVER.
ft_time ft_frames_next(const struct ft_network *network);

// Puts the frames that arrive by now into the rings of their NICs.
void ft_frames_deliver(struct ft_network *network);

void ft_frames_free(struct ft_network *network);
