# What the loader takes, what it refuses, and what a start falls back on.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use Digest::SHA qw(sha256_hex);
use JSON::PP;
use McpUpstream;
use McpQuota qw(edit_conf reload conf_file);

mock_start();
master_on();
workers(2);

our $catalog = "servers:\n  - {id: one, runtime: {type: remote, url: "
               . "\"http://127.0.0.1:$ENV{TEST_NGINX_MOCK}/echo\"}}\n";

# tenants.yaml with these tenants, all with a catalog.
sub tenants_file {
    my ($top, @ids) = @_;

    return "${top}tenants:\n" . join '', map {
        "  - id: $_\n    catalog_file: catalogs/a.yaml\n    api_keys:\n"
        . '      - {name: main, key_hash: "sha256:'
        . sha256_hex("mcpk-of-tenant-$_") . "\"}\n"
    } @ids;
}

sub asked {
    my ($id) = @_;
    return call('one', tenant => $id, key => "mcpk-of-tenant-$id")->{status};
}

sub status_json {
    my (%o) = @_;
    my $answer = call('', method => 'GET', path => '/status', %o);

    return ($answer->{status}, decode_json($answer->{body}));
}

sub count_log {
    my ($pattern) = @_;
    my $count = () = error_log() =~ /$pattern/g;

    return $count;
}

sub processes {
    my ($pattern) = @_;
    my $master = nginx_pid();

    return grep { $_->{title} =~ $pattern }
           map { /^\s*(\d+)\s+(.*)/ ? { pid => $1, title => $2 } : () }
           split /\n/, `ps -o pid=,args= --ppid $master`;
}

# What "nginx -t" says, of a configuration that is changed first.
sub nginx_t {
    return command_output($ENV{TEST_NGINX_BINARY}, '-t', '-p', servroot(),
                          '-c', conf_file());
}

sub alive { return kill(0, $_[0]) && !(zombie($_[0])) }

sub zombie {
    my ($pid) = @_;
    return McpUpstream::read_file("/proc/$pid/stat") =~ /\) Z /;
}

no_long_string();
run_tests();

__DATA__

