#!/usr/bin/perl
#
# Requests of the sidecar to a server that is not Kubernetes, and so can do
# what an API server does not: TLS that is wrong, answers that are, credentials
# that rotate.  t/k8s/http_ask.c asks.

use strict;
use warnings;

use File::Temp qw(tempdir);
use FindBin;
use IPC::Open2;
use JSON::PP;
use Test::More;

my $here = $FindBin::Bin;
my $ask = $ENV{MCP_HTTP_ASK} // "$here/../../build/obj/t/k8s/http_ask";

plan skip_all => 'there is no http_ask: make test-k8s' if !-x $ask;

my $dir = tempdir(CLEANUP => 1);
my %running;

authority($_) for qw(one two);
certificate('one', 'server', 'DNS:kube.example,IP:127.0.0.1');
certificate('two', 'other', 'DNS:kube.example,IP:127.0.0.1');
certificate('one', 'named', 'DNS:kube.example');
certificate('one', $_, 'DNS:x') for qw(client-1 client-2);

# Nothing of these may be used.
$ENV{https_proxy} = $ENV{HTTPS_PROXY} = 'http://127.0.0.1:9';
$ENV{SSL_CERT_FILE} = "$dir/two.crt";

for my $old (0, 1) {
    my $name = $old ? 'HTTP/1.1' : 'HTTP/2';

    answers($name, $old);
}

trust();
names();
rotation();

done_testing();

END { my $status = $?; finish($_) for keys %running; $? = $status }


sub answers {
    my ($name, $old) = @_;
    my $port = server('server', $old);
    my $user = 'token: the-secret';

    asks("$name: ", $port, kubeconfig($port, 'one', $user), $old);
    finish("server $port");
}


sub asks {
    my ($name, $port, $config, $old) = @_;

    start('ask', $ask, $config);

    my $about = about('GET /about');

    is($about->{version}, $old ? '1.1' : '2.0', "${name}the version");
    is($about->{token}, 'the-secret', "${name}the token is sent");
    is($about->{accept}, 'application/json', "${name}what it accepts");
    like($about->{agent}, qr{^mcp-tenant/\d}, "${name}its name");
    is($about->{host}, "127.0.0.1:$port", "${name}the host");

    my $again = about('PATCH /about');

    is($again->{connection}, $about->{connection},
       "${name}a connection is used again");
    is_deeply([@$again{qw(method body type)}],
              ['PATCH', '{"a":1}', 'application/apply-patch+yaml'],
              "${name}a body is sent");
    is(about('DELETE /about')->{method}, 'DELETE', "${name}DELETE");

    is(asked('GET /nothing'), '404 0 NotFound there is no such answer',
       "${name}a Status is told");
    is(asked('GET /status/503'),
       '503 7 SomeReason a message?of two lines',
       "${name}with Retry-After, on one line");
    is(asked('GET /details'), '429 5 - ' . 'x' x 512,
       "${name}or retryAfterSeconds, cut off");
    is(asked('GET /token/wrong'),
       '401 0 Unauthorized (a text that repeats the credential)',
       "${name}a credential is not told");
    like(asked('GET /redirect'), qr/^302 0 - .*redirects are not followed$/,
         "${name}a redirect is not followed");
    like(asked('GET /text'), qr/^0 0 - .* 200 with broken JSON at byte \d+$/,
         "${name}what is no JSON is no answer");
    is(asked('GET /odd'), '200 0 - {"a":2,"b":"x\\u0000y"}',
       "${name}a name twice and a NUL are JSON");
    is(asked('GET /empty'), '200 0 - nothing', "${name}nothing is fine");
    like(asked('GET /cut'), qr/^0 0 - ./, "${name}half an answer is none");
    is(asked('GET /silent 300'),
       '0 0 - the server was silent for too long',
       "${name}an answer that stops is given up");
    is(asked('STREAM /pieces') . said(3), "piece \npiece one\npiece two\n"
       . '200 0 - nothing', "${name}an answer in pieces")
        if $old;
    like(asked('STREAM /nothing'), qr/^404 0 NotFound /,
         "${name}what is no 2xx comes in no pieces");
    is(asked('CANCEL /pieces') . said(2),
       "piece \npiece one\ncancelled", "${name}a call that is cancelled");
    is(asked('GET /keep/one') . asked('GUARD /keep/two')
       . asked('GET /keep'),
       '200 0 - {"kept":"one"}cancelled200 0 - {"kept":"one"}',
       "${name}a call that the guard cancels is not sent");
    is(asked('GET /large/68000000'), '0 0 - the answer is larger than 64 MiB',
       "${name}an answer that is too large");
    is(asked('GET /large/1000000'), '200 0 - []', "${name}one that is not");
    finish('ask');
}


sub trust {
    my $port = server('server');

    start('ask', $ask, kubeconfig($port, 'two', 'token: the-token'));
    like(asked('GET /about'), qr/^0 0 - .*certificate/,
         'another CA is not trusted');
    finish('ask');
    finish("server $port");
}


sub names {
    my $port = server('named');

    start('ask', $ask, kubeconfig($port, 'one', 'token: the-token'));
    like(asked('GET /about'), qr/^0 0 - .*(?:subject name|match)/,
         'a certificate of another name is not taken');
    finish('ask');

    start('ask', $ask, kubeconfig($port, 'one', 'token: the-token',
                                  'tls-server-name: kube.example'));

    my $about = about('GET /about');

    is($about->{sni}, 'kube.example', 'unless tls-server-name has it');
    is($about->{host}, "127.0.0.1:$port", 'which is not the host');
    finish('ask');
    finish("server $port");
}


