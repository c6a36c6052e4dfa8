#!/usr/bin/perl
#
# The soak, short: "make soak" runs all of it.

use strict;
use warnings;

my @scenarios = qw(kills crashes bursts rewrites writers broken hups limits
                   sessions filter);

if (($ENV{SOAK} || '') eq 'tiny') {
    print "1..0 # SKIP too slow under valgrind\n";
    exit 0;
}

$ENV{SOAK} = 'short';

exec('t/interop/node', 't/soak/soak.mjs', '--tap', @scenarios)
    or die "t/interop/node: $!\n";
