package McpUpstream;

# What the tests of everything behind the gateway share: a gateway made of the
# shipped conf/mcp_tenant.conf, two tenants, and a server to misbehave.
#
# Sections that blocks may have, beside those of Test::Nginx:
#   catalog_a, catalog_b   YAML of the catalog of a tenant
#   secrets_a              names granted to tenant a, one a line
#   tenants                the whole tenants.yaml instead
#   settings               "directive value" lines that replace those of
#                          conf/mcp_tenant.conf, or are added to its location
#   peers                  what stands in upstream{} instead of the default
#   allow                  of mcp_tenant_upstream_allow; "none" for none
#   http                   added to the http block
#   trust                  proxy_ssl_trusted_certificate instead of the
#                          system's
#   audit_off              true for no audit log, and no format of one
#   server                 added to the server block
#   dialog                 Perl code that runs while NGINX does
#   alerts                 pieces of text, one a line: each must stand in what
#                          the log has of [alert] and [emerg], and nothing else

use strict;
use warnings;

use Carp qw(croak);
use Cwd qw(getcwd);
use Digest::SHA qw(sha256_hex);
use Exporter qw(import);
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use POSIX ();
use Test::More ();
use Test::Nginx::Socket;
use Time::HiRes qw(sleep);

use McpBase qw(free_port now patience wait_for);
use McpMock;

our @EXPORT = qw(
    mock_start mock free_port patience key
    call send_call open_session connect_to read_answer read_until echoed rpc_error is_rpc
    write_file error_log audit servroot state_dir nginx_pid wait_until
    command_output
);

# What a test file does to each of its blocks before this file does.
our $prepare = sub {};

our %key = (a => 'mcpk-of-tenant-a', b => 'mcpk-of-tenant-b');

my $owner = $$;
my ($mock_pid, $mock_port);

# by the gateway, in this block
my $answered = 0;


# The gateway

sub key { return $key{$_[0]} }

sub servroot { return $Test::Nginx::Util::ServRoot }

# A folder that Test::Nginx removes before each block.
sub state_dir { return servroot() . '/state_temp' }


no_root_location();

add_block_preprocessor(sub {
    my ($block) = @_;

    $prepare->($block);

    if (!defined $block->http_config) {
        $block->set_value('http_config', http_config($block));
    }

    if (!defined $block->config) {
        $block->set_value('config', config($block));
    }

    $block->set_value('user_files', user_files($block));

    # a message may go on in the next line, behind blanks
    if (defined $block->error_log && !ref $block->error_log) {
        $block->set_value('error_log',
                          $block->error_log =~ s/\n +(?=\S)/ /gr);
    }

    # what NGINX says when it refuses to start is expected, not to be shown,
    # like what a dialog brings about

    if (defined $block->must_die) {
        $block->set_value('suppress_stderr', '');
        expect_log($block, '[emerg]');

    } elsif (defined $block->alerts) {
        expect_log($block, qr/\[alert\]|\[emerg\]/);
    }

    if (!defined $block->must_die && !defined $block->request) {
        $block->set_value('request', 'GET /ready');
        $block->set_value('error_code', 204);
    }
});


add_response_body_check(sub {
    my ($block, $body, $req_idx, $repeated_req_idx, $dry_run) = @_;
    my $dialog = $block->dialog;

    return if !defined $dialog || $dry_run;

    # what Test::Nginx asked
    $answered = 1;

    # Perl code as text, which then has the line numbers of its file
    my $code = ref $dialog ? $dialog
             : eval "package main; sub { my (\$block) = \@_;"
                    . "\n#line " . dialog_line($block) . " \"$0\"\n$dialog }";

    Test::More::BAIL_OUT($block->name . ": dialog: $@") if !$code;

    if (!eval { mock('fresh') if $mock_pid; $code->($block); 1 }) {
        Test::More::fail($block->name . " - dialog died: $@");
    }

    check_alerts($block) if defined $block->alerts;
});


