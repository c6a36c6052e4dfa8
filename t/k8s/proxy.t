#!/usr/bin/perl
#
# That the proxy breaks what it is told to break, and nothing else.

use strict;
use warnings;

use FindBin;
use IO::Select;
use JSON::PP;
use Test::More;

use lib "$FindBin::Bin/../lib";
use McpKube qw(random_name until_true);

my $kube = McpKube->start(api_only => 1);

plan(skip_all => 'nothing is broken in a user\'s cluster')
    if !$kube->is_own();

my $proxy = $kube->proxy();
my ($token) = McpKube::slurp($proxy->{kubeconfig}) =~ /token: (\S+?)\}/;
my $maps = '/api/v1/namespaces/default/configmaps';
my (@made, %pid);

make_one() for 1 .. 3;
passes();
answers();
bodies();
watches();
connections();
like(McpKube::slurp($proxy->{log}), qr/^\d+ GET \Q$maps\E 200 -$/m,
     'requests are in its log');
unlike(McpKube::slurp($proxy->{log}), qr/\Q$token\E/, 'tokens are not');

done_testing();


sub passes {
    my ($status, $said) = $kube->try([$proxy->{kubeconfig}], 'get',
                                     'configmaps', '-o', 'name');

    is($status, 0, 'kubectl works through it');
    like($said, qr/\Q$made[0]\E/, 'and sees what is there');
    is((ask('-H', 'Authorization: Bearer wrong', $maps))[0], 401,
       'a wrong token is the server\'s to refuse');

    $proxy->reset();
    ask($maps);
    ask("$maps/$made[0]");
    ask('-X', 'PATCH', '-H', 'Content-Type: application/merge-patch+json',
        '-d', '{"data":{"a":"b"}}', "$maps/$made[0]");

    my $count = $proxy->count();

    is($count->{writes}, 1, 'writes are counted');
    is_deeply($count->{by}, {'GET configmaps' => 2, 'PATCH configmaps' => 1},
              'all requests are, by kind');
    $proxy->reset();
    is($proxy->count()->{total}, 0, 'anew when asked to');
}


sub answers {
    my $fault = $proxy->fault(kind => 'status', status => 503,
                              percent => 50);
    my @status = sort map { (ask($maps))[0] } 1 .. 4;

    is_deeply(\@status, [200, 200, 503, 503], 'every second request fails');
    is($proxy->count()->{faults}{$fault}, 2, 'and is counted');
    $proxy->heal();

    $proxy->fault(kind => 'status', status => 429, retryAfter => 7,
                  method => 'DELETE', times => 1);
    is((ask($maps))[0], 200, 'another method is let through');

    my ($status, $body, $headers) = ask('-X', 'DELETE', "$maps/none");

    is($status, 429, 'one is refused');
    like($headers, qr/^retry-after: 7\r?$/mi, 'with a time to wait');
    is(decode_json($body)->{kind}, 'Status', 'and a Status');
    is((ask('-X', 'DELETE', "$maps/none"))[0], 404, 'once only');
    $proxy->heal();

    $proxy->fault(kind => 'gone', continues => JSON::PP::true);
    my $page = decode_json((ask("$maps?limit=1"))[1]);
    my $next = $page->{metadata}{continue};

    ok($next, 'the first page of a list comes');
    is((ask("$maps?limit=1&continue=$next"))[0], 410, 'the next is gone');
    $proxy->heal();
    is((ask("$maps?limit=1&continue=$next"))[0], 200, 'until that is over');

    $proxy->fault(kind => 'delay', ms => 5000, path => 'configmaps');
    is((ask('-m', 1, $maps))[0], 0, 'a late answer');
    $proxy->heal();
}


sub bodies {
    $proxy->fault(kind => 'cut', bytes => 30, path => "$maps\$");

    my ($status, $body, undef, $exit) = ask($maps);

    is($status, 200, 'an answer begins well');
    is(length $body, 30, 'has some bytes');
    isnt($exit, 0, 'and breaks');
    $proxy->heal();
}


sub watches {
    my $watch = watch();

    make_one();
    like(line($watch), qr/"ADDED".*"\Q$made[-1]\E"/, 'a watch gets an event');
    is($proxy->count()->{watches}, 1, 'and is counted');

    $proxy->fault(kind => 'half', watch => JSON::PP::true, times => 1);
    make_one();

    my $rest = rest($watch);

    like($rest, qr/^\{"type":"ADDED"/, 'half a line');
    unlike($rest, qr/\n/, 'and no more');
    $proxy->heal();

    $watch = watch();
    $proxy->fault(kind => 'gone', watch => JSON::PP::true);

    my $event = decode_json(rest($watch));

    is("$event->{type} $event->{object}{code}", 'ERROR 410',
       'a watch that is open ends with an ERROR event');
    is(decode_json((ask("$maps?watch=1"))[1])->{object}{reason}, 'Expired',
       'as does a new one');
    $proxy->heal();

    $watch = watch();
    my $fault = $proxy->fault(kind => 'stall', watch => JSON::PP::true);

    make_one();
    until_true('the fault', sub { $proxy->count()->{faults}{$fault} });
    ok(!IO::Select->new($watch)->can_read(0), 'a watch stalls');
    is($proxy->count()->{watches}, 1, 'and stays open');
    $proxy->heal();
    kill('TERM', $pid{$watch});
    close $watch;
}


sub connections {
    my $watch = watch();

    $proxy->fault(kind => 'refuse');
    is((ask($maps))[3], 7, 'connections are refused');
    rest($watch);
    pass('and those that were open are closed');
    $proxy->heal();
    is((ask($maps))[0], 200, 'until that is over');

    $kube->cluster('kill', 'apiserver');
    isnt((ask($maps))[3], 0, 'without a server there is no answer');
    $kube->cluster('restart', 'apiserver');
    is((ask($maps))[0], 200, 'and then there is one again');
}


sub make_one {
    push @made, random_name();
    $kube->kubectl('create', 'configmap', $made[-1]);
}


sub curl_command {
    my (@arguments) = @_;
    my $path = pop @arguments;
    my @own = grep { /^Authorization/ } @arguments;

    return ('curl', '-s', '-N', '--noproxy', '*', '--cacert',
            $kube->dir() . '/pki/ca.crt',
            @own ? () : ('-H', "Authorization: Bearer $token"),
            @arguments, $proxy->{server} . $path);
}


# Status, body, headers, and how curl ended.
sub ask {
    open(my $out, '-|', curl_command('-i', '-m', 30, @_))
        or die "curl: $!\n";
    my $said = do { local $/; <$out> } // '';

    close $out;

    my $exit = $? >> 8;
    my ($headers, $body) = split /\r\n\r\n/, $said, 2;
    my ($status) = ($headers // '') =~ m{^HTTP/1.1 (\d+)};

    return ($status // 0, $body // '', $headers // '', $exit);
}


# From now on; it is open when this returns.
sub watch {
    my $list = decode_json((ask($maps))[1]);
    my $before = $proxy->count()->{watches};

    my $child = open(my $out, '-|', curl_command(
        '-m', 120, "$maps?watch=1&timeoutSeconds=300&resourceVersion="
        . $list->{metadata}{resourceVersion})) or die "curl: $!\n";
    $pid{$out} = $child;
    until_true('a watch', sub { $proxy->count()->{watches} > $before });

    return $out;
}


sub line {
    my ($handle) = @_;
    my $line = <$handle>;

    return $line;
}


sub rest {
    my ($handle) = @_;
    my $text = do { local $/; <$handle> } // '';

    close $handle;

    return $text;
}
