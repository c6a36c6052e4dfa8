/*
 * Starting and stopping what tests and the demo need: MCP servers, NGINX.
 * Whatever was started here ends with this process, however it ends.
 */

import { spawn } from 'node:child_process';
import { createServer, connect } from 'node:net';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const running = new Set();

export const repo = fileURLToPath(new URL('../../', import.meta.url));


/* A port of 127.0.0.1 that was free a moment ago. */
export function freePort() {
    return new Promise((resolve, reject) => {
        const probe = createServer();

        probe.on('error', reject);
        probe.listen(0, '127.0.0.1', () => {
            const { port } = probe.address();

            probe.close(() => resolve(port));
        });
    });
}


/* Whether something listens on that port of 127.0.0.1. */
export function isTaken(port) {
    return new Promise((resolve) => {
        const socket = connect(port, '127.0.0.1');

        socket.on('connect', () => {
            socket.destroy();
            resolve(true);
        });
        socket.on('error', () => resolve(false));
    });
}


/*
 * Starts a program; output goes to the object's "output".  stop() asks it to
 * end, and kills it when it has not within 5 seconds.  A Ctrl-C is for us
 * alone: programs run in groups of their own, and what a program left in its
 * group (workers of a killed NGINX) is killed when it ends.
 */
export function start(command, args, options = {}) {
    const child = spawn(command, args, {
        stdio: ['ignore', 'pipe', 'pipe'], detached: true, ...options,
    });
    const process_ = { child, output: '', stop: null, ended: null };

    for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8');
        stream.on('data', (chunk) => {
            process_.output += chunk;
        });
    }

    process_.ended = new Promise((resolve) => {
        child.on('error', (error) => {
            process_.output += error.message;
            running.delete(process_);
            resolve(-1);
        });
        child.on('exit', (code) => {
            running.delete(process_);
            killGroup(child.pid);
            resolve(code);
        });
    });

    process_.stop = async () => {
        const timer = setTimeout(() => child.kill('SIGKILL'), 5000);

        child.kill('SIGTERM');
        await process_.ended;
        clearTimeout(timer);
    };

    running.add(process_);

    return process_;
}


function killGroup(leader) {
    try {
        process.kill(-leader, 'SIGKILL');

    } catch (error) {
        if (error.code !== 'ESRCH') {
            throw error;
        }
    }
}


/* A server that says "ready PORT" once it listens. */
async function startServer(args, env) {
    const server = start(`${here}node`, args,
                         { cwd: here, env: { ...process.env, ...env } });

    const ready = new Promise((resolve) => {
        server.child.stdout.on('data', () => {
            const match = server.output.match(/^ready (\d+)$/m);

            if (match) {
                resolve(Number(match[1]));
            }
        });
    });

    const failed = server.ended.then(() => {
        throw new Error(`${args[0]} did not start:\n${server.output}`);
    });

    server.port = await Promise.race([ready, failed]);
    failed.catch(() => {});
    server.url = `http://127.0.0.1:${server.port}/mcp`;

    return server;
}


/* The reference server of the older revisions, with sessions. */
export function startEverything(name, port = 0) {
    return startServer(['--import', './servers/loopback.mjs',
                        './node_modules/@modelcontextprotocol/'
                        + 'server-everything/dist/index.js',
                        'streamableHttp'],
                       { PORT: String(port), SERVER_NAME: name });
}


/* Ours, of revision 2026-07-28. */
export function startModern(name, port = 0) {
    return startServer(['servers/modern.mjs', String(port), name], {});
}


/* Those that the conformance suite calls: with sessions, and without. */
export function startSuiteServer(kind) {
    return startServer([`servers/suite_${kind}.mjs`], {});
}


export async function stopAll() {
    await Promise.all([...running].map((process_) => process_.stop()));
}


process.on('exit', () => {
    for (const process_ of running) {
        process_.child.kill('SIGTERM');
    }
});