# Adds to the section error_log of a block, which may have any form.
sub expect_log {
    my ($block, $more) = @_;
    my $log = $block->error_log // '';

    $block->set_value('error_log', [
        ref $log eq 'ARRAY' ? @$log : ref $log ? $log : split(/\n+/, $log),
        $more,
    ]);
}


sub check_alerts {
    my ($block) = @_;
    my @expected = split /\n/, $block->alerts;
    my @lines = grep { /\[(?:alert|emerg)\]/ } split /\n/, error_log();

    for my $text (@expected) {
        Test::More::ok((grep { index($_, $text) >= 0 } @lines),
                       $block->name . " - alert: $text");
    }

    Test::More::is_deeply([grep {
        my $line = $_;
        !grep { index($line, $_) >= 0 } @expected;
    } @lines], [], $block->name . ' - no other alerts');
}


sub dialog_line {
    my ($block) = @_;
    my $text = read_file($0);
    my $name = $block->name =~ s/^\Q$0\E //r;

    return 1 if $text !~ /^===[ ]\Q$name\E\n
                          (?:(?!===[ ]).*\n)*?---[ ]dialog\n/mx;

    return 1 + substr($text, 0, $+[0]) =~ tr/\n//;
}


sub http_config {
    my ($block) = @_;
    my $allow = $block->allow // '127.0.0.0/8';
    my $peers = $block->peers // "mcp_tenant_peers;\nkeepalive 16;";
    my $http = $block->http // '';
    my $audit = $block->audit_off ? ''
        : "include     $ENV{MCP_TENANT_CONF}/mcp_tenant_http.conf;\n"
          . "    access_log  logs/audit.log  mcp_tenant_audit;";
    my $trust = $block->trust // '/etc/ssl/certs/ca-certificates.crt';

    $allow = $allow eq 'none' ? '' : "mcp_tenant_upstream_allow $allow;";

    return <<"END";
    $audit
    mcp_tenant_zone   mcp 256k;
    mcp_tenant_config \$TEST_NGINX_SERVER_ROOT/html/tenants.yaml;
    mcp_tenant_state  \$TEST_NGINX_SERVER_ROOT/state_temp;
    $allow

    proxy_ssl_trusted_certificate  $trust;

    upstream mcp_servers {
        $peers
    }

    $http
END
}


# The shipped locations, less what Test::Nginx sets by itself.
sub config {
    my ($block) = @_;
    my $text = read_file("$ENV{MCP_TENANT_CONF}/mcp_tenant.conf");
    my $added = '';

    $text =~ s/^client_max_body_size .*\n//m;

    for my $line (split /\n/, $block->settings // '') {
        my ($name) = $line =~ /^\s*(\w+)/ or next;

        $text =~ s/^(\s+)\Q$name\E\s[^;]*;/$1$line/m
            or $added .= "    $line\n";
    }

    $text =~ s/^(    mcp_tenant  on;\n)/$1$added/m
        or die "conf/mcp_tenant.conf has no \"mcp_tenant  on;\"\n";

    my $server = $block->server // '';

    return "location = /ready { return 204; }\n$server\n$text";
}


sub user_files {
    my ($block) = @_;
    my @files;

    if (defined $block->user_files) {
        die "user_files as text only\n" if ref $block->user_files;

        for my $part (split /^(?=>>> )/m, $block->user_files) {
            my ($name, $body) = $part =~ /^>>> (\S+)\n(.*)/s;
            push @files, [$name, $body] if defined $name;
        }
    }

    for my $id ('a', 'b') {
        my $section = "catalog_$id";
        my $catalog = $block->$section;
        push @files, ["catalogs/$id.yaml", $catalog] if defined $catalog;
    }

    my $tenants = $block->tenants
                  // tenants(map { $_ => defined $block->${\"catalog_$_"} }
                             'a', 'b');
    my $secrets = join '', map { "      - \"$_\"\n" }
                  grep { length } split /\n/, $block->secrets_a // '';

    $tenants =~ s{^(    catalog_file: catalogs/a.yaml\n)}
                 {$1    secrets:\n$secrets}m if $secrets;

    return [@files, ['tenants.yaml', $tenants]];
}


