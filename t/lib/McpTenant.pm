package McpTenant;

# What the Test::Nginx blocks share: a gateway with the shipped conf/, two
# tenants with keys, and MCP servers that NGINX plays itself.
#
# Placeholders, in every section:
#   <key NAME>    an API key        <hash NAME>   its key_hash
#   <port 1>      the port of tenant a's servers; <port 2>: of tenant b's
#   <root>        the server root   <conf>        conf/ of the source
#
# Sections:
#   tenants, catalog_a, catalog_b   in place of the standard files
#   main, http, server              lines added to those blocks of nginx.conf
#   locations     in place of the include of mcp_tenant.conf
#   audit         fields that the audit lines of one run must have, such as
#                 "tenant=a key=main"; without it, they are only counted
#   audit_lines   how many they are; one for each request if not said
#   upstream      what arrived at the MCP servers, exactly: "a POST /one";
#                 nothing without it; upstream_like: a pattern for it
#   silent_port   number of a port that accepts connections, and says nothing
#   body_json     JSON that the answer must be, key by key; an array when
#                 there are several requests
#   no_secret_check   a log may show a key here
#
# Blocks that do not say otherwise must leave no [error] or worse in the log.

use strict;
use warnings;

use Cwd qw(abs_path);
use Digest::SHA qw(sha256_hex);
use Exporter qw(import);
use File::Basename qw(dirname);
use IO::Socket::INET;
use JSON::PP;
use Test::More ();
use Test::Nginx::Socket;

use McpBase qw(free_port wait_for);

our @EXPORT = qw(conf_dir expand free_port key key_hash port standard_files
                 wait_for);

my $repo = abs_path(dirname(__FILE__) . '/../..');
my %keys;
my %ports;
my $json = JSON::PP->new->utf8->allow_nonref;
my ($current, %seen, $silent);

my $ca = '/etc/ssl/certs/ca-certificates.crt';

my @sections = qw(
    tenants catalog_a catalog_b main http server locations audit upstream
    body_json request raw_request pipelined_requests more_headers user_files
    response_body response_body_like error_log no_error_log response_headers
    init
);

no_root_location();
log_level('info');
repeat_each(2);

add_block_preprocessor(\&prepare);
add_response_body_check(\&check_answer);

# once for each run of a block, also where the answer is ignored
my $run_block = $Test::Nginx::Util::RunTestHelper;

$Test::Nginx::Util::RunTestHelper = sub {
    $run_block->(@_);
    check_run($_[0]);
};


# The API key that tests call by this name; its checksum is wrong, which
# matters to scanners for leaked keys alone.
sub key {
    my ($name) = @_;

    $keys{$name} = 'mcpt_' . substr(sha256_hex("test key $name"), 0, 38);

    return $keys{$name};
}


sub key_hash {
    my ($name) = @_;

    return 'sha256:' . sha256_hex(key($name));
}


sub port {
    my ($number) = @_;

    $ports{$number} //= free_port();

    return $ports{$number};
}


sub conf_dir {
    return "$repo/conf";
}


# Replaces the placeholders in text, and in what arrays hold.
sub expand {
    my ($value) = @_;

    return [map { expand($_) } @$value] if ref $value eq 'ARRAY';
    return $value if ref $value || !defined $value;

    my $root = Test::Nginx::Util::server_root();

    $value =~ s/<key ([\w-]+)>/key($1)/ge;
    $value =~ s/<hash ([\w-]+)>/key_hash($1)/ge;
    $value =~ s/<port (\d+)>/port($1)/ge;
    $value =~ s/<root>/$root/g;
    $value =~ s/<conf>/conf_dir()/ge;

    return $value;
}


