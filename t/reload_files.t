# Changes of files as editors, tools and Kubernetes make them, and state
# folders that cannot take an image.  Nothing here says how the loader notices:
# each step waits for what it leads to.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use McpUpstream;
use McpQuota;
use File::Path qw(remove_tree);

mock_start();
master_on();
workers(2);
no_long_string();

sub one_status { return call(@_)->{status} }

sub html { return servroot() . "/html/$_[0]" }

sub text { return McpUpstream::read_file(html($_[0])) }

# All that the next generation is made of; volumes never change.
sub write_volume {
    my ($volume, %files) = @_;

    mkdir(html("..$volume")) or die "mkdir: $!\n";
    write_file("..$volume/$_", $files{$_}) for keys %files;
    link_to("..$volume", '..data');

    for my $old (glob(html('..[0-9]*'))) {
        remove_tree($old) if $old ne html("..$volume");
    }
}

sub link_to {
    my ($target, $name) = @_;

    symlink($target, html("$name.tmp")) or die "symlink: $!\n";
    rename(html("$name.tmp"), html($name)) or die "rename: $!\n";
}

# In the file that is there, without another time or size.
sub overwrite {
    my ($name, $text) = @_;
    my ($size, $atime, $mtime) = (stat html($name))[7, 8, 9];

    die "another size\n" if $size != length $text;

    open(my $out, '+<', html($name)) or die "$name: $!\n";
    print $out $text;
    close($out) or die "$name: $!\n";
    utime($atime, $mtime, html($name)) or die "$name: $!\n";
}

# Those of this NGINX, by their title.
sub processes {
    my ($title) = @_;

    return split ' ', command_output('pgrep', '-f', '-P', nginx_pid(),
                                     "nginx: .*$title");
}

sub generation { return McpQuota::status()->{config}{generation} }

sub said {
    my ($pattern) = @_;
    my $count = () = error_log() =~ /$pattern/g;

    return $count;
}

# A file system over the state folder; a skipped test where that is forbidden.
sub mounted {
    my ($options, $code) = @_;
    my ($uid, $gid) = (stat state_dir())[4, 5];
    my $said = command_output('mount', '-t', 'tmpfs', '-o',
                              "$options,mode=700,uid=$uid,gid=$gid", 'none',
                              state_dir());

    if ($said ne '') {
        chomp($said);
        Test::More->builder->skip("mounting is not allowed here: $said");
        return;
    }

    eval { $code->() };

    my $died = $@;

    # a lock in it may be held

    is(command_output('umount', '-l', state_dir()), '', 'unmounted');
    die $died if $died;
}

sub fill {
    my ($name) = @_;

    open(my $out, '>', $name) or die "$name: $!\n";
    1 while syswrite($out, 'x' x 1024);
    close($out);
}

run_tests();

__DATA__

=== a volume of Kubernetes is replaced by turning one link
--- tenants eval
McpQuota::tenants_with() =~ s{catalogs/}{}r
--- user_files eval
">>> a.yaml\n" . McpQuota::servers_with(one => '/echo')
--- dialog
    my %files = map { $_ => main::text($_) } 'tenants.yaml', 'a.yaml';

    is(main::one_status('one'), 200, 'before');

    main::write_volume(1, %files);
    main::link_to("..data/$_", $_) for keys %files;

    $files{'a.yaml'} = servers_with(two => '/echo');
    main::write_volume(2, %files);
    wait_until(sub { main::one_status('two') == 200 },
               'the second volume is served');
    is(main::one_status('one'), 404, 'nothing of the first');

    $files{'a.yaml'} = servers_with(one => '/echo', two => '/echo');
    $files{'tenants.yaml'} =~ s/name: main/name: renamed/;
    main::write_volume(3, %files);
    wait_until(sub { main::one_status('one') == 200 },
               'the third volume is served');
    like(join(' ', map { $_->{key} } (audit())[-1]), qr/^renamed$/,
         'all of it');
--- no_error_log
[error]
[alert]
[crit]