sub tenants {
    my (%has_catalog) = @_;
    my $text = "tenants:\n";

    for my $id (sort keys %has_catalog) {
        $text .= "  - id: $id\n";
        $text .= "    catalog_file: catalogs/$id.yaml\n"
            if $has_catalog{$id};
        $text .= "    api_keys:\n"
                 . "      - {name: main, key_hash: \"sha256:"
                 . sha256_hex($key{$id}) . "\"}\n";
    }

    return $text;
}


# Ports and the mock

# Starts the mock with the answers for /raw/NAME; NAME => [BYTES, THEN], THEN
# being close, reset or keep.  $TEST_NGINX_MOCK and $TEST_NGINX_MOCK2 are its
# ports in what Test::Nginx expands, $TEST_NGINX_DEAD one that refuses.
sub mock_start {
    my (%raw) = @_;
    my @listeners;

    for my $name ('MOCK', 'MOCK2') {
        my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
                                             Listen => 128,
                                             ReuseAddr => 1)
            or die "listen: $!\n";

        $ENV{"TEST_NGINX_$name"} = $listener->sockport();
        push @listeners, $listener;
    }

    $mock_port = $ENV{TEST_NGINX_MOCK};
    $ENV{TEST_NGINX_DEAD} = free_port();

    for my $name (keys %raw) {
        my ($send, $then) = @{$raw{$name}};

        $raw{$name} = { send => $send,
                        then => ($then // 'close') eq 'keep' ? undef
                                : $then // 'close' };
    }

    $mock_pid = McpMock::start(\@listeners, \%raw);
    close($_) for @listeners;

    return $mock_port;
}


END {
    if ($mock_pid && $$ == $owner) {
        local $?;
        kill 'TERM', $mock_pid;
        waitpid($mock_pid, 0);
    }
}


# Asks the mock itself: mock('open/NAME'), mock('send/NAME', $bytes), ...
sub mock {
    my ($command, $body) = @_;
    my $socket = connect_to($mock_port);

    $body //= '';

    print $socket "POST /control/$command HTTP/1.1\r\nHost: mock\r\n"
                  . 'Content-Length: ' . length($body) . "\r\n\r\n$body";

    my $answer = eval { read_answer($socket) }
        or croak "mock('$command'): " . $@ =~ s/ at \S+ line \d+\.\n\z//r;

    my $json = decode_json($answer->{body});

    croak "mock('$command'): nobody is there\n" . mock_knows() . "\n"
        if $command =~ /^send/ && !$json->{done};

    return $json;
}


# For messages: why may something have been waited for in vain?
sub mock_knows {
    return '' if !$mock_pid;

    # the mock itself may be what does not answer
    my $socket = eval { connect_to($mock_port) } or return "mock: $@";

    print $socket "GET /control/knows HTTP/1.1\r\n\r\n";

    IO::Select->new($socket)->can_read(5) or return 'the mock is silent';

    my $json = eval { decode_json(read_answer($socket)->{body}) }
        or return "mock: $@";

    return $json->{text};
}


# The client

sub connect_to {
    my ($port) = @_;

    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $port,
                                       Timeout => patience())
        or die "connect to $port: $!\n";

    $socket->autoflush(1);

    return $socket;
}


