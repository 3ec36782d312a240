// What ft-demux-bench runs inside the kernel, as a tc classifier that BPF_PROG_TEST_RUN repeats:
// each run takes the next tuple of a list and looks for its established socket.
//
//	look_up		what is measured
//	fetch		the same without the lookup: what is subtracted
//	look_up_timed	with the clock read before and after; the differences go into `times`
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct sought {
	__be32 remote;
	__be32 local;
	__be16 remote_port;
	__be16 local_port;
	__u32 is_miss;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct sought);
} list SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, __u64);
} times SEC(".maps");

__u32 next;    // in the list
__u64 wrong;   // lookups that found a socket of another tuple, or none, or one for a miss
__u64 fetched; // keeps the compiler from leaving the fetch out

static __always_inline void prove(const struct sought *sought, struct bpf_sock *sock)
{
	if (sock == NULL) {
		wrong += !sought->is_miss;
		return;
	}
	// A field each time: they are rewritten to loads from the kernel's own struct.
	if (sought->is_miss || sock->src_ip4 != sought->local || sock->dst_ip4 != sought->remote ||
		sock->src_port != bpf_ntohs(sought->local_port) ||
		sock->dst_port != sought->remote_port)
		wrong++;
	bpf_sk_release(sock);
}

static __always_inline struct bpf_sock *find(struct __sk_buff *skb, const struct sought *sought)
{
	struct bpf_sock_tuple tuple = {
		.ipv4.saddr = sought->remote,
		.ipv4.daddr = sought->local,
		.ipv4.sport = sought->remote_port,
		.ipv4.dport = sought->local_port,
	};

	return bpf_skc_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
}

SEC("tc")
int look_up(struct __sk_buff *skb)
{
	__u32 at = next++ & 65535;
	struct sought *sought = bpf_map_lookup_elem(&list, &at);

	if (sought != NULL)
		prove(sought, find(skb, sought));
	return TC_ACT_OK;
}

SEC("tc")
int fetch(struct __sk_buff *skb)
{
	__u32 at = next++ & 65535;
	struct sought *sought = bpf_map_lookup_elem(&list, &at);

	if (sought != NULL)
		fetched += sought->remote ^ sought->local ^ sought->remote_port ^
			   sought->local_port ^ sought->is_miss;
	return TC_ACT_OK;
}

SEC("tc")
int look_up_timed(struct __sk_buff *skb)
{
	__u32 at = next++ & 65535;
	struct sought *sought = bpf_map_lookup_elem(&list, &at);
	__u64 *time = bpf_map_lookup_elem(&times, &at);
	__u64 begin = bpf_ktime_get_ns();

	if (sought != NULL)
		prove(sought, find(skb, sought));
	if (time != NULL)
		*time = bpf_ktime_get_ns() - begin;
	return TC_ACT_OK;
}

SEC("tc")
int clock_cost(struct __sk_buff *skb)
{
	__u32 at = next++ & 65535;
	__u64 *time = bpf_map_lookup_elem(&times, &at);
	__u64 begin = bpf_ktime_get_ns();

	if (time != NULL)
		*time = bpf_ktime_get_ns() - begin;
	return TC_ACT_OK;
}

char _license[] SEC("license") = "GPL"; // bpf_skc_lookup_tcp() wants that of its callers
