#!/usr/bin/perl
#
# That of several sidecars one writes, another when it is gone, and never one
# that has lost the lease.

use strict;
use warnings;

use File::Temp qw(tempdir);
use FindBin;
use Test::More;

use lib "$FindBin::Bin/../lib";
use McpBase qw(now);
use McpKube qw(until_true);
use McpSidecar qw(differences in_step tenant versions write_files);

my $kube = McpKube->start(api_only => 1);

plan(skip_all => 'nothing is broken in a user\'s cluster')
    if !$kube->is_own();

my $dir = tempdir(CLEANUP => 1);
my $in_sync = 'the cluster is as the files say';
my $leads = 'this sidecar leads';
my $file = write_files($dir, tenant('a', 1));

# A proxy for each, whose counts tell what each has written.
my @proxies = ($kube->proxy(), $kube->proxy());
my @options = ('--gateway-namespace', 'gate', '--prune');

$kube->kubectl('create', 'namespace', 'gate');

my $first = McpSidecar->start($proxies[0]{kubeconfig}, $file, @options);

$first->says($in_sync);
ok($first->said($leads), 'the first one leads');
is($kube->get('lease', 'mcp-tenant-default', 'gate')->{spec}
   {leaseDurationSeconds}, 15, 'its lease is there');

my $second = McpSidecar->start($proxies[1]{kubeconfig}, $file, @options);

write_files($dir, tenant('a', 2));
is_deeply([in_step($kube, $file, render => ['--gateway-namespace', 'gate'])],
          [], 'it does the work');
is($proxies[1]->count()->{writes}, 0, 'the second one writes nothing');

stopped();
killed();
unsent();
given_away();

done_testing();


# A leader that cannot go on while its lease ends, with work under way.
sub stopped {
    my $fault = $proxies[0]->fault(kind => 'delay', ms => 1500,
                                   method => 'PATCH');

    $proxies[0]->reset();
    write_files($dir, tenant('a', 2), tenant('b', 2));
    $first->says('apply', namespace => 'mcp-b');
    $first->signal('STOP');

    $second->says($leads);
    pass('another takes over from one that was stopped');
    is_deeply([in_step($kube, $file,
                       render => ['--gateway-namespace', 'gate'])], [],
              'and ends its work');
    $proxies[0]->heal();

    my $before = $proxies[0]->count()->{writes};
    my $versions = versions($kube);

    write_files($dir, tenant('a', 1), tenant('b', 2), tenant('c', 1));
    $second->says('apply', namespace => 'mcp-c');
    $first->signal('CONT');
    $first->says('this sidecar no longer leads');
    is_deeply([in_step($kube, $file,
                       render => ['--gateway-namespace', 'gate'])], [],
              'the other goes on');

    # It asks for the lease every few seconds; that it does so shows that it
    # is at work.
    my $reads = $proxies[0]->count()->{by}{'GET leases'} // 0;

    until_true('two more looks at the lease', sub {
        return ($proxies[0]->count()->{by}{'GET leases'} // 0) >= $reads + 2;
    });
    is($proxies[0]->count()->{writes}, $before,
       'the one that was stopped writes nothing any more')
        or diag(explain($proxies[0]->count()->{by}));
}


sub killed {
    $second->stop('KILL');

    my $from = now();

    $first->says_more(2, $leads);
    diag(sprintf('took over in %.1f s', now() - $from));
    write_files($dir, tenant('a', 3), tenant('c', 1));
    is_deeply([in_step($kube, $file, dropped => ['mcp-b'],
                       render => ['--gateway-namespace', 'gate'])], [],
              'another takes over from one that was killed');
}


# A write that had no connection yet when the leader was stopped.
sub unsent {
    my $other = McpSidecar->start($proxies[1]{kubeconfig}, $file, @options);

    $proxies[1]->reset();
    until_true('a look at the lease', sub {
        return ($proxies[1]->count()->{by}{'GET leases'} // 0) > 1;
    });

    # New connections wait for a proxy that is stopped.
    $proxies[0]->reset();
    $proxies[0]->fault(kind => 'refuse');
    $proxies[0]->heal();
    kill('STOP', $proxies[0]{pid});

    my $changes = $first->said('the files changed');

    write_files($dir, tenant('a', 3), tenant('c', 2));
    $first->says_more($changes + 1, 'the files changed');

    # To meet the write on its way.  That what is sent is stopped has a test of
    # its own in t/k8s/http.t.
    until_true('a connection that waits', sub {
        return connections_waiting($proxies[0]{port});
    });
    $first->signal('STOP');
    $other->says($leads);
    is_deeply([in_step($kube, $file, dropped => ['mcp-b'],
                       render => ['--gateway-namespace', 'gate'])], [],
              'another does what the leader could not');

    $first->signal('CONT');
    kill('CONT', $proxies[0]{pid});
    $first->says('this sidecar no longer leads');
    until_true('two looks at the lease', sub {
        return ($proxies[0]->count()->{by}{'GET leases'} // 0) >= 2;
    });
    is_deeply([grep { /^(?:PATCH|POST|DELETE) (?!leases)/ }
                    keys %{$proxies[0]->count()->{by}}], [],
              'what had not been sent is not sent any more');

    is($other->stop(), 0, 'SIGTERM ends it');
    $first->says_more(3, $leads);
}


# How many connections nobody has accepted yet.
sub connections_waiting {
    my $port = sprintf('%04X', @_);
    my ($queue) = McpKube::slurp('/proc/net/tcp')
                  =~ /^ *\d+: \w+:$port \w+:\w+ 0A \w+:(\w+)/m;

    return hex $queue;
}


sub given_away {
    my $third = McpSidecar->start($proxies[1]{kubeconfig}, $file, @options);

    until_true('a look at the lease', sub {
        return ($proxies[1]->count()->{by}{'GET leases'} // 0) > 1;
    });
    is($first->stop(), 0, 'a leader that ends');

    my $from = now();

    $third->says($leads);
    diag(sprintf('took over in %.1f s', now() - $from));
    $third->says($in_sync);
    pass('gives the lease away');
    is($third->stop(), 0, 'SIGTERM ends it');
}
