#!/bin/sh
# ft-relay's command line, its signals and its exit statuses. What it carries is tested in tests/interop.
program=$1 name=ft-relay
# shellcheck source=tests/unit/apps/expect.sh
. "$(dirname "$0")/expect.sh"

expect 0 '--tcp.ephemeral_ports' --help
expect 0 '--to ADDRESS:PORT' --help
expect 0 'ft-relay ' --version
expect 1 'no address' --nic.device=net_ring0 --listen 7777 --to 10.9.0.1:80
expect 1 'No such file' --config /nowhere/fourtuple.conf
# shellcheck disable=SC2086 # $stack is several words
{
	expect 2 'expected --listen PORT and --to ADDRESS:PORT' $stack
	expect 2 'expected --listen PORT and --to ADDRESS:PORT' $stack --listen 7777
	expect 2 'expected --listen PORT and --to ADDRESS:PORT' $stack --to 10.9.0.1:80
	expect 2 '65536: expected a port from 1 to 65535' $stack --listen 65536 --to 10.9.0.1:80
	expect 2 '0: expected a port from 1 to 65535' $stack --listen 7777 --to 10.9.0.1:0
	expect 2 '10.9.0.1: expected ADDRESS:PORT' $stack --listen 7777 --to 10.9.0.1
	expect 2 'somewhere:80: expected an IPv4 address' $stack --listen 7777 --to somewhere:80
	expect 2 'unrecognized option' $stack --listn 7777
	expect 2 'unexpected argument "now"' $stack --listen 7777 --to 10.9.0.1:80 now

	"$program" $stack --listen 7777 --to 10.9.0.1:80 >"$log" 2>&1 &
}
pid=$!
wait_for listening
grep -qx 'ft-relay: listening on port 7777, relaying to 10.9.0.1:80' "$log" || fail 'ready line'
kill -USR1 $pid
wait_for relayed,
expect_end $pid INT
[ "$(grep -c '^ft-relay: 0 relayed, 0 open, 0 failed' "$log")" -eq 2 ] || fail 'statistics, asked for and at exit'
exit $failed
