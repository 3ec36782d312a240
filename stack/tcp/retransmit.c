#include "tcp/retransmit.h"

#include "tcp/seq.h"

void ft_retransmit_init(struct ft_retransmit *retransmit, uint32_t iss)
{
	*retransmit = (struct ft_retransmit){ .recover = iss };
}

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

enum ft_retransmit_event ft_retransmit_acked(struct ft_retransmit *retransmit, uint32_t ack)
{
	const bool is_recovered = ft_seq_is_at_or_after(ack, retransmit->recover);
	const bool was_recovering = retransmit->phase == FT_RETRANSMIT_RECOVERY;

	retransmit->duplicate_acks = 0;
	if (!is_recovered && was_recovering) {
		retransmit->partial_acks++;
		return FT_RETRANSMIT_PARTIAL;
	}
	if (!is_recovered)
		return FT_RETRANSMIT_NOTHING;
	// Without a loss `recover` is drawn along, or 2 GB later it would seem to lie ahead.
	if (retransmit->phase == FT_RETRANSMIT_OPEN && ack != retransmit->recover)
		retransmit->recover = ack - 1;
	retransmit->phase = FT_RETRANSMIT_OPEN;
	return was_recovering ? FT_RETRANSMIT_EXIT : FT_RETRANSMIT_NOTHING;
}

void ft_retransmit_timeout(struct ft_retransmit *retransmit, uint32_t snd_max)
{
	retransmit->phase = FT_RETRANSMIT_LOSS;
	retransmit->recover = snd_max;
	retransmit->duplicate_acks = 0;
	retransmit->is_timing = false;
}

void ft_retransmit_sent(
	struct ft_retransmit *retransmit, uint32_t seq, uint32_t end, uint32_t snd_max, ft_time now)
{
	if (ft_seq_is_before(seq, snd_max)) {
		retransmit->is_timing = false;
	} else if (!retransmit->is_timing) {
		retransmit->is_timing = true;
		retransmit->timed_end = end;
		retransmit->timed_from = now;
	}
}

bool ft_retransmit_measure(
	struct ft_retransmit *retransmit, uint32_t ack, ft_time now, ft_time *rtt)
{
	if (!retransmit->is_timing || ft_seq_is_before(ack, retransmit->timed_end))
		return false;
	retransmit->is_timing = false;
	*rtt = now - retransmit->timed_from;
	return true;
}