=== files beside those that are named are never read
--- catalog_a eval
McpQuota::servers_with(one => '/echo')
--- dialog
    for my $name ('.tenants.yaml.swp', 'tenants.yaml~', '#tenants.yaml#',
                  'tenants.yaml.bak', '4913', 'catalogs/.a.yaml.swp',
                  'catalogs/a.yaml~', 'catalogs/b.yaml')
    {
        write_file($name, "{ no YAML\n");
    }

    write_file('catalogs/a.yaml', servers_with(two => '/echo'));
    wait_until(sub { main::one_status('two') == 200 }, 'a change is served');
    is(main::one_status('one'), 404, 'all of it');
    unlike(error_log(), qr{\[(?!debug)\w+\][^\n]*(?:is\ refused|/\.|~|\#"
                                              |\.bak|4913|b\.yaml)}x,
           'and no other file is told of');
--- no_error_log
[error]
[alert]
[crit]



=== an editor that moves the old file away before it writes the new one
--- catalog_a eval
McpQuota::servers_with(one => '/echo')
--- dialog
    my $catalog = main::html('catalogs/a.yaml');

    for my $n (1 .. 3) {
        rename($catalog, "$catalog~") or die "rename: $!";

        open(my $out, '>', $catalog) or die "open: $!";
        print $out servers_with("server-$n" => '/echo');
        close($out);

        wait_until(sub { main::one_status("server-$n") == 200 },
                   'the new file is served');
    }

    is(main::one_status('server-2'), 404, 'and none before it');
--- no_error_log
[alert]
[crit]



=== other content with the time and the size of the old one is seen
--- catalog_a eval
McpQuota::servers_with('one' => '/echo')
--- dialog
    my ($one, $two) = map { servers_with($_ => '/echo') } 'one', 'two';

    is(main::one_status('one'), 200, 'before');

    for my $round (1 .. 2) {
        main::overwrite('catalogs/a.yaml', $two);
        wait_until(sub { main::one_status('two') == 200 },
                   'written over, it is served');
        is(main::one_status('one'), 404, 'all of it');

        my ($atime, $mtime) = (stat main::html('catalogs/a.yaml'))[8, 9];

        write_file(main::html('catalogs/new'), $one);
        utime($atime, $mtime, main::html('catalogs/new'));
        rename(main::html('catalogs/new'), main::html('catalogs/a.yaml'));
        wait_until(sub { main::one_status('one') == 200 },
                   'replaced, it is served');
        is(main::one_status('two'), 404, 'all of it');
    }
--- no_error_log
[alert]
[crit]



=== a file that is written anew as it was makes no generation
--- catalog_a eval
McpQuota::servers_with(one => '/echo')
--- dialog
    write_file('catalogs/a.yaml', servers_with(two => '/echo'));
    wait_until(sub { main::one_status('two') == 200 }, 'a change is served');

    my $before = main::generation();

    for my $round (1 .. 5) {
        write_file('catalogs/a.yaml', servers_with(two => '/echo'));
        utime(undef, undef, main::html('tenants.yaml'));
    }

    write_file('catalogs/a.yaml', servers_with(three => '/echo'));
    wait_until(sub { main::one_status('three') == 200 },
               'another change is served');
    is(main::generation(), $before + 1, 'as the next generation');
--- no_error_log
[error]
[alert]
[crit]



=== a file that is set back while there is no loader is served as it was
--- catalog_a eval
McpQuota::servers_with(one => '/echo')
--- dialog
    my $first = main::text('catalogs/a.yaml');

    write_file('catalogs/a.yaml', servers_with(two => '/echo'));
    wait_until(sub { main::one_status('two') == 200 }, 'a change is served');

    my ($loader) = main::processes('cache manager');

    kill 'STOP', $loader;
    write_file('catalogs/a.yaml', $first);
    kill 'KILL', $loader;

    wait_until(sub { main::one_status('one') == 200 },
               'what NGINX started with is served again');
    is(main::one_status('two'), 404, 'all of it');
