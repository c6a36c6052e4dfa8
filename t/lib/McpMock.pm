package McpMock;

# An MCP server that behaves as badly as a test wants: one process, all of
# whose sockets are watched at once, so that nothing it does depends on time.
#
# What it does is chosen by the path:
#   /echo...      answers with what arrived, as JSON
#   /raw/NAME     writes the bytes that start() was given under that name
#   /stale        answers the first request of a connection, then closes it
#                 on the second without an answer
#   /held/NAME    keeps the connection; a test drives it through /control;
#                 while there is one, the next is called NAME2, and so on
#   /endless      an event stream that never ends
#   /control/...  for the test itself, see control()
# Whatever the path but /raw, "initialize" opens a session.

use strict;
use warnings;

use Digest::SHA;
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use Socket qw(SOL_SOCKET SO_LINGER);

use constant ENDLESS_EVENT => 'data: ' . ('x' x 1000) . "\n\n";

my %raw;
my (%connections, %held, @waiting, @seen);
my $next_id = 0;
my $next_session = 0;
my %listeners;
my $watched;
my $parent;


# Starts the server on the listening sockets; returns its process id.
sub start {
    my ($listeners, $raw) = @_;

    $parent = $$;

    defined(my $pid = fork()) or die "fork: $!\n";

    return $pid if $pid;

    %raw = %$raw;

    eval { serve(@$listeners) };
    print STDERR "mock: $@" if $@;

    # without the END blocks of the test
    require POSIX;
    POSIX::_exit(1);
}


sub serve {
    %listeners = map { $_->sockport() => $_ } @_;

    $watched = IO::Select->new(@_);

    local $SIG{PIPE} = 'IGNORE';
    local $SIG{INT} = 'DEFAULT';
    local $SIG{TERM} = 'DEFAULT';

    while (getppid() == $parent) {
        my @writers = map { $_->{socket} }
                      grep { length $_->{out} } values %connections;
        my ($readable, $writable) =
            IO::Select->select($watched, IO::Select->new(@writers), undef, 5);

        for my $socket (@{$readable || []}) {
            my $is_listener = grep { $_ == $socket } values %listeners;

            $is_listener ? take($socket) : feed($socket);
        }

        for my $socket (@{$writable || []}) {
            my $connection = $connections{$socket};
            flush($connection) if $connection;
        }
    }
}


sub take {
    my ($listener) = @_;
    my $socket = $listener->accept() or return;

    $socket->blocking(0);
    $watched->add($socket);

    $connections{$socket} = {
        socket => $socket, id => ++$next_id, port => $listener->sockport(),
        in => '', out => '', served => 0, sent => 0,
    };
}


sub feed {
    my ($socket) = @_;
    my $connection = $connections{$socket} or return;
    my $n = sysread($socket, my $bytes, 65536);

    if (!defined $n) {
        return if $!{EAGAIN} || $!{EINTR};
    }

    if (!$n) {
        drop($connection);
        return;
    }

    $connection->{in} .= $bytes;

    while (my $request = parse($connection)) {
        $connection->{served}++;
        answer($connection, $request);
    }
}


sub drop {
    my ($connection, $reset) = @_;
    my $socket = $connection->{socket};

    if ($reset) {
        setsockopt($socket, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0));
    }

    $connection->{gone} = 1;
    $watched->remove($socket);
    delete $connections{$socket};
    close($socket);

    settle();
}


sub put {
    my ($connection, $bytes) = @_;

    $connection->{out} .= $bytes;
    flush($connection);
}


sub flush {
    my ($connection) = @_;

    return if $connection->{gone};

    while (length $connection->{out}) {
        my $n = syswrite($connection->{socket}, $connection->{out});

        if (!defined $n) {
            return if $!{EAGAIN} || $!{EINTR};
            drop($connection);
            return;
        }

        substr($connection->{out}, 0, $n, '');
        $connection->{sent} += $n;

        if ($connection->{endless} && !length $connection->{out}) {
            $connection->{out} = ENDLESS_EVENT;

            # others want their turn
            return;
        }
    }

    if (my $then = $connection->{then}) {
        drop($connection, $then eq 'reset');
    }
}


# The next whole request of the connection.
sub parse {
    my ($connection) = @_;

    return if $connection->{gone} || $connection->{held};

    my $end = index($connection->{in}, "\r\n\r\n");

    return if $end < 0;

    my $head = substr($connection->{in}, 0, $end + 4);
    my $body = body($head, \substr($connection->{in}, $end + 4)) // return;

    substr($connection->{in}, 0, $end + 4 + $body->{taken}, '');

    my ($method, $target) = $head =~ /^(\S+) (\S+)/;

    return {
        head => $head, method => $method // '', target => $target // '',
        port => $connection->{port}, connection => $connection->{id},
        served => $connection->{served} + 1, body => $body->{text},
        body_length => length($body->{text}),
        body_sha256 => Digest::SHA::sha256_hex($body->{text}),
    };
}


sub body {
    my ($head, $rest) = @_;

    if ($head =~ /^Transfer-Encoding:\s*chunked/mi) {
        my ($text, $at) = ('', 0);

        while ($$rest =~ /\G([0-9a-fA-F]+)[^\r\n]*\r\n/gc
               || (pos($$rest) = $at, 0))
        {
            my ($size, $start) = (hex $1, pos $$rest);

            return if length($$rest) < $start + $size + 2;

            $text .= substr($$rest, $start, $size);
            $at = $start + $size + 2;

            return { text => $text, taken => $at } if $size == 0;

            pos($$rest) = $at;
        }

        return;
    }

    my $length = $head =~ /^Content-Length:\s*(\d+)/mi ? $1 : 0;

    return if length($$rest) < $length;

    return { text => substr($$rest, 0, $length), taken => $length };
}


