# Sealed sessions: what a client gets as Mcp-Session-Id opens for it alone, at
# the endpoint that opened the session, and reaches no server otherwise.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use McpUpstream;
use McpQuota;
use Digest::SHA qw(sha256_hex);
use File::Find;

sub answer {
    my (@headers) = @_;

    return ["HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            . "Content-Length: 2\r\n" . join('', map { "$_\r\n" } @headers)
            . "\r\n{}", 'keep'];
}

mock_start(
    'with-space' => answer('Mcp-Session-Id: a b'),
    'not-ascii' => answer("Mcp-Session-Id: \xc3\xa9"),
    empty => answer('Mcp-Session-Id: '),
    'too-long' => answer('Mcp-Session-Id: ' . 'x' x 1025),
    longest => answer('Mcp-Session-Id: ' . 'x' x 1024),
    twice => answer('Mcp-Session-Id: a', 'mcp-session-id: a'),
);

master_on();
workers(2);
no_long_string();

# With the token of a session, or another text in its place.
sub in_session {
    my ($server, $token, %o) = @_;

    return call($server, %o, headers => ["Mcp-Session-Id: $token",
                                         @{$o{headers} || []}]);
}

# The session that a server saw, "" when it saw none.
sub session_of {
    my ($answer) = @_;

    return echoed($answer)->{head} =~ /^Mcp-Session-Id: (.*)\r$/m ? $1 : '';
}