--- no_error_log
[error]
[crit]



=== a loader that starts anew publishes nothing older than what is served
Its process begins with what NGINX started with, and the files are refused.
--- catalog_a
servers:
  - {id: one, runtime: {type: remote,
                        url: "http://localhost:$TEST_NGINX_MOCK/echo"}}
--- dialog
    my $first = main::text('catalogs/a.yaml');

    is(main::one_status('one'), 200, 'before');

    write_file('catalogs/a.yaml', $first =~ s/id: one/id: two/r);
    wait_until(sub { main::one_status('two') == 200 }, 'a change is served');

    write_file('catalogs/a.yaml', "{ no YAML\n");
    wait_until(sub { main::said(qr/is refused; what was/) == 1 },
               'a broken one is refused');

    my ($loader) = main::processes('cache manager');

    kill 'KILL', $loader;
    wait_until(sub {
        my ($next) = main::processes('cache manager');
        return $next && $next != $loader;
    }, 'the loader is another one');

    # what it publishes when it has seen the files and the addresses

    write_file('catalogs/a.yaml', "{ no YAML, either\n");
    wait_until(sub { main::said(qr/is refused; what was/) >= 2 },
               'it refuses another broken one');

    is(main::one_status('one'), 404, 'what was taken away stays away')
        for 1 .. 4;
    is(main::one_status('two'), 200, 'what was served is');

    write_file('catalogs/a.yaml', $first =~ s/id: one/id: three/r);
    wait_until(sub { main::one_status('three') == 200 },
               'a good one is served');
--- no_error_log
[crit]
[emerg]



=== a full disk is told once, and requests go on
--- catalog_a eval
McpQuota::servers_with(one => '/echo')
--- dialog
    main::mounted('size=64k', sub {
        main::fill(state_dir() . '/ballast');
        write_file('catalogs/a.yaml', servers_with(two => '/echo'));
        wait_until(sub { error_log() =~ /No space left on device/ },
                   'the error is told');
        is(main::one_status('one'), 200, 'what was loaded before serves');
        is(main::one_status('two'), 404, 'unchanged');

        wait_until(sub { main::said(qr/\[debug\] .*No space left/) >= 2 },
                   'it is tried again');
        is(main::said(qr/\[error\] .*No space left/), 1,
           'and told no more');

        my $before = main::said(qr/serves as generation/);

        my %old = map { $_ => 1 } main::processes('');

        kill 'HUP', nginx_pid();
        wait_until(sub {
            my @now = main::processes('');
            return @now >= 3 && !grep { $old{$_} } @now;
        }, 'NGINX can still be reloaded');
        is(main::one_status('two'), 200, 'and serves the change');
        is(main::said(qr/serves as generation/), $before,
           'without an image on the disk');

        write_file('catalogs/a.yaml', servers_with(three => '/echo'));
        wait_until(sub { main::said(qr/\[error\] .*No space left/) >= 2 },
                   'the loader of the new configuration tells it, too');
        is(main::one_status('two'), 200, 'what was loaded before serves');
    });

    write_file('catalogs/a.yaml', servers_with(four => '/echo'));
    wait_until(sub { main::one_status('four') == 200 },
               'with room again, changes are served');
--- no_error_log
[alert]
[emerg]



=== a read-only state folder is told once, and requests go on
--- catalog_a eval
McpQuota::servers_with(one => '/echo')
--- dialog
    main::mounted('ro', sub {
        write_file('catalogs/a.yaml', servers_with(two => '/echo'));
        wait_until(sub { error_log() =~ /Read-only file system/ },
                   'the error is told');
        is(main::one_status('one'), 200, 'what was loaded before serves');
        is(main::one_status('two'), 404, 'unchanged');
    });

    wait_until(sub { main::one_status('two') == 200 },
               'when it can be written again, the change is served');
    is(main::said(qr/\[error\] .*Read-only file system/), 1,
       'the error was told once');
--- no_error_log
[alert]
[emerg]