sub answer {
    my ($connection, $request) = @_;
    my $path = $request->{target} =~ s/\?.*//sr;

    if ($path =~ m{^/control/(.*)}) {
        control($connection, $1, $request);
        return;
    }

    my %kept = %$request;

    delete $kept{body} if $kept{body_length} > 4096;
    push @seen, \%kept;
    settle();

    if ($path =~ m{^/raw/(.+)} && $raw{$1}) {
        $connection->{then} = $raw{$1}{then};
        put($connection, $raw{$1}{send});

    } elsif ($kept{body} && $kept{body} =~ /"method":"initialize"/) {
        $kept{session} = 's-' . ++$next_session . "-$kept{port}";
        reply($connection, \%kept, "Mcp-Session-Id: $kept{session}\r\n");

    } elsif ($path =~ m{^/held/(.+)}) {
        my ($name, $n) = ($1, 1);

        $n++ while $held{$name} && !$held{$name}{connection}{gone}
                   && ($name = $1 . ($n + 1));

        $connection->{held} = 1;
        $held{$name} = { connection => $connection, request => \%kept };
        settle();

    } elsif ($path eq '/endless') {
        $connection->{held} = 1;
        $connection->{endless} = 1;
        $held{endless} = { connection => $connection, request => \%kept };
        put($connection, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream"
                         . "\r\nConnection: close\r\n\r\n" . ENDLESS_EVENT);
        settle();

    } elsif ($path eq '/stale' && $connection->{served} > 1) {
        drop($connection);

    } else {
        reply($connection, \%kept);
    }
}


sub reply {
    my ($connection, $data, $headers) = @_;
    my $body = encode_json($data);

    $headers //= '';

    put($connection, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                     . $headers . 'Content-Length: ' . length($body) . "\r\n\r\n$body");
}


# fresh        knows nothing of what was before: blocks run in any order, and
#              may use the same names
# open/NAME    the request, once /held/NAME has one that was not opened yet
# send/NAME    writes the body of this request to it
# close/NAME, reset/NAME   ends it
# gone/NAME    answers once it is closed, by whichever side; the bytes sent
# forget/NAME  so that the name can be used again
# deafen/PORT  closes all there is of a port, until listen/PORT
# seen         every request but these, in order
# seen/N       the same, once there are N of them
# knows        all of it in words, for whoever waits in vain
sub control {
    my ($connection, $command, $request) = @_;
    my ($verb, $name) = split m{/}, $command, 2;
    my $held = defined $name ? $held{$name} : undef;

    if ($verb eq 'fresh') {
        @waiting = ();
        %held = ();
        @seen = ();
        drop($_) for grep { $_ != $connection } values %connections;

        reply($connection, {});
        return;
    }

    if ($verb eq 'deafen') {
        my $listener = delete $listeners{$name};

        $watched->remove($listener);
        close($listener);
        drop($_) for grep { $_->{port} == $name } values %connections;

        reply($connection, {});
        return;
    }

    if ($verb eq 'listen') {
        $listeners{$name} = IO::Socket::INET->new(
            LocalAddr => '127.0.0.1', LocalPort => $name, Listen => 128,
            ReuseAddr => 1) or die "listen: $!\n";
        $watched->add($listeners{$name});

        reply($connection, {});
        return;
    }

    if ($verb eq 'knows') {
        reply($connection, { text => knows() });
        return;
    }

    if ($verb eq 'open' || $verb eq 'gone' || $verb eq 'seen') {
        push @waiting, [$connection, $verb, $name];
        settle();
        return;
    }

    if ($verb eq 'forget') {
        delete $held{$name};
        $held = undef;
    }

    my $there = $held && !$held->{connection}{gone};

    if ($there) {
        put($held->{connection}, $request->{body}) if $verb eq 'send';
        drop($held->{connection}, $verb eq 'reset')
            if $verb eq 'close' || $verb eq 'reset';
    }

    reply($connection, { done => $there ? 1 : 0 });
}


# Answers those whose condition has come true.
sub settle {
    my @still;

    for my $waiting (splice @waiting) {
        my ($connection, $verb, $name) = @$waiting;
        my $held = defined $name ? $held{$name} : undef;

        next if $connection->{gone};

        if ($verb eq 'open' && $held && !$held->{opened}) {
            $held->{opened} = 1;
            reply($connection, $held->{request});

        } elsif ($verb eq 'gone' && $held && $held->{connection}{gone}) {
            reply($connection, { sent => $held->{connection}{sent} });

        } elsif ($verb eq 'seen' && @seen >= ($name // 0)) {
            reply($connection, { requests => \@seen });

        } else {
            push @still, $waiting;
        }
    }

    push @waiting, @still;
}


sub knows {
    my @held = map {
        "$_ (" . join(', ', $held{$_}{opened} ? 'opened' : 'not opened',
                      $held{$_}{connection}{gone} ? 'gone' : 'there',
                      $held{$_}{connection}{sent} . ' bytes sent') . ')'
    } sort keys %held;
    my @asked = map { join '/', grep { defined } @$_[1, 2] } @waiting;
    my @requests = map { "$_->{method} $_->{target}" } @seen;

    splice(@requests, 0, -20) if @requests > 20;

    return join "\n", 'held: ' . (join(', ', @held) || 'nothing'),
                'waited for: ' . (join(', ', @asked) || 'nothing'),
                'seen: ' . @seen . ' requests', @requests;
}


1;