my %standard = (
    tenants => <<'END',
tenants:
  - id: a
    display_name: Tenant A
    catalog_file: a.yaml
    api_keys:
      - {key_hash: "<hash a>", name: main}
      - {key_hash: "<hash a-narrow>", name: narrow, servers: [one]}
    quotas: {max_servers: 5, max_concurrent_requests: 100}
  - id: b
    display_name: Tenant B
    catalog_file: b.yaml
    api_keys:
      - {key_hash: "<hash b>", name: main-b}
END

    catalog_a => <<'END',
servers:
  - id: one
    display_name: First
    description: The first server of tenant a
    tags: [read, docs]
    runtime: {type: remote, url: "http://127.0.0.1:<port 1>/one"}
  - id: two
    tags: [write]
    runtime: {type: remote, url: "http://127.0.0.1:<port 1>/two"}
END

    catalog_b => <<'END',
servers:
  - id: one
    runtime: {type: remote, url: "http://127.0.0.1:<port 2>/one"}
  - id: secret
    display_name: Known to b alone
    runtime: {type: remote, url: "http://127.0.0.1:<port 2>/secret"}
END
);


# The standard files as user_files has them.
sub standard_files {
    my (%instead) = @_;
    my %text = (%standard, %instead);

    return expand(">>> tenants.yaml\n$text{tenants}"
                  . ">>> a.yaml\n$text{catalog_a}"
                  . ">>> b.yaml\n$text{catalog_b}");
}


