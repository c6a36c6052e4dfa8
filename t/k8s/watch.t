#!/usr/bin/perl
#
# The watch of the sidecar against a real API server, with what breaks on the
# way to it.  t/k8s/watch_print.c says what the sidecar is told.

use strict;
use warnings;

use FindBin;
use Test::More;

use lib "$FindBin::Bin/../lib";
use McpKube qw(until_true);

my $print = "$FindBin::Bin/../../build/obj/t/k8s/watch_print";

$print = $ENV{MCP_WATCH_PRINT} if defined $ENV{MCP_WATCH_PRINT};

plan skip_all => 'there is no watch_print: make test-k8s' if !-x $print;

my $kube = McpKube->start(api_only => 1);

plan skip_all => "nothing is broken in a user's cluster" if !$kube->is_own();

my $proxy = $kube->proxy();
my $namespace = $kube->namespace();
my ($watch, $seen);

follows();
pages();
errors();
breaks();
resync();
compaction();
restart();

done_testing();


# The words of a watch from here on.
sub watch {
    my ($config, @arguments) = @_;

    $watch->finish() if $watch;
    $watch = $kube->program($print, $config, 'ConfigMap', $namespace,
                            @arguments);
    $seen = 0;

    return said_next(qr/whole\n/);
}


# What it says up to a pattern, after all that was seen before.
sub said_next {
    my ($pattern) = @_;
    my $text;

    eval {
        until_true("$pattern", sub {
            my $said = substr($watch->said(0.1), $seen);

            return 0 if $said !~ $pattern;
            $text = substr($said, 0, $+[0]);
            return 1;
        });
        1;

    } or die $@, 'it said: ', substr($watch->said(), $seen), "\n";

    $seen += length $text;

    return $text;
}