sub is_unknown {
    my ($answer, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    is_rpc($answer, '404 unknown_session id 7', $name);
}

sub new_key { return command_output($ENV{MCP_TENANT}, 'session-key') }

# Until no worker of before is left, which would seal with other keys.
sub reload_all {
    my $before = status()->{config}{generation};

    reload();
    wait_until(sub {
        !grep { $_->{state} eq 'draining' || $_->{generation} <= $before }
              @{status()->{processes}};
    }, 'only new workers are left');
}

sub hash { return sha256_hex($_[0]) }

# Files below the server root that hold a text.
sub files_with {
    my ($text) = @_;
    my @found;

    find({ no_chdir => 1, wanted => sub {
        return if !-f $_ || -l $_;
        push @found, $_
            if index(McpUpstream::read_file($_), $text) >= 0;
    } }, servroot());

    return @found;
}

our $echo = 'http://127.0.0.1:$TEST_NGINX_MOCK/echo';
our $replicas = '"http://127.0.0.1:$TEST_NGINX_MOCK/echo", '
                . '"http://127.0.0.1:$TEST_NGINX_MOCK2/echo"';
our ($first_key, $second_key) = (new_key(), new_key());
our $modern = 'MCP-Protocol-Version: 2026-07-28';


our $two_tenants = <<"END";
tenants:
  - id: a
    catalog_file: catalogs/a.yaml
    api_keys:
      - {name: main, key_hash: "sha256:${\ hash(key('a'))}"}
  - id: b
    catalog_file: catalogs/b.yaml
    api_keys:
      - {name: main, key_hash: "sha256:${\ hash(key('b'))}"}
END

our $four_keys = <<"END";
tenants:
  - id: a
    catalog_file: catalogs/a.yaml
    api_keys:
      - {name: main, key_hash: "sha256:${\ hash(key('a'))}"}
      - {name: second, key_hash: "sha256:${\ hash('mcpk-second')}"}
      - name: narrow
        key_hash: "sha256:${\ hash('mcpk-narrow')}"
        servers: [echo]
      - name: ruled
        key_hash: "sha256:${\ hash('mcpk-ruled')}"
        tools: {deny: ["drop_*"]}
END

run_tests();

__DATA__

=== a token stands in for the session, both ways
--- catalog_a eval
"servers:\n  - {id: echo, runtime: {type: remote, url: \"$::echo\"}}\n"
--- dialog
    my ($token, $id) = open_session('echo');

    like($token, qr/^[A-Za-z0-9_-]{60,}$/, 'a token');
    is(index($token, $id), -1, 'the id is not in it');

    for my $method ('POST', 'GET', 'DELETE') {
        my $answer = in_session('echo', $token, method => $method);

        is(session_of($answer), $id, "$method: the server sees its id");
        is(() = echoed($answer)->{head} =~ /^Mcp-Session-Id:/mgi, 1,
           "$method: once");
    }

    my ($again) = open_session('echo');

    isnt($again, $token, 'each session has a token of its own');

    audit();

    # NGINX writes what passes into a log of debug lines
    my $log = servroot() . '/logs/error.log';

    is_deeply([grep { $_ ne $log } files_with($token)], [],
              'no file has the token');
    is_deeply([grep { $_ ne $log } files_with($id)], [], 'no file has the id');
--- no_error_log
[error]
[alert]
[crit]



=== what is no token of this tenant and server reaches no server
--- tenants eval: $::two_tenants
--- catalog_a eval
"servers:\n  - {id: echo, runtime: {type: remote, url: \"$::echo\"}}\n"
. "  - {id: other, runtime: {type: remote, url: \"$::echo\"}}\n"
--- catalog_b eval
"servers:\n  - {id: echo, runtime: {type: remote, url: \"$::echo\"}}\n"
--- dialog
    my ($token, $id) = open_session('echo');
    my $seen = @{mock('seen')->{requests}};

    is_unknown(in_session('echo', $token, tenant => 'b'),
               'at another tenant, the same server');
    is_unknown(in_session('other', $token), 'at another server');
    is_unknown(in_session('echo', $id), "the server's own id");
    is_unknown(in_session('echo', ''), 'empty');
    is_unknown(in_session('echo', substr($token, 0, -1)), 'shorter');
    is_unknown(in_session('echo', $token . 'A'), 'longer');
    is_unknown(in_session('echo', $token . '='), 'padded');
    is_unknown(in_session('echo', 'A' x length $token), 'guessed');
    is_unknown(in_session('echo', 'A' x 10_000), 'huge');
    is_unknown(in_session('echo', "\xff" x 80), 'not ASCII');

    for my $i (0 .. length($token) - 1) {
        my $forged = $token;

        substr($forged, $i, 1) = substr($forged, $i, 1) eq 'B' ? 'C' : 'B';

        my $answer = in_session('echo', $forged);

        next if $answer->{status} == 404;
        fail("another byte $i: $answer->{status}");
    }

    is(in_session('echo', $token, method => 'GET')->{status}, 200,
       'GET with it');
    is(in_session('echo', $token, method => 'GET', tenant => 'b')->{status},
       404, 'GET at another tenant');
    is(in_session('echo', $token, method => 'DELETE', tenant => 'b')->{status},
       404, 'DELETE at another tenant');
    is(call('echo', method => 'GET', headers => ['Last-Event-ID: 1'])->{status},
       404, 'an event of no session');
    is_rpc(in_session('echo', $token, headers => ["Mcp-Session-Id: $token"]),
           '400 duplicate_header id null', 'twice');

    is(scalar @{mock('seen')->{requests}}, $seen + 1,
       'no other reached a server');

    my %reasons = map { $_->{reason} => 1 }
                  grep { $_->{requested_tenant} ne '' } audit();

    is_deeply([sort keys %reasons],
              ['duplicate_header', 'ok', 'unknown_session'], 'audited');
    like(error_log(), qr/request refused: unknown_session/, 'and logged');



=== a key that reaches less has sessions of its own
--- tenants eval: $::four_keys
--- catalog_a eval
"servers:\n  - {id: echo, runtime: {type: remote, url: \"$::echo\"}}\n"
--- dialog
    my @keys = (key('a'), 'mcpk-second', 'mcpk-narrow', 'mcpk-ruled');
    my %tokens = map { $_ => (open_session('echo', key => $_))[0] } @keys;

    for my $of (@keys) {
        for my $by (@keys) {
            my $same = $of eq $by
                       || ($of !~ /narrow|ruled/ && $by !~ /narrow|ruled/);

            is(in_session('echo', $tokens{$of}, key => $by)->{status},
               $same ? 200 : 404, "the session of $of by $by");
        }
    }
--- no_error_log
[alert]
[crit]



=== a session stays on its endpoint
--- catalog_a eval
"servers:\n  - {id: echo, runtime: {type: remote, urls: [$::replicas]}}\n"
--- dialog
    my (%tokens, %ports);

    # more than enough that both have been chosen
    for (1 .. 40) {
        my ($token, $id) = open_session('echo');

        ($tokens{$token}) = $id =~ /-(\d+)$/;
        $ports{$tokens{$token}}++;
    }

    is(keys %ports, 2, 'both endpoints have sessions');

    my $wrong = 0;

    for my $round (1 .. 5) {
        for my $token (keys %tokens) {
            my $seen = echoed(in_session('echo', $token));

            $wrong++ if $seen->{port} != $tokens{$token};
        }

        # with the key that was made at the start
        reload() if $round == 2;
    }

    is($wrong, 0, 'no request on the wrong one');
--- no_error_log
[error]
[alert]
[crit]



=== an endpoint that is gone takes its sessions with it
--- catalog_a eval
"servers:\n  - {id: echo, runtime: {type: remote, urls: [$::replicas]}}\n"
--- dialog
    my %token;

    until (keys %token == 2) {
        my ($token, $id) = open_session('echo');

        $token{$id =~ /-(\d+)$/ ? $1 : die} = $token;
    }

    my ($kept, $gone) = @ENV{'TEST_NGINX_MOCK', 'TEST_NGINX_MOCK2'};

    write_file('catalogs/a.yaml', "servers:\n  - {id: echo, runtime: "
               . "{type: remote, urls: [\"http://127.0.0.1:$kept/echo\"]}}\n");
    wait_until(sub { call('echo');
                     in_session('echo', $token{$gone})->{status} == 404 },
               'a session of the other is not found');
    is_unknown(in_session('echo', $token{$gone}), 'as one that never was');
    is(in_session('echo', $token{$kept})->{status}, 200, 'the rest goes on');
    ok((grep { $_->{reason} eq 'session_endpoint_gone' } audit()),
       'the audit tells why');
--- no_error_log
[error]
[alert]
[crit]



=== an endpoint that is down is not replaced by another
--- catalog_a eval
"servers:\n  - {id: echo, runtime: {type: remote, urls: [$::replicas]}}\n"
--- dialog
    my ($token, $id, $port);

    until (defined $port && $port == $ENV{TEST_NGINX_MOCK2}) {
        ($token, $id) = open_session('echo');
        ($port) = $id =~ /-(\d+)$/;
    }

    mock("deafen/$port");

    my $answer = in_session('echo', $token);

    is_rpc($answer, '502 upstream_failed id 7', 'no other endpoint is asked');
    is(call('echo')->{status}, 200, 'one without a session is');
    mock("listen/$port");
    wait_until(sub { in_session('echo', $token)->{status} == 200 },
               'and it goes on when it is back');
--- error_log
connect() failed



=== a file of keys, and how they are replaced
--- http
    mcp_tenant_session_key session.keys;
--- user_files eval
">>> ../conf/session.keys\n" . $::first_key
--- catalog_a eval
"servers:\n  - {id: echo, runtime: {type: remote, url: \"$::echo\"}}\n"
--- dialog
    my $file = servroot() . '/conf/session.keys';
    my ($old) = open_session('echo');

    write_file($file, $::second_key . "# the one before\n" . $::first_key);
    reload_all();

    my ($new) = open_session('echo');

    is(in_session('echo', $old)->{status}, 200, 'the older key still opens');
    is(in_session('echo', $new)->{status}, 200, 'the newer one, too');

    write_file($file, $::second_key);
    reload_all();

    is_unknown(in_session('echo', $old), 'a key that is gone opens nothing');
    is(in_session('echo', $new)->{status}, 200,
       'the first one of two has sealed');

    $_ = s/^mcps_|\n//gr for my @secrets = ($::first_key, $::second_key);

    is_deeply([grep { $_ ne $file } map { files_with($_) } @secrets], [],
              'no other file has a key');
--- no_error_log
[error]
[alert]
[crit]



=== a session ends with its lifetime
--- http
    mcp_tenant_session_lifetime 1s;
--- catalog_a eval
"servers:\n  - {id: echo, runtime: {type: remote, url: \"$::echo\"}}\n"
--- dialog
    my ($token) = open_session('echo');

    wait_until(sub { in_session('echo', $token)->{status} == 404 },
               'it is over');
    is_unknown(in_session('echo', $token), 'as one that never was');
    is((audit())[-1]{reason}, 'session_expired', 'the audit tells why');



=== a revision without sessions has none
--- catalog_a eval
"servers:\n  - {id: echo, runtime: {type: remote, url: \"$::echo\"}}\n"
--- dialog
    my ($token) = open_session('echo');
    my $body = '{"jsonrpc":"2.0","id":7,"method":"ping","params":{"_meta":'
               . '{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}';

    for my $given ($token, 'no-token', 'x' x 5000) {
        is(session_of(in_session('echo', $given, headers => [$::modern])), '',
           'an id is ignored, by the header');
        is(session_of(in_session('echo', $given, body => $body)), '',
           'an id is ignored, by the body');
    }

    my $answer = call('echo', headers => [$::modern],
        body => '{"jsonrpc":"2.0","id":0,"method":"initialize"}');

    ok(echoed($answer)->{session}, 'a server opened one');
    is($answer->{headers}{'mcp-session-id'}, undef, 'which nobody gets');

    for my $method ('GET', 'DELETE') {
        $answer = call('echo', method => $method, headers => [$::modern]);
        is($answer->{status}, 405, "there is no $method");
        is($answer->{headers}{allow}, 'POST', 'but POST');
    }
--- no_error_log
[error]
[alert]
[crit]



=== an upstream block has sessions as well
--- http
    mcp_tenant_upstream_names legacy;

    upstream legacy {
        server 127.0.0.1:$TEST_NGINX_MOCK;
    }
--- catalog_a
servers:
  - {id: one, runtime: {type: upstream, name: legacy, path: /echo}}
  - {id: two, runtime: {type: upstream, name: legacy, path: /echo}}
--- dialog
    my ($token, $id) = open_session('one');

    is(session_of(in_session('one', $token)), $id, 'its own');
    is(session_of(in_session('one', $token, chunked => 5)), $id,
       'with a body in pieces');
    is_unknown(in_session('two', $token), 'not that of another server');



=== a server that sends no session id as one
--- catalog_a
servers:
  - id: with-space
    runtime:
      {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/raw/with-space"}
  - id: not-ascii
    runtime:
      {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/raw/not-ascii"}
  - id: empty
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/raw/empty"}
  - id: too-long
    runtime:
      {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/raw/too-long"}
  - id: twice
    runtime: {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/raw/twice"}
  - id: longest
    runtime:
      {type: remote, url: "http://127.0.0.1:$TEST_NGINX_MOCK/raw/longest"}
--- dialog
    for my $server ('with-space', 'not-ascii', 'empty', 'too-long', 'twice') {
        my $answer = call($server);

        is_rpc($answer, '502 upstream_failed id 7', $server);
        is($answer->{headers}{'mcp-session-id'}, undef,
           "$server: nobody gets it");
    }

    my $answer = call('longest');

    is($answer->{status}, 200, 'the longest one');
    is(in_session('longest', $answer->{headers}{'mcp-session-id'})->{status},
       200, 'comes back');
--- error_log
upstream sent an invalid Mcp-Session-Id, expected one of 1 to 1024 visible
    ASCII characters



=== a file of keys that is not there
--- http
    mcp_tenant_session_key no-such-file;
--- catalog_a
servers: []
--- must_die
--- error_log
no-such-file:1:1: the file of session keys cannot be opened
"mcp_tenant_session_key" refuses



=== a file of keys with a mistake, which is not told
--- http
    mcp_tenant_session_key session.keys;
--- user_files
>>> ../conf/session.keys
# a key of 256 bits
mcps_not-what-a-key-looks-like
--- catalog_a
servers: []
--- must_die
--- error_log
session.keys:2:1: found
--- no_error_log
not-what-a-key
