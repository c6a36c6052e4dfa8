# mcp_tenant_endpoints: servers of type kubernetes are where the sidecar's file
# says, what it says is told, and a wrong file changes nothing.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use McpUpstream;
use McpQuota;
use McpPods;

mock_start();
master_on();
workers(2);
worker_connections(256);
no_long_string();

our $running = { state => 'running', endpoints => pods(2) };

# The pods that answer N requests, each once, in order.
sub answered_by {
    my ($n, @call) = @_;
    my %seen = map { pod_of(call(@call)) => 1 } 1 .. $n;

    return join ' ', sort keys %seen;
}

sub reason_of {
    my ($answer) = @_;

    return rpc_error($answer) . " retry " . ($answer->{headers}{'retry-after'}
                                             // 'never');
}

sub metric {
    my ($name) = @_;

    return McpQuota::get('/metrics')
           =~ /^nginx_mcp_tenant_endpoints_(\Q$name\E.*)$/m ? $1 : '';
}

sub stream {
    my $socket = send_call('held', method => 'GET');

    mock('open/h');
    mock('send/h', "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
                   . "data: 1\n\n");
    read_until($socket, \(my $got = ''), qr/data: 1\n\n/);

    return $socket;
}

run_tests();

__DATA__

=== requests go where the file says, and follow it
--- http eval: McpPods::pods_http()
--- catalog_a eval: McpPods::pods_catalog()
--- user_files eval
">>> endpoints.json\n" . McpPods::file_text(pods => $main::running)
--- dialog
    is(pod_of(call('pods')), 2, 'from the first request on');
    is(server_status('pods'), 'ready 1', 'the server is ready');
    is(server_status('held'), 'pending 0', 'one that is not there is pending');

    put_file(pods => { state => 'running', endpoints => pods(3) });
    is(answered_by(6, 'pods'), '3', 'no more to the one that left');

    put_file(pods => { state => 'running', endpoints => pods(2, 3, 4) });
    is(answered_by(60, 'pods'), '2 3 4', 'all of them');
    is(server_status('pods'), 'ready 3', 'are counted');

    my $status = settled();

    is($status->{endpoints}{sequence}, $status->{endpoints}{loaded},
       'what was read is enforced');
    is($status->{endpoints}{error}, undef, 'nothing is wrong');
    is($status->{endpoints}{endpoints}, 3, 'the endpoints');
    is($status->{unresolved_names}, 0, 'no name is asked for');
    is(metric('sequence'), "sequence $status->{endpoints}{loaded}",
       'the metric');
    is(metric('last_error_info'), '', 'no error');
--- no_error_log
[error]
[alert]
[crit]



=== every state has its word, status and reason
--- http eval: McpPods::pods_http()
--- catalog_a eval: McpPods::pods_catalog()
--- user_files eval
">>> endpoints.json\n" . McpPods::file_text()
--- dialog
    my @states = (
        [starting => 'starting', '503 server_starting id 7 retry 5'],
        [stopped => 'stopped', '503 server_stopped id 7 retry 5'],
        [failed => 'failed', '503 server_failed id 7 retry 5'],
        [running => 'pending', '503 server_not_ready id 7 retry 5'],
        [quota_exceeded => 'quota_exceeded',
         '429 server_quota_exceeded id 7 retry never'],
    );

    is(reason_of(call('pods')), '503 server_not_ready id 7 retry 5',
       'not in the file');

    for my $state (@states) {
        my ($word, $status, $reason) = @$state;

        put_file(pods => { state => $word, reason => "since $word" });
        is(server_status('pods'), "$status 0 since $word", $word);
        is(reason_of(call('pods')), $reason, 'the answer');
    }

    is_deeply([map { $_->{reason} } grep { $_->{server} eq 'pods'
                                           && $_->{path} =~ /mcp$/ } audit()],
              [qw(server_not_ready server_starting server_stopped
                  server_failed server_not_ready server_quota_exceeded)],
              'audited');
    like(McpQuota::get('/metrics'),
         qr/^nginx_mcp_tenant_requests_total\{tenant="a",.*
            reason="server_stopped"\}[ ]1$/mx, 'and counted');
--- no_error_log
[error]
[alert]
[crit]



=== a file that is wrong or gone changes nothing, and is told of once
--- http eval: McpPods::pods_http()
--- catalog_a eval: McpPods::pods_catalog()
--- user_files eval
">>> endpoints.json\n" . McpPods::file_text(pods => $main::running)
--- dialog
    my $file = servroot() . '/html/endpoints.json';
    my $good = status()->{endpoints}{sequence};
    my $wrong = '{"version": 2, "sequence": 900, "tenants": {}}';

    write_file('endpoints.json', $wrong);
    wait_until(sub { status()->{endpoints}{error} }, 'it is told');

    my $status = status()->{endpoints};

    is($status->{error}, "$file:1:14: found version 2, expected 1", 'what');
    is($status->{loaded}, $good, 'it was not taken');
    is($status->{sequence}, $good, 'nor enforced');
    is(metric('last_error_info'),
       "last_error_info{error=\"$status->{error}\"} 1", 'the metric');
    is(pod_of(call('pods')), 2, 'the last good one is gone by');

    unlink $file or die "$file: $!";
    wait_until(sub { status()->{endpoints}{error} =~ /cannot be opened/ },
               'a file that is gone');
    is(pod_of(call('pods')), 2, 'changes nothing either');

    write_file('endpoints.json', $wrong . ' ');
    wait_until(sub { status()->{endpoints}{error} =~ /version 2/ }, 'again');

    reload();
    is(pod_of(call('pods')), 2, 'nor does a reload of NGINX');
    is(status()->{endpoints}{sequence}, $good, 'with the same sequence');
    like(status()->{endpoints}{error}, qr/version 2/, 'and its error');

    put_file(pods => { state => 'running', endpoints => pods(3) });
    is(status()->{endpoints}{error}, undef, 'a good file ends it');
    is(answered_by(6, 'pods'), '3', 'and is gone by');

    my @told = error_log() =~ /found version 2, expected 1$/mg;
    is(scalar @told, 2, 'each was said once by the loader');
--- error_log
is refused; what is known of pods goes on
"mcp_tenant_endpoints" goes on with what is known
--- no_error_log
[alert]
[crit]



=== a reload before there is an image keeps the pods that are known
--- http eval: McpPods::pods_http()
--- catalog_a eval: McpPods::pods_catalog()
--- user_files eval
">>> endpoints.json\n" . McpPods::file_text(pods => $main::running)
--- dialog
    my $image = state_dir() . '/tenants.img';

    wait_until(sub { -s $image }, 'the loader has written an image');
    is(pod_of(call('pods')), 2, 'the pod is known');

    write_file('endpoints.json', '{"version": 2}');
    wait_until(sub { status()->{endpoints}{error} }, 'the file is wrong now');
    unlink($image) or die "unlink: $!";
    reload();
    is(pod_of(call('pods')), 2, 'it still is');
--- error_log
"mcp_tenant_endpoints" goes on with what is known
--- no_error_log
[alert]
[crit]



=== without a file there are no pods until there is one
--- http eval: McpPods::pods_http()
--- catalog_a eval: McpPods::pods_catalog()
--- dialog
    is(server_status('pods'), 'pending 0', 'pending');
    is(reason_of(call('pods')), '503 server_not_ready id 7 retry 5',
       'no answer');
    like(status()->{endpoints}{error}, qr/cannot be opened: No such file/,
         'it is told');
    is(status()->{endpoints}{sequence}, 0, 'no sequence');

    put_file(pods => $main::running);
    is(pod_of(call('pods')), 2, 'a file comes');
--- suppress_stderr
--- error_log
"mcp_tenant_endpoints" goes on with what is known
--- no_error_log
[error]
[alert]
[crit]



=== pods move while a catalog is wrong, and stay when one changes
--- http eval: McpPods::pods_http()
--- catalog_a eval: McpPods::pods_catalog()
--- user_files eval
">>> endpoints.json\n" . McpPods::file_text(pods => $main::running)
--- dialog
    my $before = status()->{config};

    write_file('catalogs/a.yaml', "servers: 1\n");
    wait_until(sub { status()->{config}{last_error} }, 'a wrong catalog');
    put_file(pods => { state => 'running', endpoints => pods(3) });

    is(status()->{config}{digest}, $before->{digest}, 'the same catalogs');
    is(answered_by(6, 'pods'), '3', 'other pods');

    write_file('catalogs/a.yaml', McpPods::pods_catalog()
               . "  - id: new\n    runtime: {type: remote, "
               . "url: \"http://127.0.0.1:$ENV{TEST_NGINX_MOCK}/echo\"}\n");
    wait_until(sub { call('new')->{status} == 200 }, 'another catalog');
    is(answered_by(6, 'pods'), '3', 'the same pods');
--- no_error_log
[alert]
[crit]



=== requests under way go on when their pod is gone
--- http eval: McpPods::pods_http()
--- catalog_a eval: McpPods::pods_catalog()
--- user_files eval
">>> endpoints.json\n" . McpPods::file_text(held => { state => 'running',
    endpoints => [McpPods::pod()] })
--- dialog
    my $socket = main::stream();
    my $got = '';

    put_file(held => { state => 'stopped' });
    is(reason_of(call('held')), '503 server_stopped id 7 retry 5',
       'a new one is refused');

    mock('send/h', "data: 2\n\n");
    read_until($socket, \$got, qr/data: 2\n\n/);
    pass('the stream goes on');
    mock('close/h');
--- no_error_log
[error]
[alert]
[crit]



=== a session reaches its pod while that drains, and nothing else does
--- http eval: McpPods::pods_http()
--- catalog_a eval: McpPods::pods_catalog()
--- user_files eval
">>> endpoints.json\n" . McpPods::file_text(pods => $main::running)
--- dialog
    my $opened = '{"jsonrpc":"2.0","id":0,"method":"initialize"}';
    my $token = call('pods', body => $opened)->{headers}{'mcp-session-id'};

    is(pod_of(in_session('pods', $token)), 2, 'a session');

    put_file(pods => { state => 'running', endpoints => pods(3),
                       draining => pods(2) });
    is(pod_of(in_session('pods', $token)), 2, 'goes on where it drains');
    is(answered_by(12, 'pods'), '3', 'others do not begin there');
    is(answered_by(12, 'pods', body => $opened), '3', 'nor do sessions');
    is_rpc(in_session('pods', $token, body => $opened),
           '404 unknown_session id 0', 'nor does one in its place');
    is(server_status('pods'), 'ready 1', 'it does not count');

    put_file(pods => { state => 'stopped', draining => pods(2) });
    is(pod_of(in_session('pods', $token)), 2, 'also when it is the last');
    is(reason_of(call('pods')), '503 server_stopped id 7 retry 5',
       'a new one is refused');

    put_file(pods => { state => 'running', endpoints => pods(3) });
    is_rpc(in_session('pods', $token), '404 unknown_session id 7',
           'gone with its pod');
    ok((grep { $_->{reason} eq 'session_endpoint_gone' } audit()),
       'the audit tells why');
--- no_error_log
[error]
[alert]
[crit]



=== the status counts what is under way at a pod that drains
--- http eval: McpPods::pods_http()
--- catalog_a eval: McpPods::pods_catalog()
--- user_files eval
">>> endpoints.json\n" . McpPods::file_text(held => { state => 'running',
    endpoints => [McpPods::pod()] })
--- dialog
    my $socket = main::stream();
    my $second = send_call('held');

    mock('open/h2');
    put_file(held => { state => 'running', draining => [pod()] });

    my $draining = status()->{endpoints}{draining};

    is_deeply($draining, [{ tenant => 'a', server => 'held', address => pod(),
                            in_flight => 2 }], 'two');

    answer_held('h2');
    is(read_answer($second)->{status}, 200, 'one is answered');
    wait_until(sub { status()->{endpoints}{draining}[0]{in_flight} == 1 },
               'one is left');

    # over files, and over a reload
    put_file(held => { state => 'running', draining => [pod()] },
             pods => $main::running);
    reload();
    is(status()->{endpoints}{draining}[0]{in_flight}, 1, 'it goes on');

    mock('close/h');
    wait_until(sub { status()->{endpoints}{draining}[0]{in_flight} == 0 },
               'none is left');
--- no_error_log
[error]
[alert]
[crit]



=== what a killed worker had under way is not counted for ever
--- http eval: McpPods::pods_http()
--- catalog_a eval: McpPods::pods_catalog()
--- user_files eval
">>> endpoints.json\n" . McpPods::file_text(held => { state => 'running',
    endpoints => [McpPods::pod()] })
--- dialog
    my $socket = main::stream();

    put_file(held => { state => 'running', draining => [pod()] });
    is(status()->{endpoints}{draining}[0]{in_flight}, 1, 'one');

    kill 'KILL', map { $_->{pid} } @{status()->{processes}};
    wait_until(sub {
        my $status = eval { status() };
        $status && $status->{endpoints}{draining}[0]{in_flight} == 0;
    }, 'none');
--- alerts
exited on signal 9
--- no_error_log
[crit]



=== a pod that left while a body arrived is not asked
--- http eval: McpPods::pods_http()
--- catalog_a eval: McpPods::pods_catalog()
--- user_files eval
">>> endpoints.json\n" . McpPods::file_text(pods => $main::running)
--- settings
    mcp_tenant_body  verify;
--- dialog
    my $body = '{"jsonrpc":"2.0","id":7,"method":"ping"}';
    my $socket = connect_to($Test::Nginx::Util::ServerPort);

    print $socket "POST /tenant/a/servers/pods/mcp HTTP/1.1\r\n"
                  . "Host: localhost\r\nContent-Type: application/json\r\n"
                  . 'Authorization: Bearer ' . key('a') . "\r\n"
                  . 'Content-Length: ' . length($body) . "\r\n\r\n"
                  . substr($body, 0, 10);

    # judged by now: another that came after it was answered
    wait_gauge('requests_in_flight', 'a', 0, 'no slot is taken yet');
    call('pods') for 1 .. 6;

    put_file(pods => { state => 'running', endpoints => pods(3) });
    print $socket substr($body, 10);
    is(pod_of(read_answer($socket)), 3, 'the one that came is');
--- no_error_log
[error]
[alert]
[crit]



=== addresses that no pod has are not used, and told of once
--- http eval: McpPods::pods_http()
--- catalog_a eval: McpPods::pods_catalog()
--- allow: 127.0.0.3
--- user_files eval
">>> endpoints.json\n" . McpPods::file_text(pods => { state => 'running',
    endpoints => [@{McpPods::pods(2, 3)}, '127.0.0.3:1', '169.254.169.254:80',
                  '[fe80::1]:80', '0.0.0.0:80', '224.0.0.1:80'] })
--- dialog
    is(answered_by(12, 'pods'), '3', 'only the one that is open');
    is(server_status('pods'), 'ready 1', 'counts');
    wait_until(sub { error_log() =~ /found 224\.0\.0\.1:80 / }, 'told of');

    put_file(pods => { state => 'running', endpoints => [@{pods(2, 3)},
                       '127.0.0.3:1', '169.254.169.254:80', '[fe80::1]:80',
                       '0.0.0.0:80', '224.0.0.1:80'] });

    my $log = error_log();

    for my $address (pod(2), '127.0.0.3:1', '169.254.169.254:80',
                     '[fe80::1]:80', '0.0.0.0:80', '224.0.0.1:80')
    {
        my @lines = $log =~ /found \Q$address\E as an endpoint of server
                             [ ]"pods"[ ]of[ ]tenant[ ]"a"/gx;
        my @told = $log =~ /(found \Q$address\E as an endpoint)/g;

        is(scalar @told, 1, "$address is told of once");
    }
--- no_error_log
[error]
[alert]
[crit]



=== a tenant and a server that nobody has are passed over
--- http eval: McpPods::pods_http()
--- catalog_a eval: McpPods::pods_catalog()
--- user_files eval
">>> endpoints.json\n" . '{"version":1,"sequence":0,"later":{"a":[1]},'
. '"tenants":{"b":{"servers":{"pods":{"state":"running","endpoints":["'
. McpPods::pod(4) . '"]}}},"gone":{"servers":{"x":{"state":"failed"}}},'
. '"a":{"servers":{"nobody":{"state":"failed"},"pods":{"state":"running",'
. '"endpoints":["' . McpPods::pod(2) . '"]}}}}}'
--- dialog
    is(answered_by(12, 'pods'), '2', 'each tenant has its own');
    is(call('pods', tenant => 'b')->{status}, 404, 'and no other');
--- catalog_b
servers: []
--- no_error_log
[error]
[alert]
[crit]



=== mcp_tenant_endpoints twice
--- http
    mcp_tenant_endpoints  one.json;
    mcp_tenant_endpoints  two.json;
--- must_die
--- error_log
"mcp_tenant_endpoints" directive is duplicate in



=== mcp_tenant_endpoints without a name
--- http
    mcp_tenant_endpoints  "";
--- must_die
--- error_log
"mcp_tenant_endpoints" directive names no file in
