# Changes while NGINX runs: files of tenants without a signal, nginx.conf by
# SIGHUP, and processes that are killed.  Requests and streams do not notice.
#
# Looking again takes the loader about a second, so that each step here waits
# for what it leads to.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use File::Find;
use McpUpstream;

mock_start();
master_on();
workers(2);

# Processes of this NGINX by their title: id => title.
sub processes {
    my ($pattern) = @_;
    my $master = nginx_pid();

    return grep { $_->{title} =~ $pattern }
           map { /^\s*(\d+)\s+(.*)/ ? { pid => $1, title => $2 } : () }
           split /\n/, `ps -o pid=,args= --ppid $master`;
}

sub loader {
    my ($loader) = processes(qr/cache manager/);
    return $loader ? $loader->{pid} : 0;
}

sub catalog {
    my (%servers) = @_;

    return "servers:\n" . join '', map {
        "  - {id: $_, runtime: {type: remote, url: "
        . "\"http://127.0.0.1:$ENV{TEST_NGINX_MOCK}$servers{$_}\"}}\n"
    } sort keys %servers;
}

# A request that a change decides.
sub status { return call(@_)->{status} }

sub count_log {
    my ($pattern) = @_;
    my $count = () = error_log() =~ /$pattern/g;

    return $count;
}

# Waits until someone has read the file once more, where that can be seen.
sub wait_for_read {
    my ($name) = @_;
    my $path = servroot() . "/html/$name";
    my $reset = sub { utime(1_000_000, (stat $path)[9], $path) };

    $reset->();
    open(my $in, '<', $path);
    readline($in);
    close($in);

    return if (stat $path)[8] == 1_000_000;

    $reset->();
    wait_until(sub { (stat $path)[8] != 1_000_000 }, 'the file is read again');
}

no_long_string();
run_tests();

__DATA__

=== a change of a catalog is served by all workers
--- catalog_a
servers:
  - {id: one, runtime: {type: remote,
                        url: "http://127.0.0.1:$TEST_NGINX_MOCK/echo/1"}}
--- dialog
    is(status('one'), 200, 'before');
    is(status('two'), 404, 'there is no other');

    write_file('catalogs/a.yaml', catalog(one => '/echo/changed',
                                          two => '/echo/2'));

    wait_until(sub { status('two') == 200 }, 'the new server is served');

    my %seen;

    for (1 .. 40) {
        $seen{status('two')}++;
        $seen{echoed(call('one'))->{target}}++;
    }

    is_deeply(\%seen, { 200 => 40, '/echo/changed' => 40 },
              'by every worker, and so is the changed one');

    like(join(' ', map { $_->{generation} } audit()), qr/\b1\b.*\b[23]\b/,
         'the audit log tells the generations apart');
--- error_log
serves as generation
--- no_error_log
[error]
[alert]
[crit]



=== a key that is removed or replaced is refused from then on
--- catalog_a
servers:
  - {id: one, runtime: {type: remote,
                        url: "http://127.0.0.1:$TEST_NGINX_MOCK/echo"}}
