#!/usr/bin/perl
#
# Commands of mcp-tenant that print a secret.

use strict;
use warnings;

use FindBin;
use Test::More;

chdir "$FindBin::Bin/.." or die "chdir: $!\n";

my $cli = 'build/mcp-tenant';

plan skip_all => "there is no $cli" if !-x $cli;

my ($one, $two) = map { scalar `$cli session-key 2>&1` } 1 .. 2;

like($one, qr/^mcps_[A-Za-z0-9_-]{43}[A-Za-z0-9]{6}\n\z/,
     'session-key prints one line');
is($?, 0, 'and succeeds');
isnt($one, $two, 'each time another key');

like(scalar `$cli session-key team-a 2>&1`,
     qr/^usage: mcp-tenant session-key\n/, 'an argument is refused');
is($? >> 8, 2, 'as a wrong usage');

SKIP: {
    skip 'there is no /dev/full', 2 if !-w '/dev/full';

    for my $command ('session-key', 'keygen a --name b') {
        is(system("$cli $command >/dev/full 2>/dev/null") >> 8, 1,
           "$command fails when nobody gets the key");
    }
}

done_testing();
