// Writes what passes the wire into a pcapng file, with the reason when a frame was dropped or sent
// again as its comment: [capture], or --capture FILE. Off, stack->recorder is NULL and that is asked
// twice a burst and for each drop.
//
// A frame received is copied as it came, before anybody reads it, and written when its burst has been
// delivered. Until then a drop is told, also of a packet that was taken first, and of one socket's copy of a
// multicast; the last fragment to come stands for a datagram put together. What happens in a later burst (a
// reassembly that times out, a queue thrown away) is not told. A frame sent is written when the NIC has taken
// it, with the checksums that the NIC fills in. Packets to ourselves pass no wire and are not there.
//
// The loop never waits for the file. A reader of a pipe that does not keep up misses frames, which are
// counted (CAPTURE_LOST); any other error ends the capture with a warning, and what comes after is lost.
// A file that ends so, on a full disk, ends with a whole frame.
#pragma once
#include <stdint.h>

#include <rte_mbuf.h>

#include "base/drop.h"
#include "base/time.h"

struct ft_recorder;

// Creates the file (or writes to a FIFO, waiting for its reader as a shell would). `interface` is the
// name for it in the file, `offset` what makes a time since 1970 of the stack's `now`; `lost` counts
// the frames that the file lacks. NULL with a sentence logged and errno set.
struct ft_recorder *ft_recorder_open(const char *path, const char *interface, uint32_t snap_bytes,
	ft_time offset, uint64_t *lost);

// Writes what waits, tells how many frames the file lacks, and frees; NULL is allowed. A pipe's reader
// has a second to come for the rest.
void ft_recorder_close(struct ft_recorder *recorder);

// Before a burst of at most FT_RECORDER_BURST is parsed, for each packet that is dropped (one of an earlier
// burst, or of none, is ignored), and after.
#define FT_RECORDER_BURST 32
void ft_recorder_receive(
	struct ft_recorder *recorder, struct rte_mbuf **pkts, uint16_t count, ft_time now);
void ft_recorder_drop(struct ft_recorder *recorder, struct rte_mbuf *pkt, enum ft_drop reason);

// The same of what descriptor `fd` was to get of a packet that goes to several. Each is told, as far as a comment
// has room.
void ft_recorder_drop_copy(
	struct ft_recorder *recorder, struct rte_mbuf *pkt, int fd, enum ft_drop reason);

// A packet of this burst, whose info->recorded was `recorded`, has completed a datagram: what becomes of the
// whole is said of that packet's frame.
void ft_recorder_assembled(struct ft_recorder *recorder, uint8_t recorded, struct rte_mbuf *whole);

void ft_recorder_received(struct ft_recorder *recorder);

// Before packets are handed to the NIC: returns how many may be handed over (at most
// FT_RECORDER_BURST). And after: the NIC took `sent` of them.
uint16_t ft_recorder_send(
	struct ft_recorder *recorder, struct rte_mbuf **pkts, uint32_t count, ft_time now);
void ft_recorder_sent(struct ft_recorder *recorder, uint16_t sent);

// Once a turn: to the file with it, if enough waits or some has waited long enough for whoever
// follows the file.
void ft_recorder_turn(struct ft_recorder *recorder, ft_time now);
