#!/usr/bin/perl
#
# The soak against modules that lack one of their mechanisms each: it has to
# notice, and to say what is wrong.

use strict;
use warnings;

use Test::More;

my %notices = (
    take   => qr/^not ok \d+ - bursts: never more than the limit at once/m,
    give   => qr/^not ok \d+ - bursts: every slot comes back/m,
    reap   => qr/^not ok \d+ - kills: every gauge is 0 when nothing runs/m,
    order  => qr/^not ok \d+ - crashes: each death is mended/m,
    reload => qr{^not ok \d+ - rewrites: (?:no stream is cut|no process ends)}m,
    reuse  => qr/^not ok \d+ - filter: memory stays flat/m,
    sticky => qr/^not ok \d+ - sessions: each request reaches the replica/m,
);

plan(skip_all => 'too slow under valgrind') if ($ENV{SOAK} || '') eq 'tiny';

$ENV{SOAK} = 'short';

# The job server of a "make test" above is not for us.
$ENV{MAKEFLAGS} =~ s/(?:^|\s)-j\S*|\s--jobserver\S+//g if $ENV{MAKEFLAGS};

for my $break (sort keys %notices) {
    my $output = `make --no-print-directory -j2 soak BREAK=$break 2>&1`;

    isnt($?, 0, "a module without \"$break\" fails");
    like($output, $notices{$break}, 'for the reason that it should')
        or diag($output);
}

done_testing();
