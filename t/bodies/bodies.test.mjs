/*
 * The gateway decides on what its scanner reads, the server acts on what
 * JSON.parse() reads: where they differ, rules can be got round.  A body that
 * is taken must hold the same for both, and what is no JSON for one must be
 * none for the other.
 *
 * "make bodies BODIES=1000000" tries as many, with SEED=N those of a run
 * before.
 */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Bodies } from './bodies.mjs';
import { Random } from './random.mjs';
import { look, tell } from './seen.mjs';

const verdicts = process.env.MCP_VERDICTS
    ?? fileURLToPath(new URL('../../build/obj/t/bodies/verdicts',
                             import.meta.url));
const count = Number(process.env.BODIES || 100000);
const seed = Number(process.env.SEED || randomInt(2 ** 32));


/* What is wrong with a verdict on a body, or null. */
function mistake(body, line) {
    const messages = line.split(' | ');
    const [result, shape] = messages.pop().split(' ');
    const { value, error } = look(body);

    if ((result === 'not-json') !== (error === 'not-json')) {
        return error === 'not-json' ? 'it is not JSON' : 'it is JSON';
    }

    if (result !== 'done') {
        return result === 'invalid' || result === 'not-json' ? null
               : 'the scan was stopped';
    }

    if (error) {
        return error === 'case' ? 'a key is read by some'
                                : 'a key is there twice';
    }

    if ((shape === 'batch') !== Array.isArray(value)) {
        return 'a batch is an array';
    }

    const expected = shape === 'batch' ? value : [value];

    if (messages.length !== expected.length) {
        return `there are ${expected.length} messages`;
    }

    for (const [i, message] of messages.entries()) {
        const wrong = difference(body, message.split(' '), expected[i]);

        if (wrong) {
            return `message ${i}: ${wrong}`;
        }
    }

    return null;
}


function difference(body, fields, message) {
    const [kind, id, ...rest] = fields;
    const [all, tasks] = rest.slice(8, 10);
    const expected = tell(message);

    if (message.jsonrpc !== '2.0') {
        return 'it is not JSON-RPC 2.0';
    }

    if (kind !== expected.kind) {
        return `it is a ${expected.kind}`;
    }

    if (!sameId(body, id, expected.id)) {
        return `the id is ${JSON.stringify(expected.id)}`;
    }

    if (all !== (expected.all ? 'all' : 'some')) {
        return `${expected.all ? 'all' : 'some'} subscriptions are read`;
    }

    if (tasks !== (expected.tasks ? 'tasks' : 'no-tasks')) {
        return `there are ${expected.tasks ? '' : 'no '}tasks`;
    }

    const strings = [...rest.slice(0, 8), ...rest.slice(10)];
    const wanted = [...expected.strings, ...expected.uris].map(encode);

    return strings.join() === wanted.join()
           ? null : `the strings are ${wanted.join(' ')}`;
}


/* The id is told as it stands. */
function sameId(body, id, expected) {
    if (id === '-') {
        return expected === undefined;
    }

    const token = Buffer.from(id.slice(1), 'hex');

    return body.includes(token)
           && Object.is(JSON.parse(token.toString()), expected);
}


function encode(value) {
    return value === undefined ? '-'
           : `=${Buffer.from(value).toString('hex')}`;
}


/* Feeds the scanner, judges its lines; {wrong, results}. */
async function run() {
    const random = new Random(seed);
    const bodies = new Bodies(random);
    const child = spawn(verdicts, [], { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = once(child, 'close');
    const pending = [];
    const results = { done: 0, invalid: 0, 'not-json': 0 };
    const wrong = [];
    let judged = 0;

    const write = async () => {
        for (let i = 0; i < count; i++) {
            const body = bodies.next();
            const head = Buffer.alloc(8);

            head.writeUInt32LE(body.length, 0);
            head.writeUInt32LE(random.oneIn(2) ? random.next() : 0, 4);
            pending.push(body);

            if (!child.stdin.write(Buffer.concat([head, body]))) {
                await once(child.stdin, 'drain');
            }
        }

        child.stdin.end();
    };

    const read = async () => {
        for await (const line of createInterface({ input: child.stdout })) {
            const body = pending[judged];
            const why = mistake(body, line);

            pending[judged++] = undefined;
            results[line.split(' ').at(-2)]++;

            if (why && wrong.length < 10) {
                wrong.push(`${why}: ${JSON.stringify(body.toString('latin1'))}`
                           + ` got ${line}`);
            }
        }
    };

    await Promise.all([write(), read()]);
    assert.deepEqual(await ended, [0, null]);
    assert.equal(judged, count);

    return { wrong, results };
}


test(`${count} bodies are read as Node reads them`, async (t) => {
    t.diagnostic(`SEED=${seed}`);

    const { wrong, results } = await run();

    t.diagnostic(JSON.stringify(results));

    /* one that refuses everything, or takes everything, is of no use */
    for (const result in results) {
        assert.ok(results[result] > count / 20, `${result} is rare`);
    }

    /* not in the message: TAP is too narrow for it */
    for (const text of wrong) {
        console.error(`SEED=${seed}: ${text}`);
    }

    assert.equal(wrong.length, 0, 'verdicts are wrong');
});