=== a file that has lost most of its tenants is refused, until it is meant
--- tenants eval
main::tenants_file('', 'a', 'b', 'c', 'd', 'e')
--- catalog_a eval
$main::catalog
--- dialog
    is(asked('e'), 200, 'before');

    write_file('tenants.yaml', tenants_file('', 'a', 'b'));
    wait_until(sub {
        error_log() =~ /tenants\.yaml:2:3:\ found\ 2\ tenants,\ without\ 3\ of
            \ the\ 5\ that\ are\ served,\ expected\ at\ least\ half\ of\ those,
            \ or\ "allow_shrink_to:\ 2"\ beside\ "tenants"/x;
    }, 'a file that was cut is refused');
    is(asked('e'), 200, 'all serve on');

    my ($code, $status) = status_json();

    like($status->{config}{last_error}, qr/^\S+tenants\.yaml:2:3: found 2 ten/,
         '/status says so');
    like(call('', method => 'GET', path => '/metrics')->{body},
         qr/^nginx_mcp_tenant_config_last_error_info\{error="\S+yaml:2:3:
            \ found.*\\"allow_shrink_to:\ 2\\".*"\}\ 1$/mx, 'so do metrics');

    write_file('tenants.yaml', tenants_file("allow_shrink_to: 3\n", 'a', 'b'));
    wait_until(sub { count_log(qr/is refused; what was/) == 2 },
               'another number is not this one');

    write_file('tenants.yaml', tenants_file("allow_shrink_to: 2\n", 'a', 'b'));
    wait_until(sub { asked('e') == 401 }, 'with its number it is taken');
    is(asked('b'), 200, 'the others are there');

    ($code, $status) = status_json();
    is($status->{config}{last_error}, undef, '/status has no error any more');
    unlike(call('', method => 'GET', path => '/metrics')->{body},
           qr/last_error_info\{/, 'nor have metrics');

    my $cut = tenants_file('', 'a');

    chomp($cut);
    write_file('tenants.yaml', $cut);
    wait_until(sub {
        error_log() =~ /tenants\.yaml:5:106:\ found\ the\ end\ of\ the\ file
            \ within\ a\ line,\ without\ 1\ tenant\ and\ 1\ key\ that\ are/x;
    }, 'a file that was cut within a line is refused');
    is(asked('b'), 200, 'both serve on');

    write_file('tenants.yaml', "$cut\n");
    wait_until(sub { asked('b') == 401 }, 'half of two may go');
    like(error_log(), qr/\[warn\]\ .*yaml:2:3:\ warning:\ found\ 1\ tenant,
         \ without\ 1\ that\ is\ served\ \(b\),\ expected/x, 'and is told');
--- no_error_log
[alert]
[crit]



=== SIGHUP does not let such a file pass either
--- tenants eval
main::tenants_file('', 'a', 'b', 'c')
--- catalog_a eval
$main::catalog
--- dialog
    my $image = state_dir() . '/tenants.img';
    my $refused = qr/\[emerg\] .* found 1 tenant, without 2/;

    wait_until(sub { -s $image }, 'the loader has written an image');

    my ($loader) = processes(qr/cache manager/);

    kill 'STOP', $loader->{pid};
    write_file('tenants.yaml', tenants_file('', 'a'));
    kill 'HUP', nginx_pid();
    wait_until(sub { count_log($refused) == 1 }, 'the reload is refused');

    unlink($image) or die "unlink: $!";
    kill 'HUP', nginx_pid();
    wait_until(sub { count_log($refused) == 2 },
               'and before there is an image to compare with');
    kill 'CONT', $loader->{pid};
    is(asked('c'), 200, 'all serve on');

    edit_conf(sub { s/(mcp_tenant_config \S+);/$1 allow_shrink;/ });
    reload();
    wait_until(sub { asked('c') == 401 }, '"allow_shrink" lets it pass');
    is(asked('a'), 200, 'who is left is served');

    write_file('tenants.yaml', "tenants: []\n");
    wait_until(sub { asked('a') == 401 }, 'and nothing, too');
--- no_error_log
[crit]
signal 11
--- error_log
"mcp_tenant_config" refuses



=== a start with a bad file falls back on the last good image
--- catalog_a eval
$main::catalog
--- dialog
    my $file = servroot() . '/html/tenants.yaml';
    my $good = McpUpstream::read_file($file);
    my $image = state_dir() . '/tenants.img';

    is(asked('a'), 200, 'before');
    wait_until(sub { -s $image }, 'the first image is kept, too');

    my $master = nginx_pid();

    kill 'QUIT', $master;
    wait_until(sub { !alive($master) }, 'NGINX has ended');
    rename($image, "$image.kept") or die "rename: $!";

    write_file('tenants.yaml', $good . "    enabled: maybe\n");
    like(nginx_t(), qr/\[emerg\] .*"mcp_tenant_config" refuses "\S+yaml"\n/,
         'without "fallback" a bad file is an error');

    edit_conf(sub { s/(mcp_tenant_config \S+);/$1 fallback;/ });
    like(nginx_t(), qr/\[emerg\] .*, and there is no good image of it in/,
         'with it, too, when there is no image');
    rename("$image.kept", $image) or die "rename: $!";

    my $said = nginx_t();

    like($said, qr/\[warn\] .*tenants\.yaml:\d+:\d+: found "maybe"/,
         'with it the finding is a warning');
    like($said, qr/\[warn\] .*its last good image, with 2 tenants, serves/,
         'with what will be done');
    like($said, qr/test is successful/, 'and the test passes');

    command_output($ENV{TEST_NGINX_BINARY}, '-p', servroot(), '-c',
                   conf_file());
    wait_until(sub { (eval { asked('a') } // 0) == 200 },
               'NGINX starts and serves');
    is(count_log(qr/\[alert\] .*its last good image, with 2 tenants/), 1,
       'loudly');

    my ($code, $status) = status_json();

    like($status->{config}{last_error}, qr/found "maybe"/, '/status says why');

    write_file('tenants.yaml', $good . "    enabled: perhaps\n");
    wait_until(sub { error_log() =~ /found "perhaps"/ },
               'another mistake is told');

    kill 'HUP', nginx_pid();
    wait_until(sub { count_log(qr/\[alert\] .*its last good image/) == 2 },
               'NGINX can be reloaded meanwhile');
    wait_until(sub { (eval { asked('a') } // 0) == 200 }, 'and serves');

    write_file('tenants.yaml', $good =~ s/  - id: b\n.*//sr);
    wait_until(sub { asked('b') == 401 }, 'a good file is taken');

    ($code, $status) = status_json();
    is($status->{config}{last_error}, undef, 'the error is gone');
--- no_error_log
[crit]
signal 11
--- error_log
[alert]



=== parameters of mcp_tenant_config
--- catalog_a eval
$main::catalog
--- dialog
    my $conf = McpUpstream::read_file(conf_file());

    for my $case (['fall_back', 'invalid parameter "fall_back", expected '
                                . '"fallback" or "allow_shrink"'],
                  ['fallback fallback', 'duplicate parameter "fallback"'])
    {
        edit_conf(sub { s/(mcp_tenant_config \S+);/$1 $$case[0];/ });
        like(nginx_t(), qr/\[emerg\] .*\Q$$case[1]\E in /, $$case[0]);
        write_file(conf_file(), $conf);
    }

    edit_conf(sub { s/(mcp_tenant_config \S+);/$1 allow_shrink fallback;/ });
    like(nginx_t(), qr/test is successful/, 'both, in any order');
--- no_error_log
[error]
[alert]



=== one NGINX owns a state folder
--- catalog_a eval
$main::catalog
--- dialog
    my $other = conf_file() . '.other';

    write_file($other, McpUpstream::read_file(conf_file())
                       =~ s{nginx\.pid}{other.pid}r
                       =~ s{listen\s+\K(\d+)}{McpUpstream::free_port()}gre
                       =~ s{error\.log}{other.log}r);

    my $said = command_output($ENV{TEST_NGINX_BINARY}, '-p', servroot(), '-c',
                              $other);

    like($said, qr/\[emerg\] the folder "\S+state_temp" is in use by another/,
         'a second one does not start');
    is(asked('a'), 200, 'the first goes on');

    reload() for 1 .. 3;
    is(asked('a'), 200, 'and can be reloaded, which changes no owner');
    is(scalar(grep { readlink($_) =~ m{state_temp/owner} }
              glob('/proc/' . nginx_pid() . '/fd/*')), 1,
       'the master has it open once');

    # a binary upgrade

    my $old = nginx_pid();

    kill 'USR2', $old;
    wait_until(sub {
        nginx_pid() && nginx_pid() != $old && eval { asked('a') };
    }, 'a new binary starts beside the old one');
    kill 'QUIT', $old;
    wait_until(sub { !alive($old) }, 'the old one ends');
    is(asked('a'), 200, 'the new one serves');

    $said = command_output($ENV{TEST_NGINX_BINARY}, '-p', servroot(), '-c',
                           $other);
    like($said, qr/is in use by another/, 'and is the owner');

    write_file('catalogs/a.yaml', $main::catalog =~ s/id: one/id: two/r);
    wait_until(sub { call('two')->{status} == 200 }, 'it takes changes');
--- no_error_log
[crit]
signal 11



=== a loader without its master ends
--- catalog_a eval
$main::catalog
--- dialog
    my ($loader) = processes(qr/cache manager/);
    my @workers = processes(qr/worker process/);

    kill 'KILL', nginx_pid();
    wait_until(sub { !alive($loader->{pid}) }, 'it has ended');
    kill 'TERM', map { $_->{pid} } @workers;
    wait_until(sub { !grep { alive($_->{pid}) } @workers }, 'tidied up');
--- error_log
the master process is gone, exiting
--- no_error_log
[crit]



=== waiting for a generation ends when every worker serves it
--- catalog_a eval
$main::catalog
--- dialog
    my ($code, $status) = status_json();
    my $next = $status->{config}{generation} + 1;
    my $waiting = send_call('', method => 'GET',
                            path => "/status?wait=$next&timeout=60000");

    write_file('catalogs/a.yaml', $main::catalog =~ s/id: one/id: two/r);

    my $answer = read_answer($waiting);
    is($answer->{status}, 200, 'it has come');

    $status = decode_json($answer->{body});
    is_deeply([map { $_->{generation} >= $next ? 1 : 0 }
               @{$status->{processes}}], [1, 1], 'in both workers');
    is($status->{loader}{state}, 'ok', 'the loader is well');

    # a client that leaves while it waits

    $waiting = send_call('', method => 'GET',
                         path => '/status?wait=1000&timeout=60000');
    close($waiting);
    is(call('two')->{status}, 200, 'others are served');
--- no_error_log
[error]
[alert]
[crit]
