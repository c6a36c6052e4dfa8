#!/usr/bin/perl
#
# Files of pods that no sidecar would write: each is refused with one line and
# costs nobody anything; and what a pod may have a hand in shows nothing else
# than text.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::Nginx::Socket 'no_plan';
use McpUpstream;
use McpQuota;
use McpPods;
use POSIX qw(mkfifo);

mock_start();
master_on();
workers(2);
no_long_string();

our $running = { state => 'running', endpoints => pods(2) };
our $good = file_text(pods => $running);

my $head = '{"version":1,"sequence":9,"tenants":';
my $server = $head . '{"a":{"servers":{"pods":{"state":"running",';

our %hostile = (
    'empty' => '',
    'one NUL' => "\0",
    'binary' => join('', map { chr } 0 .. 255),
    'a byte order mark' => "\xef\xbb\xbf$good",
    'UTF-16' => join("\0", split(//, $good)) . "\0",
    'invalid UTF-8' => $server . "\"reason\":\"\xff\"}}}}}",
    'a lone surrogate' => $server . '"reason":"\ud800"}}}}}',
    'an end behind the end' => "$good$good",
    'a comment' => "// pods\n$good",
    'a comma too many' => $head . '{},}',
    'NaN' => '{"version":1,"sequence":NaN,"tenants":{}}',
    'a number beyond a double' => '{"version":1,"sequence":1e400,"tenants":{}}',
    'many digits' => '{"version":1,"sequence":' . '9' x 100_000
                     . ',"tenants":{}}',
    'a sequence below zero' => '{"version":1,"sequence":-1,"tenants":{}}',
    'another version' => '{"version":2,"sequence":9,"tenants":{}}',
    'depth of lists' => '{"x":' . '[' x 100_000,
    'depth of objects' => '{"x":' x 100_000,
    'tenants twice' => $head . '{},"tenants":{}}',
    'a tenant twice' => $head . '{"a":{},"\u0061":{}}}',
    'a server twice' => $server . '"x":1},"p\u006fds":{"state":"failed"}}}}}',
    'an address twice' => $server . '"endpoints":["10.0.0.1:1",'
                          . '"10.0.0.1:1"]}}}}}',
    'a name for an address' => $server . '"endpoints":["localhost:80"]}}}}}',
    'a socket for an address' => $server
                                 . '"endpoints":["unix:/run/x.sock"]}}}}}',
    'an address and more' => $server
                             . '"endpoints":["10.0.0.1:80\r\nX: y"]}}}}}',
    'a long address' => $server . '"endpoints":["' . '1' x 100_000
                        . ':80"]}}}}}',
    'many addresses' => $server . '"endpoints":['
                        . join(',', map { "\"10.0.0.$_:80\"" } 0 .. 200)
                        . ']}}}}}',
    'a list of tenants' => $head . '[]}',
    'null for a server' => $head . '{"a":{"servers":{"pods":null}}}}',
    'more than may be' => ' ' x (64 * 1024 * 1024) . $good,
);

# Waits until the error of the file is another than before.
sub refused {
    my ($before, $name) = @_;
    my $error;

    wait_until(sub {
        $error = status()->{endpoints}{error};
        defined $error && $error ne $before;
    }, "$name: refused");

    return $error // '';
}

sub serves { return pod_of(call('pods')) }

run_tests();

__DATA__

=== a hostile file changes nothing
--- http eval: McpPods::pods_http()
--- catalog_a eval: McpPods::pods_catalog()
--- user_files eval: ">>> endpoints.json\n" . $main::good
--- dialog
    my $file = servroot() . '/html/endpoints.json';
    my $sequence = status()->{endpoints}{sequence};
    my %loaders = loaders();
    my $error = '';

    for my $name (sort keys %main::hostile) {

        # what was wrong before may be wrong in the same way
        write_file('endpoints.json', '[]' . "\n" x 3 . '[');
        $error = main::refused($error =~ /a list as the file/ ? '' : $error,
                               'between');
        write_file('endpoints.json', $main::hostile{$name});
        $error = main::refused($error, $name);

        like($error, qr/^\Q$file\E:\d+:\d+: found .*, expected /,
             "$name: with its place");
        is(main::serves(), 2, "$name: the pods are those of before");
    }

    is(status()->{endpoints}{sequence}, $sequence, 'and so is the sequence');
    is_deeply({ loaders() }, \%loaders, 'the loader is the same process');

    put_file(pods => { state => 'running', endpoints => pods(3) });
    is(main::serves(), 3, 'a good file is taken');

    sub loaders {
        my $master = nginx_pid();

        return map { $_ => 1 } split ' ',
            McpUpstream::read_file("/proc/$master/task/$master/children");
    }
--- no_error_log
[alert]
[crit]
exited on signal



=== what is no file holds up nobody
--- http eval: McpPods::pods_http()
--- catalog_a eval: McpPods::pods_catalog()
--- user_files eval: ">>> endpoints.json\n" . $main::good
--- dialog
    my $file = servroot() . '/html/endpoints.json';
    my $error = '';

    unlink $file;
    mkfifo($file, 0666) or die "mkfifo: $!";
    $error = main::refused($error, 'a FIFO');
    is(main::serves(), 2, 'the pods are those of before');

    unlink $file;
    mkdir $file or die "mkdir: $!";
    $error = main::refused($error, 'a folder');
    is(main::serves(), 2, 'the pods are those of before');

    rmdir $file;
    symlink '/dev/zero', $file or die "symlink: $!";
    $error = main::refused($error, 'a device');
    is(main::serves(), 2, 'the pods are those of before');

    unlink $file;
    symlink $file, $file or die "symlink: $!";
    $error = main::refused($error, 'a loop');
    is(main::serves(), 2, 'the pods are those of before');

    unlink $file;
    put_file(pods => { state => 'running', endpoints => pods(3) });
    is(main::serves(), 3, 'a good file is taken');
--- no_error_log
[alert]
[crit]



=== a reason is nothing but text
--- http eval: McpPods::pods_http()
--- catalog_a eval: McpPods::pods_catalog()
--- user_files eval: ">>> endpoints.json\n" . $main::good
--- dialog
    my @reasons = ('"}],"x":[{"', '<script>alert(1)</script>', '%s%n%s',
                   '\\', 'mcp_tenant_id $uri', 'x' x 255);

    for my $reason (@reasons) {
        put_file(pods => { state => 'failed', reason => $reason });
        is(server_status('pods'), "failed 0 $reason", 'as it was');
    }

    for my $reason ('x' x 256, "a\r\nX: y", "a\0b", "\e[31m", "a\tb") {
        put_file(pods => { state => 'failed', reason => $reason });
        is(server_status('pods'), 'failed 0', 'not shown');
    }

    is(() = error_log() =~ /script|alert\(1\)/g, 0, 'nor logged');
--- no_error_log
[error]
[alert]
[crit]



=== 1000 files, half of them broken, from two writers
--- http eval: McpPods::pods_http()
--- catalog_a eval: McpPods::pods_catalog()
--- user_files eval: ">>> endpoints.json\n" . $main::good
--- dialog
    my @writers;
    my ($wrong, $asked) = (0, 0);

    for my $writer (1, 2) {
        defined(my $pid = fork()) or die "fork: $!";

        if (!$pid) {
            for my $n (1 .. 500) {
                my $name = servroot() . "/html/endpoints.$writer";
                my $text = file_text(pods => { state => 'running',
                                               endpoints => pods(2 + $n % 2) });

                $text = substr($text, 0, $n % length $text) if $n % 4 > 1;

                open(my $out, '>', $name) or POSIX::_exit(1);
                print $out $text;
                close $out;
                rename $name, servroot() . '/html/endpoints.json';
            }

            POSIX::_exit(0);
        }

        push @writers, $pid;
    }

    while (@writers) {
        @writers = grep { waitpid($_, POSIX::WNOHANG()) == 0 } @writers;
        $wrong++ if main::serves() !~ /^[23]$/;
        $asked++;
    }

    ok($asked > 0, 'asked meanwhile');
    is($wrong, 0, 'each was answered by one of the pods');

    # each writer counted on from what it was given
    $McpPods::sequence += 500;
    put_file(pods => { state => 'running', endpoints => pods(4) });
    is(main::serves(), 4, 'the last one counts');
--- no_error_log
[alert]
[crit]
