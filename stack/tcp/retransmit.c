#include "tcp/retransmit.h"

#include "tcp/seq.h"

bool ft_retransmit_is_duplicate(const struct ft_segment *seg, uint32_t snd_una, uint32_t snd_max,
	uint32_t window, uint32_t last_window)
{
	return snd_una != snd_max && seg->length == 0 && (seg->flags & FT_TCP_ACK) &&
	       seg->ack == snd_una && window == last_window;
}

static enum ft_retransmit_event enter_recovery(struct ft_retransmit *retransmit, uint32_t snd_max)
{
	retransmit->phase = FT_RETRANSMIT_RECOVERY;
	retransmit->recover = snd_max;
	retransmit->partial_acks = 0;
	return FT_RETRANSMIT_ENTER;
}

// Duplicates at or below `recover` may be echoes of what was sent again without need (RFC 6582 4),
// so they start no recovery.
enum ft_retransmit_event ft_retransmit_duplicate(
	struct ft_retransmit *retransmit, uint32_t snd_una, uint32_t snd_max)
{
	retransmit->duplicate_acks++;
	if (retransmit->phase == FT_RETRANSMIT_RECOVERY)
		return FT_RETRANSMIT_INFLATE;
	if (retransmit->phase == FT_RETRANSMIT_LOSS)
		return FT_RETRANSMIT_NOTHING;
	if (retransmit->duplicate_acks < FT_RETRANSMIT_DUPLICATES)
		return FT_RETRANSMIT_DUPLICATE;
	if (retransmit->duplicate_acks == FT_RETRANSMIT_DUPLICATES &&
		ft_seq_is_after(snd_una, retransmit->recover))
		return enter_recovery(retransmit, snd_max);
	return FT_RETRANSMIT_NOTHING;
}

void ft_retransmit_timeout(struct ft_retransmit *retransmit, uint32_t snd_max)
{
	retransmit->phase = FT_RETRANSMIT_LOSS;
	retransmit->recover = snd_max;
	retransmit->duplicate_acks = 0;
	retransmit->is_timing = false;
}