sub prepare {
    my ($block) = @_;

    for my $name (@sections) {
        my $value = $block->$name;

        $block->set_value($name, expand($value)) if defined $value;
    }

    my %instead = map { $_ => $block->$_ }
                  grep { defined $block->$_ } keys %standard;

    $block->set_value('user_files',
                      standard_files(%instead) . ($block->user_files // ''));

    $silent = undef;

    # the kernel accepts for a listener that does not
    if (defined $block->silent_port) {
        $silent = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
                                        LocalPort => port($block->silent_port),
                                        ReuseAddr => 1, Listen => 16)
            or die "silent port: $!\n";
    }

    $block->set_value('main_config', $block->main) if defined $block->main;
    $block->set_value('http_config', http_config($block));
    $block->set_value('config', '');

    # the server that Test::Nginx adds gets no request
    $block->set_value('server_name', 'unused.invalid');

    if (!defined $block->must_die && !defined $block->error_log
        && !defined $block->no_error_log)
    {
        $block->set_value('no_error_log',
                          "[error]\n[crit]\n[alert]\n[emerg]");
    }
}


sub http_config {
    my ($block) = @_;
    my $http = $block->http // '';
    my $server = $block->server // '';
    my $locations = $block->locations // 'include  <conf>/mcp_tenant.conf;';

    if ($http !~ /mcp_tenant_zone/) {
        $http .= "\n    mcp_tenant_zone  mcp 512k;\n";
    }

    if ($http !~ /mcp_tenant_config/) {
        $http .= "    mcp_tenant_config  <root>/html/tenants.yaml;\n";
    }

    if ($http !~ /mcp_tenant_state/) {
        $http .= "    mcp_tenant_state  <root>/state_temp;\n";
    }

    if ($http !~ /mcp_tenant_upstream_allow/) {
        $http .= "    mcp_tenant_upstream_allow  127.0.0.0/8;\n";
    }

    if ($http !~ /mcp_tenant_peers/) {
        $http .= "    upstream mcp_servers { mcp_tenant_peers; }\n";
    }

    my $config = <<END;
    include  <conf>/mcp_tenant_http.conf;

    log_format  seen_a  'a \$request_method \$request_uri';
    log_format  seen_b  'b \$request_method \$request_uri';

    $http

    server {
        listen       \$TEST_NGINX_SERVER_PORT default_server;
        server_name  localhost;

        access_log  <root>/logs/access.log  mcp_tenant_audit;

        proxy_ssl_trusted_certificate  $ca;

        $server
        $locations
    }

    server {
        listen      127.0.0.1:<port 1>;
        access_log  <root>/logs/upstream.log  seen_a;
        client_max_body_size  0;
        location / { return  200  "a \$request_method \$request_uri\\n"; }

        # where answers are looked into
        location /json/ {
            default_type  application/json;
            return        200  '{"seen": "a \$request_method \$request_uri"}';
        }
    }

    server {
        listen      127.0.0.1:<port 2>;
        access_log  <root>/logs/upstream.log  seen_b;
        client_max_body_size  0;
        location / { return  200  "b \$request_method \$request_uri\\n"; }
    }
END

    return expand($config);
}


sub check_answer {
    my ($block, $body, $index) = @_;

    check_json($block, $body, $index);
    secretless($block, 'the answer', $body // '');
}


sub check_run {
    my ($block) = @_;

    # Test::Nginx empties the logs before a block
    if (!defined $current || $current != $block) {
        $current = $block;
        %seen = (audit => 0, upstream => 0);
    }

    check_audit($block, $block->audit_lines // requests($block));
    check_upstream($block);
    check_logs($block);
}


sub requests {
    my ($block) = @_;

    for my $list ($block->pipelined_requests, $block->request) {
        return scalar @$list if ref $list eq 'ARRAY';
    }

    return 1;
}


sub check_json {
    my ($block, $body, $index) = @_;
    my $expected = $block->body_json;

    return if !defined $expected;

    if (ref $expected eq 'ARRAY') {
        $expected = $expected->[$index];
        return if !defined $expected;
    }

    my $got = eval { $json->decode($body) };

    Test::More::is_deeply($got, $json->decode($expected),
                          $block->name . " - the answer as JSON")
        or Test::More::diag($body);
}


sub check_audit {
    my ($block, $count) = @_;
    my $name = $block->name;
    my $total = $seen{audit} + $count;
    my $file = Test::Nginx::Util::server_root() . '/logs/access.log';
    my @lines;

    # the line follows the last byte of the answer when input was unread
    wait_for(sub { @lines = lines($file); @lines >= $total });

    my @new = splice(@lines, $seen{audit});
    $seen{audit} += @new;

    Test::More::is(scalar @new, $count, "$name - lines of audit")
        or Test::More::diag(@new);

    my @objects = map { eval { $json->decode($_) } } @new;

    Test::More::is(scalar(grep { ref eq 'HASH' } @objects), scalar @new,
                   "$name - each line of audit is JSON")
        or Test::More::diag(@new);

    return if !defined $block->audit;

    my @expected = map { +{ /(\w+)=(\S*)/g } } split /\n/, $block->audit;
    my @got;

    for my $n (0 .. $#objects) {
        my @fields = keys %{ $expected[$n] || {} };
        push @got, { map { $_ => $objects[$n]{$_} } @fields };
    }

    Test::More::is_deeply(\@got, \@expected, "$name - the audit says so")
        or Test::More::diag(@new);
}


sub check_upstream {
    my ($block) = @_;
    my $file = Test::Nginx::Util::server_root() . '/logs/upstream.log';
    my @lines = lines($file);
    my @new = splice(@lines, $seen{upstream});

    $seen{upstream} += @new;

    my $title = $block->name . ' - what the MCP servers saw';

    if (defined $block->upstream_like) {
        my $pattern = $block->upstream_like;
        Test::More::like(join('', @new), qr/$pattern/, $title);
        return;
    }

    Test::More::is(join('', @new), $block->upstream // '', $title);
}


sub check_logs {
    my ($block) = @_;

    return if defined $block->no_secret_check;

    for my $log (glob(Test::Nginx::Util::server_root() . '/logs/*.log')) {

        # at its debug level, NGINX shows every header that it reads
        my @own = grep { !/ \[debug\] .* http header: "/ } lines($log);

        secretless($block, $log, join('', @own));
    }
}


sub secretless {
    my ($block, $where, $text) = @_;

    for my $name (sort keys %keys) {
        my $digest = sha256_hex($keys{$name});

        next if index($text, $keys{$name}) == -1
                && index(lc $text, $digest) == -1;

        Test::More::fail($block->name . " - the key \"$name\" or its digest "
                         . "stands in $where");
    }
}


sub lines {
    my ($file) = @_;

    open(my $in, '<', $file) or return ();

    # a line that is being written does not count yet
    return grep { /\n\z/ } <$in>;
}


1;
