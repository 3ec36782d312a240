#!/bin/sh
# ft-echo's command line, its signals and its exit statuses. What it answers on a wire is tested with the
# kernel as client, in tests/interop.
program=$1 name=ft-echo
# shellcheck source=tests/unit/apps/expect.sh
. "$(dirname "$0")/expect.sh"

expect 0 '--tcp.ephemeral_ports' --help
expect 0 '--trace WORDS' --help
expect 0 'fourtuple.conf(5) explains every key' --help
expect 0 'ft-echo ' --version
expect 1 'no address' --nic.device=net_ring0
expect 1 'no device' --ip.address=10.9.0.2/24
expect 1 'needs a server at socket=PATH' --nic.device=net_memif0,socket=/nowhere/memif \
	--ip.address=10.9.0.2/24
expect 1 'No such file' --config /nowhere/fourtuple.conf
# shellcheck disable=SC2086 # $stack is several words
{
	expect 1 'ft-echo: tcp port 7777: Address already in use' $stack --tcp 7777 --tcp 7777
	expect 1 'ft-echo: udp port 7777: Address already in use' \
		$stack --tcp 7777 --udp 7777 --udp 7777
	expect 1 'no subsystem "magic" to trace' $stack --trace magic
	expect 2 'expected a port from 1 to 65535' $stack --tcp 65536
	expect 2 'expected a port from 1 to 65535' $stack --udp seven
	expect 2 'expected an option' $stack seven
	expect 2 'unrecognized option' $stack --tpc 7777

	"$program" $stack --tcp 7777 --tcp 7778 --udp 7777 >"$log" 2>&1 &
}
pid=$!
wait_for listening
grep -qx 'ft-echo: listening on 10.9.0.2 tcp 7777 tcp 7778 udp 7777' "$log" || fail 'ready line'
kill -USR1 $pid
wait_for accepted
expect_end $pid TERM
[ "$(grep -c '^ft-echo: tcp 0 accepted, 0 open' "$log")" -eq 2 ] || fail 'statistics, asked for and at exit'
exit $failed
