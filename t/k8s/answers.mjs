/*
 * A server whose answers are right and wrong in all the ways that the sidecar
 * has to know:
 *   answers.mjs CERTIFICATE KEY CLIENT_CA [1]
 * With "1" it speaks HTTP/1.1 only.  The first line on standard output is its
 * port on 127.0.0.1; each line of standard input lets it read its files anew
 * and is answered by "read".  It ends with its standard input.
 */

import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import https from 'node:https';
import { createInterface } from 'node:readline';

const [certificate, key, clientCa, old] = process.argv.slice(2);
const files = () => ({
    cert: readFileSync(certificate),
    key: readFileSync(key),
    ca: readFileSync(clientCa),
});
const options = {
    ...files(), requestCert: true, rejectUnauthorized: false,
    allowHTTP1: true,
};
const server = old ? https.createServer(options, handle)
                   : http2.createSecureServer(options, handle);
let connections = 0;
let kept = null;

server.on('secureConnection', (socket) => {
    socket.number = ++connections;
});
server.on('tlsClientError', () => {});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));

const input = createInterface({ input: process.stdin });

input.on('line', () => {
    server.setSecureContext({ ...options, ...files() });
    console.log('read');
});
input.on('close', () => process.exit(0));


function handle(request, response) {
    const socket = request.stream?.session?.socket ?? request.socket;
    const token = request.headers.authorization?.replace('Bearer ', '');
    const [, what, value] = request.url.split('/');
    let body = '';

    request.on('data', (chunk) => { body += chunk; });
    request.on('end', () => {
        switch (what) {

        case 'about':
            return json(response, 200, {
                accept: request.headers.accept,
                agent: request.headers['user-agent'],
                body,
                connection: socket.number,
                host: request.headers[':authority'] ?? request.headers.host,
                client: socket.getPeerCertificate()?.subject?.CN ?? '',
                method: request.method,
                sni: socket.servername || '',
                token: token ?? '',
                type: request.headers['content-type'] ?? '',
                version: request.httpVersion,
            });

        case 'token':
            return token === value ? json(response, 200, { token })
                   : status(response, 401, `what is ${token}?`,
                            'Unauthorized');

        case 'status':
            return status(response, Number(value), 'a message\nof two lines',
                          'SomeReason', { 'retry-after': '7' });

        case 'details':
            return json(response, 429, {
                message: 'x'.repeat(2000),
                details: { retryAfterSeconds: 5 },
            });

        case 'keep':
            kept = value ?? kept;
            return json(response, 200, { kept });

        case 'redirect':
            response.writeHead(302, { location: '/about' });
            return response.end();

        case 'text':
            return text(response, value ?? 'ok');

        case 'odd':
            return text(response, '{"a":1,"a":2,"b":"x\\u0000y"}');

        case 'empty':
            response.writeHead(200);
            return response.end();

        case 'pieces':
            response.writeHead(200);
            response.write('one');
            return setImmediate(() => response.end('two'));

        case 'cut':
            response.writeHead(200);
            response.write('{"a":');
            return setTimeout(() => {
                (request.stream?.session ?? socket).destroy();
            }, 50);

        case 'silent':
            response.writeHead(200);
            return response.write('{"a":');

        case 'large':
            response.writeHead(200);
            return fill(response, Number(value));
        }

        return status(response, 404, 'there is no such answer', 'NotFound');
    });
}


function json(response, code, data, headers = {}) {
    response.writeHead(code, { 'content-type': 'application/json',
                               ...headers });
    response.end(JSON.stringify(data));
}


function status(response, code, message, reason, headers) {
    json(response, code, { kind: 'Status', code, message, reason }, headers);
}


function text(response, body) {
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.end(body);
}


// "[" and blanks, so that it is JSON up to the end.
function fill(response, left) {
    const chunk = Buffer.alloc(65536, ' ');

    response.write('[');

    const more = () => {
        while (left > 0 && !response.destroyed) {
            left -= chunk.length;

            if (!response.write(chunk)) {
                response.once('drain', more);
                return;
            }
        }

        response.end(']');
    };

    more();
}