sub rotation {
    my $port = server('server');
    my $config = kubeconfig($port, 'now', 'tokenFile: token, '
        . 'client-certificate: now.pem, client-key: now.key');

    start('ask', $ask, $config);
    like(asked('GET /about'), qr{^not sent: the file \S+/token cannot be },
         'without its credentials nothing is sent');

    replace('token', "first\n");
    replace('now.pem', slurp("$dir/client-1.crt"));
    replace('now.key', slurp("$dir/client-1.key"));
    replace('now.crt', slurp("$dir/one.crt"));

    my $about = about('GET /about');

    is_deeply([@$about{qw(token client)}], ['first', 'client-1'],
              'credentials in files');

    replace('token', "second\n");
    is(asked('GET /token/second'), '200 0 - {"token":"second"}',
       'a token that rotates');
    replace('token', "\n");
    is(asked('GET /token/second'), '200 0 - {"token":"second"}',
       'one that went stays');

    replace('now.key', slurp("$dir/client-2.key"));
    replace('now.pem', slurp("$dir/client-2.crt"));

    my $other = about('GET /about');

    is($other->{client}, 'client-2', 'a certificate that rotates');
    isnt($other->{connection}, $about->{connection},
         'is for a new connection');

    replace('now.crt', slurp("$dir/two.crt"));
    like(asked('GET /about'), qr/^0 0 - .*certificate/,
         'a CA that rotates does not trust the server of the old one');
    replace('server.crt', slurp("$dir/other.crt"));
    replace('server.key', slurp("$dir/other.key"));
    $running{"server $port"}{in}->print("read\n");
    line("server $port");
    is(about('GET /about')->{client}, 'client-2', 'but that of the new one');
    finish('ask');
    finish("server $port");
}


# Programs and what they say

sub start {
    my ($name, @command) = @_;
    my %program;

    $program{pid} = open2($program{out}, $program{in}, @command);
    $program{in}->autoflush(1);
    $running{$name} = \%program;
}


sub line {
    my ($name) = @_;

    local $SIG{ALRM} = sub { die "$name says nothing\n" };
    alarm(60);
    my $line = readline($running{$name}{out});
    alarm(0);

    die "$name ended\n" if !defined $line;
    chomp $line;

    return $line;
}


sub finish {
    my ($name) = @_;
    my $program = delete $running{$name};

    close $program->{in};
    waitpid($program->{pid}, 0);
    is($?, 0, "$name ends well") if $name eq 'ask';
}


sub server {
    my ($name, $old) = @_;

    start('server', "$here/../interop/node", "$here/answers.mjs",
          "$dir/$name.crt", "$dir/$name.key", "$dir/one.crt", $old ? 1 : ());

    my $port = line('server');

    $running{"server $port"} = delete $running{server};

    return $port;
}


sub asked {
    my ($request) = @_;

    $running{ask}{in}->print("$request\n");

    return line('ask');
}


# More lines of the same answer.
sub said {
    my ($lines) = @_;

    return join '', map { "\n" . line('ask') } 1 .. $lines;
}


sub about {
    my ($request) = @_;
    my $answer = asked($request);

    return $answer =~ /^200 0 - (.*)/ ? decode_json($1) : {error => $answer};
}


# Files

sub kubeconfig {
    my ($port, $ca, $user, $cluster) = @_;
    my $more = $cluster ? ", $cluster" : '';

    spill("$dir/kubeconfig", <<"END");
current-context: a
contexts: [{name: a, context: {cluster: a, user: a}}]
clusters:
- name: a
  cluster: {server: 'https://127.0.0.1:$port',
            certificate-authority: $ca.crt$more}
users: [{name: a, user: {$user}}]
END

    return "$dir/kubeconfig";
}


# As it rotates: another file in its place.
sub replace {
    my ($name, $text) = @_;

    spill("$dir/$name.new", $text);
    rename("$dir/$name.new", "$dir/$name") or die "$name: $!\n";
}


sub slurp {
    my ($file) = @_;

    open(my $in, '<', $file) or die "$file: $!\n";
    local $/;

    return scalar <$in>;
}


sub spill {
    my ($file, $text) = @_;

    open(my $out, '>', $file) or die "$file: $!\n";
    print $out $text;
    close($out) or die "$file: $!\n";
}


sub authority {
    my ($name) = @_;

    openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt',
            'ec_paramgen_curve:prime256v1', '-nodes', '-days', 2, '-subj',
            "/CN=authority-$name", '-keyout', "$dir/$name.key", '-out',
            "$dir/$name.crt");
}


sub certificate {
    my ($ca, $name, $names) = @_;

    openssl('req', '-newkey', 'ec', '-pkeyopt',
            'ec_paramgen_curve:prime256v1', '-nodes', '-subj', "/CN=$name",
            '-keyout', "$dir/$name.key", '-out', "$dir/$name.csr");
    spill("$dir/$name.ext", "subjectAltName=$names\n");
    openssl('x509', '-req', '-in', "$dir/$name.csr", '-CA', "$dir/$ca.crt",
            '-CAkey', "$dir/$ca.key", '-CAcreateserial', '-days', 2,
            '-extfile', "$dir/$name.ext", '-out', "$dir/$name.crt");
}


sub openssl {
    system("openssl @{[map { qq('$_') } @_]} > $dir/openssl 2>&1") == 0
        or die "openssl @_: ", slurp("$dir/openssl");
}