# Sends a request for a server and returns the socket.  Options: tenant,
# method, key, body, headers (list of lines), path, query, version, chunked,
# host.
sub send_call {
    my ($server, %o) = @_;
    my $tenant = $o{tenant} // 'a';
    my $method = $o{method} // 'POST';
    my $path = $o{path} // "/tenant/$tenant/servers/$server/mcp";
    my $key = exists $o{key} ? $o{key} : $key{$tenant};
    my $body = $o{body};
    my @headers = @{$o{headers} || []};

    $path .= "?$o{query}" if defined $o{query};
    $body //= '{"jsonrpc":"2.0","id":7,"method":"ping"}'
        if $method eq 'POST';

    push @headers, "Authorization: Bearer $key" if defined $key;

    if (!grep { /^Accept:/i } @headers) {
        push @headers, 'Accept: application/json, text/event-stream';
    }

    if (defined $body) {
        push @headers, 'Content-Type: application/json';

        if ($o{chunked}) {
            my $size = $o{chunked};

            push @headers, 'Transfer-Encoding: chunked';
            $body = join('', map { sprintf("%x\r\n%s\r\n", length, $_) }
                             unpack("(a$size)*", $body)) . "0\r\n\r\n";

        } else {
            push @headers, 'Content-Length: ' . length($body);
        }
    }

    my $socket = $o{socket} // connect_to($Test::Nginx::Util::ServerPort);
    my $version = $o{version} // '1.1';
    my $bytes = join("\r\n", "$method $path HTTP/$version",
                     'Host: ' . ($o{host} // 'localhost'), @headers, '', '') . ($body // '');

    send_bytes($socket, $bytes);

    return $socket;
}


# A server that refuses early may close while the body is on its way.
sub send_bytes {
    my ($socket, $bytes) = @_;

    local $SIG{PIPE} = 'IGNORE';

    while (length $bytes) {
        my $n = syswrite($socket, $bytes) // last;
        substr($bytes, 0, $n, '');
    }
}


sub call {
    my ($server, %o) = @_;

    my $answer = read_answer(send_call($server, %o));

    $answered++;

    return $answer;
}


# Lets the mock open a session: the client's token and the server's id.
sub open_session {
    my ($server, %o) = @_;
    my $answer = call($server, %o,
        body => '{"jsonrpc":"2.0","id":0,"method":"initialize"}');
    my $id = echoed($answer)->{session};
    my $token = $answer->{headers}{'mcp-session-id'};

    Carp::croak("no session: $answer->{status} $answer->{body}")
        if !defined $id || !defined $token;

    return ($token, $id);
}


# Appends what has arrived to $$buffer; false at the end of the connection.
sub read_some {
    my ($socket, $buffer, $until) = @_;
    my $select = IO::Select->new($socket);
    my $ready;

    # a signal may end it early
    while (!$ready) {
        my $left = $until - now();

        $ready = $select->can_read($left > 0 ? $left : 0);
        last if $left <= 0;
    }

    croak 'nothing arrived; so far: "' . substr($$buffer, -500) . qq("\n)
          . mock_knows() . "\n" if !$ready;

    return sysread($socket, $$buffer, 65536, length $$buffer);
}


# Reads until the pattern is in what has arrived since $$buffer was empty.
sub read_until {
    my ($socket, $buffer, $pattern) = @_;
    my $until = now() + patience();

    while ($$buffer !~ $pattern) {
        read_some($socket, $buffer, $until)
            or croak "the connection ended, having sent: $$buffer\n";
    }

    return $$buffer;
}


# One whole answer; "complete" is whether it ended as it had announced.
sub read_answer {
    my ($socket) = @_;
    my ($buffer, $until) = ('', now() + patience());

    while ($buffer !~ /\r\n\r\n/) {
        read_some($socket, \$buffer, $until) or last;
        $buffer =~ s{^HTTP/1\.1 100 .*?\r\n\r\n}{}s;
    }

    my ($head, $body) = $buffer =~ /^(.*?\r\n)\r\n(.*)/s;

    return { status => 0, head => '', body => $buffer, headers => {} }
        if !defined $head;

    my ($status) = $head =~ m{^HTTP/1\.\d (\d+)};
    my %headers;

    while ($head =~ /^([^:\r\n]+):\s*([^\r\n]*)\r$/mg) {
        my ($name, $value) = (lc $1, $2);
        $headers{$name} = defined $headers{$name}
                          ? "$headers{$name}, $value" : $value;
    }

    my $answer = { status => $status, head => $head, headers => \%headers,
                   complete => 1 };

    if (($headers{'transfer-encoding'} // '') eq 'chunked') {
        my ($text, $whole);

        until (($text, $whole) = dechunk($body), $whole) {
            if (!read_some($socket, \$body, $until)) {
                $answer->{complete} = 0;
                last;
            }
        }

        $body = $text;

    } elsif (defined $headers{'content-length'}) {
        while (length $body < $headers{'content-length'}) {
            if (!read_some($socket, \$body, $until)) {
                $answer->{complete} = 0;
                last;
            }
        }

    } elsif ($status != 204 && $status != 304) {
        1 while read_some($socket, \$body, $until);
    }

    $answer->{body} = $body;

    return $answer;
}


sub dechunk {
    my ($bytes) = @_;
    my $text = '';

    while ($bytes =~ /\G([0-9a-fA-F]+)\r\n/gc) {
        my ($size, $start) = (hex $1, pos $bytes);

        return ($text, 1) if $size == 0;
        return ($text, 0) if length($bytes) < $start + $size + 2;

        $text .= substr($bytes, $start, $size);
        pos($bytes) = $start + $size + 2;
    }

    return ($text, 0);
}


# What the mock says it was sent.
sub echoed {
    my ($answer) = @_;

    return eval { decode_json($answer->{body}) }
           || { head => '', error => $answer->{body} };
}


# What is refused on the mcp path is a JSON-RPC error with a reason.
sub rpc_error {
    my ($answer) = @_;
    my $json = eval { decode_json($answer->{body}) } || {};

    return join ' ', $answer->{status},
                $json->{error}{data}{reason} // 'no reason',
                'id', $json->{id} // 'null';
}


sub is_rpc {
    my ($answer, $expected, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    Test::More::is(rpc_error($answer), $expected, $name)
        or Test::More::diag($answer->{head} . "\n" . $answer->{body});
}


# Files and processes

sub read_file {
    my ($name) = @_;

    open(my $in, '<:raw', $name) or return '';
    local $/;

    return scalar(<$in>) // '';
}


# Replaces a file as a careful editor does.
sub write_file {
    my ($name, $text) = @_;

    $name = servroot() . "/html/$name" if $name !~ m{^/};

    open(my $out, '>', "$name.new") or die "$name.new: $!\n";
    print $out $text;
    close($out) or die "$name.new: $!\n";
    rename("$name.new", $name) or die "$name: $!\n";
}


sub error_log { return read_file(servroot() . '/logs/error.log') }

# The lines of the audit log, decoded.  NGINX writes one after its answer, so
# this waits for those of all answers that call() has returned.
sub audit {
    my $text;

    wait_for(sub {
        $text = read_file(servroot() . '/logs/audit.log');
        ($text =~ tr/\n//) >= $answered;
    });

    return map { decode_json($_) } split /(?<=\n)/, $text =~ s/[^\n]+\z//r;
}

sub nginx_pid {
    my ($pid) = read_file(servroot() . '/logs/nginx.pid') =~ /(\d+)/;
    return $pid;
}


# Looks again and again until the condition holds; fails when it never does.
sub wait_until {
    my ($condition, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $result = wait_for($condition);

    Test::More::ok($result, $name) or Test::More::diag(mock_knows());

    return $result;
}


# Output of a command, both streams.
sub command_output {
    my (@command) = @_;

    defined(my $pid = open(my $out, '-|')) or die "fork: $!\n";

    if (!$pid) {
        open(STDERR, '>&', \*STDOUT);
        exec(@command) or POSIX::_exit(127);
    }

    local $/;
    my $text = <$out> // '';
    close($out);

    return $text;
}


BEGIN {
    $ENV{MCP_TENANT_CONF} = getcwd() . '/conf';
}


1;