--- dialog
    use Digest::SHA qw(sha256_hex);

    my $file = servroot() . '/html/tenants.yaml';
    my $text = McpUpstream::read_file($file);
    my ($old, $new) = (sha256_hex(key('a')), sha256_hex('mcpk-new'));

    is(status('one'), 200, 'before');
    is(status('one', key => 'mcpk-new'), 401, 'the new key is not known');

    write_file($file, $text =~ s/$old/$new/r);

    wait_until(sub { status('one') == 401 }, 'the old key is refused');

    my %seen;

    for (1 .. 40) {
        $seen{status('one')}++;
        $seen{status('one', key => 'mcpk-new')}++;
    }

    is_deeply(\%seen, { 401 => 40, 200 => 40 }, 'by every worker');

    write_file($file, $text =~ s/  - id: a\n.*?(?=  - id: b)//sr);

    wait_until(sub { status('one', key => 'mcpk-new') == 401 },
               'the key of a removed tenant is refused');
--- no_error_log
[error]
[alert]
[crit]



=== a broken file changes nothing, is told once, and can be cured
--- catalog_a
servers:
  - {id: one, runtime: {type: remote,
                        url: "http://127.0.0.1:$TEST_NGINX_MOCK/echo"}}
--- dialog
    my $good = catalog(one => '/echo', two => '/echo');

    write_file('catalogs/a.yaml', "servers:\n  - unknown_key: 1\n");

    wait_until(sub { error_log() =~ /catalogs\/a\.yaml:2:\d+: found/ },
               'the mistake is told with file, line and column');

    is(status('one'), 200, 'what was loaded before serves');
    is(status('two'), 404, 'unchanged');

    wait_for_read('catalogs/a.yaml') for 1 .. 2;

    is(count_log(qr/is refused; what was loaded before goes on/), 1,
       'that is told once, however often the file is looked at');

    write_file('catalogs/a.yaml', "servers: {\n");

    wait_until(sub { count_log(qr/is refused; what was/) == 2 },
               'another mistake is told');

    unlink(servroot() . '/html/catalogs/a.yaml');

    wait_until(sub { count_log(qr/is refused; what was/) == 3 },
               'so is a file that is gone');
    is(status('one'), 200, 'what was loaded before serves still');

    write_file('catalogs/a.yaml', $good);

    wait_until(sub { status('two') == 200 }, 'a good file is served');
    is(status('one'), 200, 'all of it');
--- no_error_log
[alert]
[crit]



=== an open stream survives changes, also of its own server
--- catalog_a
servers:
  - {id: sse, runtime: {type: remote,
                        url: "http://127.0.0.1:$TEST_NGINX_MOCK/held/s"}}
--- dialog
    my ($socket, $got) = (send_call('sse', method => 'GET'), '');

    mock('open/s');
    mock('send/s', "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
                   . "data: 1\n\n");
    read_until($socket, \$got, qr/data: 1\n\n/);

    write_file('catalogs/a.yaml', catalog(one => '/echo'));

    wait_until(sub { status('one') == 200 }, 'the change is served');
    is(status('sse'), 404, 'the server of the stream is gone');

    mock('send/s', "data: 2\n\n");
    read_until($socket, \$got, qr/data: 2\n\n/);
    pass('its stream goes on');

    kill 'HUP', nginx_pid();
    wait_until(sub { error_log() =~ /\[notice\] .*: reconfiguring/ },
               'NGINX reads its configuration again');
    wait_until(sub { processes(qr/worker process is shutting down/) },
               'the old workers end what they have');

    mock('send/s', "data: 3\n\n");
    read_until($socket, \$got, qr/data: 3\n\n/);
    pass('the stream still goes on');
    is(status('one'), 200, 'beside new requests');

    mock('close/s');
    read_until($socket, \$got, qr/\r\n0\r\n\r\n$/);

    wait_until(sub { !processes(qr/shutting down/) },
               'the old workers end with it');
--- no_error_log
[error]
[alert]
[crit]



=== SIGHUP fails no request
--- catalog_a
servers:
  - {id: one, runtime: {type: remote,
                        url: "http://127.0.0.1:$TEST_NGINX_MOCK/echo"}}
--- dialog
    my %seen;

    for my $round (1 .. 3) {
        my %old = map { $_->{pid} => 1 } processes(qr/worker process$/);

        kill 'HUP', nginx_pid();

        wait_until(sub {
            $seen{status('one')}++;
            my @new = grep { !$old{$_->{pid}} } processes(qr/worker process$/);
            my @left = grep { $old{$_->{pid}} } processes(qr/./);
            return @new == 2 && !@left;
        }, 'other workers serve');
    }

    is_deeply([keys %seen], [200], 'every request was answered');

    # the loader is a new one, too

    write_file('catalogs/a.yaml', catalog(two => '/echo'));
    wait_until(sub { status('two') == 200 }, 'and changes are served');
    is(scalar(processes(qr/cache manager/)), 1, 'by one loader');
--- no_error_log
[error]
[alert]
[crit]



=== SIGHUP with a broken file keeps what was loaded, also for new workers
--- catalog_a
servers:
  - {id: one, runtime: {type: remote,
                        url: "http://127.0.0.1:$TEST_NGINX_MOCK/echo"}}
--- dialog
    write_file('catalogs/a.yaml', "servers: [{id: UPPER}]\n");

    kill 'HUP', nginx_pid();
    wait_until(sub { error_log() =~ /\[emerg\] .*a\.yaml:1:\d+: found/ },
               'the file is refused');

    is(status('one'), 200, 'what was loaded before serves');

    my %old = map { $_->{pid} => 1 } processes(qr/worker process$/);

    kill 'KILL', keys %old;

    wait_until(sub {
        2 == grep { !$old{$_->{pid}} } processes(qr/worker process$/);
    }, 'workers that are killed are replaced');
    wait_until(sub { (eval { status('one') } // 0) == 200 },
               'and serve what was loaded before');

    write_file('catalogs/a.yaml', catalog(two => '/echo'));
    wait_until(sub { status('two') == 200 }, 'a good file is served');
--- alerts
exited on signal 9
a.yaml:1:16: found "UPPER" as id
a.yaml:1:11: found a server without "runtime:"
"mcp_tenant_config" refuses
--- no_error_log
[crit]
signal 11



=== a worker that starts later has the newest image
--- catalog_a
servers:
  - {id: one, runtime: {type: remote,
                        url: "http://127.0.0.1:$TEST_NGINX_MOCK/echo"}}
--- dialog
    write_file('catalogs/a.yaml', catalog(two => '/echo'));
    wait_until(sub { status('two') == 200 }, 'a change is served');

    my %old = map { $_->{pid} => 1 } processes(qr/worker process$/);

    kill 'KILL', keys %old;

    wait_until(sub {
        2 == grep { !$old{$_->{pid}} } processes(qr/worker process$/);
    }, 'workers that are killed are replaced');
    wait_until(sub { (eval { status('two') } // 0) == 200 }, 'they serve');

    is(status('one'), 404, 'the change, not what was read at start')
        for 1 .. 20;
--- alerts
exited on signal 9
--- no_error_log
[error]
[crit]
signal 11



=== a loader that is killed starts again and goes on
--- catalog_a
servers:
  - {id: one, runtime: {type: remote,
                        url: "http://127.0.0.1:$TEST_NGINX_MOCK/echo"}}
--- dialog
    my $loader = wait_until(sub { loader() }, 'there is a loader');

    for my $n (1 .. 2) {
        kill 'KILL', $loader;

        my $next = wait_until(sub {
            my $pid = loader();
            return $pid != $loader && $pid;
        }, 'there is another');

        is(status('one'), 200, 'requests go on');

        write_file('catalogs/a.yaml', catalog(one => '/echo',
                                              "server-$n" => '/echo'));
        wait_until(sub { status("server-$n") == 200 }, 'and so do changes');

        $loader = $next;
    }
--- alerts
exited on signal 9
--- no_error_log
[error]
[crit]



=== a change that came while there was no loader is served
--- catalog_a
servers:
  - {id: one, runtime: {type: remote,
                        url: "http://127.0.0.1:$TEST_NGINX_MOCK/echo"}}
--- dialog
    my $loader = wait_until(sub { loader() }, 'there is a loader');

    kill 'STOP', $loader;
    write_file('catalogs/a.yaml', catalog(two => '/echo'));
    is(status('one'), 200, 'requests go on without it');
    kill 'KILL', $loader;

    wait_until(sub { status('two') == 200 }, 'the change is served');
--- alerts
exited on signal 9
--- no_error_log
[error]
[crit]



=== a state folder that cannot be written to is told, and requests go on
--- catalog_a
servers:
  - {id: one, runtime: {type: remote,
                        url: "http://127.0.0.1:$TEST_NGINX_MOCK/echo"}}
--- dialog
    my $state = state_dir();

    rename($state, "$state.away_temp") or die "rename: $!";
    write_file('catalogs/a.yaml', catalog(two => '/echo'));

    wait_until(sub { error_log() =~ /what was loaded before goes on/ },
               'the error is told');
    is(status('one'), 200, 'what was loaded before serves');

    # it tries again with each look at the files

    wait_for_read('catalogs/a.yaml') for 1 .. 2;
    is(status('one'), 200, 'and goes on to');
    is(count_log(qr/\[error\] .*what was loaded before goes on/), 1,
       'the error is told once');

    rename("$state.away_temp", $state) or die "rename: $!";

    wait_until(sub { status('two') == 200 },
               'the change is served when the folder is back');
--- no_error_log
[alert]
[crit]



=== an image that workers cannot use is told, and requests are refused
Rather than to serve an older one, in which a key may still be valid.
--- catalog_a
servers:
  - {id: one, runtime: {type: remote,
                        url: "http://127.0.0.1:$TEST_NGINX_MOCK/echo"}}
--- dialog
    my $image = state_dir() . '/tenants.img';

    write_file('catalogs/a.yaml', catalog(two => '/echo'));
    wait_until(sub { status('two') == 200 }, 'a change is served');

    # a worker that starts now has to map what is there

    write_file($image, 'no image');

    my %old = map { $_->{pid} => 1 } processes(qr/worker process$/);

    kill 'KILL', keys %old;
    wait_until(sub {
        2 == grep { !$old{$_->{pid}} } processes(qr/worker process$/);
    }, 'workers that are killed are replaced');

    my $answer = wait_until(sub { eval { call('two') } }, 'they answer');

    is($answer->{status}, 503, 'with a refusal');
    is(status('one'), 503, 'whatever is asked') for 1 .. 10;

    my %told;
    $told{$_}++ for error_log() =~ /(\d+)\#.*tenants\.img" cannot be used/g;
    is_deeply([grep { $_ > 1 } values %told], [], 'each worker tells it once');

    write_file('catalogs/a.yaml', catalog(three => '/echo'));
    wait_until(sub { status('three') == 200 }, 'the next image cures it');
--- alerts
exited on signal 9
--- error_log
[crit]
requests of tenants are refused until it can, since a key may have been revoked
--- no_error_log
signal 11



=== new credentials of a server reach it, over a new connection
--- secrets_a
file:secret.txt
--- user_files
>>> secret.txt
first-secret
--- catalog_a
servers:
  - id: echo
    runtime:
      type: remote
      url: http://127.0.0.1:$TEST_NGINX_MOCK/echo
      headers: {Authorization: "Bearer ${file:secret.txt}"}
--- dialog
    my %of_first;

    for (1 .. 8) {
        my $seen = echoed(call('echo'));
        like($seen->{head}, qr/^Authorization: Bearer first-secret\r$/m,
             'the first value');
        $of_first{$seen->{connection}}++;
    }

    write_file('secret.txt', "second-secret\n");

    my $seen = wait_until(sub {
        my $seen = echoed(call('echo'));
        return $seen->{head} =~ /^Authorization: Bearer second-secret\r$/m
               && $seen;
    }, 'the second value');

    for (1 .. 8) {
        ok(!$of_first{$seen->{connection}},
           'not over a connection of the first');
        $seen = echoed(call('echo'));
        like($seen->{head}, qr/^Authorization: Bearer second-secret\r$/m,
             'nothing of the first any more');
    }

    my @found;

    find({ no_chdir => 1, wanted => sub {
        -f $_ && McpUpstream::read_file($_) =~ /(?:first|second)-secret/
            or return;
        push @found, substr($_, length(servroot()) + 1);
    } }, servroot());

    is_deeply([sort @found], ['html/secret.txt', 'state_temp/tenants.img'],
              'the values stand in the secret file and the image alone');
    is(sprintf('%04o', (stat(state_dir() . '/tenants.img'))[2] & 07777),
       '0600', 'which only its owner can read');
    is(sprintf('%04o', (stat(state_dir()))[2] & 07777),
       '0700', 'in a folder that only its owner can enter');
--- no_error_log
-secret
[error]
[alert]
[crit]



=== a tenant that is disabled and enabled again
--- catalog_a
servers:
  - {id: one, runtime: {type: remote,
                        url: "http://127.0.0.1:$TEST_NGINX_MOCK/echo"}}
--- dialog
    my $file = servroot() . '/html/tenants.yaml';
    my $text = McpUpstream::read_file($file);

    is(status('one'), 200, 'before');

    write_file($file, $text =~ s/(  - id: a\n)/$1    enabled: false\n/r);
    wait_until(sub { status('one') == 401 }, 'disabled');

    write_file($file, $text);
    wait_until(sub { status('one') == 200 }, 'enabled');
--- no_error_log
[error]
[alert]
[crit]