sub make {
    my ($name, $label, $text) = @_;

    $kube->apply({
        apiVersion => 'v1',
        kind       => 'ConfigMap',
        metadata   => {
            name      => $name,
            namespace => $namespace,
            labels    => {tier => $label // 'one'},
        },
        data       => {text => $text // 'a'},
    });
}


sub follows {
    make('before');

    # Servers since 1.20 put a ConfigMap of their own into each namespace.
    my $said = watch($kube->kubeconfig(), 'tier in (one,two)');

    is($said, "begin\nobject before\nwhole\n", 'a list is told as a whole');
    said_next(qr/current\n/);

    make('after');
    is(said_next(qr/after\n/), "object after\n", 'what is added is told');

    make('after', 'two');
    is(said_next(qr/after\n/), "object after\n", 'and what changes');

    make('after', 'three');
    is(said_next(qr/after\n/), "gone after\n",
       'what the selector does not match any more is gone');

    $kube->kubectl('delete', 'configmap', 'before', '-n', $namespace);
    is(said_next(qr/before\n/), "gone before\n", 'and what is deleted');
}


sub pages {
    $kube->apply({
        apiVersion => 'v1',
        kind       => 'List',
        items      => [map { {
            apiVersion => 'v1',
            kind       => 'ConfigMap',
            metadata   => {
                name      => sprintf('many-%04d', $_),
                namespace => $namespace,
                labels    => {tier => 'many'},
            },
        } } 1 .. 1001],
    });

    my @all = map { sprintf('object many-%04d', $_) } 1 .. 1001;

    is(watch($kube->kubeconfig(), 'tier=many'),
       join("\n", 'begin', @all, "whole\n"), 'three pages are one list');

    my $fault = $proxy->fault(kind => 'gone', continues => JSON::PP::true,
                              times => 1);

    is(watch($proxy->{kubeconfig}, 'tier=many'),
       join("\n", 'begin', @all[0 .. 499], 'begin', @all, "whole\n"),
       'a page that expired begins the list anew');
    $proxy->heal(fault => $fault);

    $fault = $proxy->fault(kind => 'gone', continues => JSON::PP::true);
    is(watch($proxy->{kubeconfig}, 'tier=many'),
       join("\n", ('begin', @all[0 .. 499]) x 2, 'begin', @all, "whole\n"),
       'one that expires twice is the last: no pages then');
    $proxy->heal(fault => $fault);

    $fault = $proxy->fault(kind => 'cut', continues => JSON::PP::true,
                           bytes => 1000, times => 1);

    my $said = watch($proxy->{kubeconfig}, 'tier=many');

    like($said, qr/\Abegin\n(?:object \S+\n){500}failed: [^\n]+\nbegin\n/,
         'a page that breaks off is no page');
    like($said, qr/begin\n(?:object \S+\n){1001}whole\n\z/,
         'and the list begins anew');
    like(said_next(qr/works\n/), qr/^works\n/m, 'that it works is said');
    $proxy->heal(fault => $fault);
    $kube->kubectl('delete', 'configmaps', '-l', 'tier=many', '-n',
                   $namespace, '--wait=false');
}


sub errors {
    my $fault = $proxy->fault(kind => 'status', status => 429,
                              retryAfter => 1, watch => JSON::PP::false,
                              path => '/configmaps', times => 2);
    my $said = watch($proxy->{kubeconfig}, 'tier=one');

    like($said, qr/\Abegin\nfailed: [^\n]*\nbegin\nbegin\nwhole\n\z/,
         '429 of a list is waited out, and said once');
    is(said_next(qr/works\n/), "works\n", 'then it works');
    said_next(qr/current\n/);
    $proxy->heal(fault => $fault);

    $fault = $proxy->fault(kind => 'status', status => 500,
                           watch => JSON::PP::true, times => 2);
    watch($proxy->{kubeconfig}, 'tier=one');
    make('during');

    my $text = said_next(qr/object during\n/);

    like($text, qr/failed: /, '500 of a watch is said');
    unlike($text, qr/begin/, 'two of them do not begin a list');
    $proxy->heal(fault => $fault);

    $fault = $proxy->fault(kind => 'status', status => 403,
                           watch => JSON::PP::true, times => 1);
    watch($proxy->{kubeconfig}, 'tier=one');
    like(said_next(qr/whole\n/), qr/failed: .*begin\nobject during\nwhole/s,
         'a watch that is refused begins with a list');
    $proxy->heal(fault => $fault);
}


sub breaks {
    watch($proxy->{kubeconfig}, 'tier=one');
    until_true('the watch', sub { $proxy->count()->{watches} });

    my $fault = $proxy->fault(kind => 'half', watch => JSON::PP::true,
                              times => 1);

    make('halved');

    my $text = said_next(qr/object halved\n/);

    unlike($text, qr/begin/, 'half an event: the watch goes on from before');
    $proxy->heal(fault => $fault);

    until_true('the watch', sub { $proxy->count()->{watches} });
    $fault = $proxy->fault(kind => 'refuse');
    said_next(qr/failed: /);
    pass('a server that is away is said');
    make('away');
    $proxy->heal(fault => $fault);
    $text = said_next(qr/object away\n/);
    unlike($text, qr/begin/, 'when it is back no list is made');
    $text .= said_next(qr/works\n/) if $text !~ /works/;
    like($text, qr/works/, 'and it is said that it works');

    until_true('the watch', sub { $proxy->count()->{watches} });
    $fault = $proxy->fault(kind => 'gone', watch => JSON::PP::true,
                           times => 1);
    $text = said_next(qr/whole\n/);
    like($text =~ s/^(?:not )?current\n//mgr,
         qr/^begin\n(?:object \S+\n)+whole\n\z/m,
         'an ERROR event with 410 begins a list');
    unlike($text, qr/failed/, 'which is no failure');
    $proxy->heal(fault => $fault);
    make('expired');
    unlike(said_next(qr/object expired\n/), qr/begin|failed/,
           'and one list is enough');
}


sub resync {
    watch($kube->kubeconfig(), 'tier=one', 3000);
    is(said_next(qr/whole\n/) =~ s/object \S+\n|current\n//gr,
       "begin\nwhole\n", 'a list is made anew when nothing is wrong');
}


# What the watch has seen is forgotten by the server while it is away.
sub compaction {
    watch($proxy->{kubeconfig}, 'tier=one');

    my $fault = $proxy->fault(kind => 'refuse');

    said_next(qr/failed: /);
    $kube->cluster('stop', 'apiserver');
    $kube->cluster('cont', 'apiserver');
    make("compacted-$_") for 1 .. 3;
    $kube->kubectl('delete', 'configmap', 'compacted-1', '-n', $namespace);
    $kube->cluster('compact');
    $kube->cluster('kill', 'apiserver');
    $kube->cluster('restart', 'apiserver');
    $proxy->heal(fault => $fault);

    my $text = said_next(qr/whole\n/);

    like($text, qr/begin\n(?:object \S+\n)*object compacted-3\n/,
         'after a compaction a list is made');
    unlike($text, qr/begin.*compacted-1/s, 'without what was deleted');
}


sub restart {
    watch($kube->kubeconfig(), 'tier=one');
    said_next(qr/current\n/);
    $kube->cluster('kill', 'apiserver');
    like(said_next(qr/not current\n/), qr/^failed: /m,
         'a server that was killed is said');
    $kube->cluster('restart', 'apiserver');
    make('restarted');

    my $text = said_next(qr/object restarted\n/);

    unlike($text, qr/begin/, 'after its restart the watch goes on');
    $watch->finish();
}
