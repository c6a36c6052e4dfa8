# The server of the tests, and their ports: what a test is told must be of its
# own doing.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use IO::Socket::INET;
use McpUpstream;

mock_start();

# Asks the mock without reading its answer.
sub ask_mock {
    my ($target) = @_;
    my $socket = connect_to($ENV{TEST_NGINX_MOCK});

    print $socket "POST $target HTTP/1.1\r\nContent-Length: 0\r\n\r\n";

    return $socket;
}

no_shuffle();
run_tests();

__DATA__

=== a request is opened once
--- dialog
    my @held = ask_mock('/held/p');

    like(mock('open/p')->{head}, qr{^POST /held/p }, 'the first');

    my $waiting = ask_mock('/control/open/p');

    like(mock('knows')->{text}, qr{^waited for: open/p$}m,
         'it does not stand for the next');
    mock('forget/p');
    push @held, ask_mock('/held/p');
    like(read_answer($waiting)->{body}, qr{POST /held/p }, 'the next');

    eval { mock('send/q', 'x') };
    like($@, qr{send/q'\): nobody is there\nheld: p \(opened, there, },
         'what cannot be sent is an error');
    like($@, qr{at t/mock\.t line \d+\.$}, 'and says where');



=== a block knows nothing of those before
--- dialog
    is(mock('knows')->{text}, "held: nothing\nwaited for: nothing\n"
                              . 'seen: 0 requests', 'nothing is left');



=== a port is kept for NGINX, and refuses until it listens
--- dialog
    my $port = free_port();
    my @address = (LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 1);

    ok(!IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port),
       'nobody is there');
    ok(!IO::Socket::INET->new(@address), 'others do not get it');
    ok(IO::Socket::INET->new(@address, ReuseAddr => 1), 'NGINX does');
