/*
 * Bodies that are nearly JSON-RPC: messages of all kinds, written in all the
 * ways that JSON has, with keys that are there twice and values that are
 * wrong or at a limit; half of them then get bytes changed.
 */

const VERSION = 'io.modelcontextprotocol/protocolVersion';

const METHODS = [
    'tools/call', 'resources/read', 'resources/subscribe', 'prompts/get',
    'completion/complete', 'subscriptions/listen', 'tasks/get', 'initialize',
    'notifications/initialized', 'ping', 'tools/cal', '', 'M'.repeat(128),
    'M'.repeat(129),
];

const STRINGS = [
    '', 'a', 'read_file', 'file:///docs/a', 'ref/prompt', 'ref/resource',
    '2026-07-28', 'gr\u00fc\u00dfe', '\u20ac', '\u{1f600}', '\u{10ffff}', '/',
    'a"b', 'a\\b', '\t\n\b\f\r', '\u0000', 'a\u0000b', '\u0001', '\u007f',
    '\ufeff', '\u2028', '\ud800', '\udc00', '\udbff\ue000', 'name',
    'uri', 'method', '12345678', '123456789012345', '__proto__', 'x'.repeat(63),
    'x'.repeat(64), 'x'.repeat(65),
];

const LONG = [255, 256, 1024, 1025, 4096, 4097];

const NUMBERS = [
    '0', '-0', '1', '7', '-1', '10', '1.5', '-1.50', '1e3', '1E+2', '1e-7',
    '12345678901234567890', '9007199254740993', '1e308', '1e309', '1e400',
    '-1e400', '1e-400', '1.7976931348623157e308', '1.7976931348623159e308',
    '0.1e310', '1e99', '1e100', '0e999', '01', '1.', '.5', '+1', '-', '1e',
    '0x1', '1'.repeat(199), '1'.repeat(200), '1'.repeat(309),
    `1${'0'.repeat(308)}`, `0.${'1'.repeat(998)}`, `0.${'1'.repeat(999)}`,
];

const TOKENS = [
    '"', '\\', '{', '}', '[', ']', ',', ':', ' ', '\n', '0', '-', 'e', '.',
    'null', 'true', '"id":1,', '"name":"x",', '"\\u0061":', '\\ud800',
    '\\udc00', '\\ue000', '\\u0000', '\\u00e9', '\\x', '\u0000', '\u001f',
    '\u00e9', '\ufeff', '\u20ac', '\u{1f600}', '{"jsonrpc":"2.0"', '"params":{',
].map((text) => Buffer.from(text)).concat([
    [0xc0], [0x80], [0xff], [0xed, 0xa0, 0x80], [0xc1, 0xbf], [0xe2, 0x82],
    [0xf4, 0x90, 0x80, 0x80], [0xf0, 0x80, 0x80, 0x80],
].map((bytes) => Buffer.from(bytes)));


export class Bodies {

    constructor(random) {
        this.random = random;
        this.last = Buffer.from('{}');
    }


    next() {
        const { random } = this;
        let body = Buffer.from(this.body());

        if (random.oneIn(2)) {
            for (let n = 1 + random.below(3); n > 0; n--) {
                body = this.change(body);
            }
        }

        this.last = body;

        return body;
    }


    body() {
        const { random } = this;

        if (!random.oneIn(10)) {
            return this.space() + this.message() + this.space();
        }

        if (random.oneIn(10)) {
            return this.value(3);
        }

        const count = random.oneIn(50) ? 99 + random.below(3)
                                       : random.below(4);

        return this.array(Array.from({ length: count },
                                     () => this.message()));
    }


    message() {
        const { random } = this;
        const members = [['jsonrpc', this.mostly(() => '"2.0"')]];
        const kind = random.below(10);
        const id = this.mostly(() => random.oneIn(2) ? this.number()
                                                     : this.string());

        if (kind < 9) {
            members.push(['method', this.mostly(
                () => this.quote(random.pick(METHODS)))]);

            if (!random.oneIn(4)) {
                members.push(['params', this.mostly(() => this.params())]);
            }
        } else {
            members.push([random.pick(['result', 'error']), this.value(2)]);
        }

        if (kind !== 8) {
            members.push(['id', id]);
        }

        return this.object(members);
    }


    params() {
        const { random } = this;
        const string = () => this.mostly(() => this.string());
        const members = [];

        const own = (list, keys) => {
            for (const [key, value] of keys) {
                if (random.oneIn(3)) {
                    list.push([key, this.mostly(value)]);
                }
            }

            return list;
        };

        own(members, [
            ['name', string], ['uri', string], ['taskId', string],
            ['arguments', () => this.value(3)],
            ['_meta', () => this.object(own([], [
                [VERSION, string], ['progressToken', string]]))],
            ['ref', () => this.object(own([], [
                ['type', string], ['name', string], ['uri', string]]))],
            ['notifications', () => this.object(own([], [
                ['resourceSubscriptions', () => this.uris()],
                ['taskIds', () => this.uris()],
                ['toolsListChanged', () => 'true']]))],
        ]);

        return this.object(members);
    }


    uris() {
        const { random } = this;
        const count = random.oneIn(20) ? 254 + random.below(4)
                                       : random.below(4);

        /* 32 of 1023 bytes fill the room for them */

        if (random.oneIn(20)) {
            return this.array(Array.from(
                { length: 31 + random.below(3) },
                () => this.quote('u'.repeat(1022 + random.below(3)))));
        }

        return this.array(Array.from({ length: count },
                                     () => random.oneIn(50) ? this.value(1)
                                                            : this.string()));
    }


    /* What it should be, and at times anything. */
    mostly(make) {
        return this.random.oneIn(25) ? this.value(2) : make();
    }


    value(depth) {
        const { random } = this;

        switch (random.below(depth > 0 ? 6 : 4)) {

        case 0:
            return this.number();

        case 1:
            return random.pick(['true', 'false', 'null']);

        case 4:
            return this.array(Array.from({ length: random.below(4) },
                                         () => this.value(depth - 1)));

        case 5:

            if (random.oneIn(20)) {
                const levels = 120 + random.below(12);

                return '['.repeat(levels) + ']'.repeat(levels);
            }

            return this.object(Array.from(
                { length: random.below(4) },
                () => [random.pick(STRINGS), this.value(depth - 1)]));

        default:
            return this.string();
        }
    }


    number() {
        const { random } = this;

        return random.oneIn(2) ? String(random.below(1000))
                               : random.pick(NUMBERS);
    }


    string() {
        const { random } = this;

        if (random.oneIn(60)) {
            return this.quote('y'.repeat(random.pick(LONG)));
        }

        return this.quote(random.oneIn(2) ? `t${random.below(1000)}`
                                          : random.pick(STRINGS));
    }


    /* As JSON has it, and in part as escapes that nobody would need. */
    quote(text) {
        const { random } = this;

        if (!random.oneIn(4)) {
            return JSON.stringify(text);
        }

        const every = 1 + random.below(20);
        let result = '"';

        for (const unit of text.split('')) {
            const code = unit.charCodeAt(0);

            if (unit === '/' && random.oneIn(2)) {
                result += '\\/';

            } else if (random.oneIn(every) || code >= 0xd800 && code < 0xe000) {
                const hex = code.toString(16).padStart(4, '0');

                result += `\\u${random.oneIn(2) ? hex : hex.toUpperCase()}`;

            } else {
                result += JSON.stringify(unit).slice(1, -1);
            }
        }

        return `${result}"`;
    }


    object(members) {
        const { random } = this;

        if (members.length && random.oneIn(20)) {
            members.splice(random.below(members.length), 1);
        }

        if (members.length && random.oneIn(20)) {
            members.push([random.pick(members)[0], this.value(1)]);
        }

        if (members.length && random.oneIn(60)) {
            members.push([this.recase(random.pick(members)[0]),
                          this.value(1)]);
        }

        if (members.length && random.oneIn(200)) {
            const member = random.pick(members);

            member[0] = this.recase(member[0]);
        }

        if (random.oneIn(4)) {
            random.shuffle(members);
        }

        const texts = members.map(([key, text]) =>
            this.space() + this.quote(key) + this.space() + ':' + this.space()
            + text + this.space());

        return `{${texts.join(',') || this.space()}}`;
    }


    /* With other letters that some take for the same. */
    recase(key) {
        const others = { s: 'S\u017f', k: 'K\u212a', i: 'I\u0130\u0131' };
        const at = this.random.below(key.length + 1);

        if (this.random.oneIn(4)) {
            return `${key}\0`
                   + this.random.pick(['', 'x', '\0', 'y'.repeat(70)]);
        }

        return this.random.oneIn(3)
               ? key.toUpperCase()
               : key.replaceAll(/[a-z]/gi, (letter, i) =>
                     i < at ? letter
                     : this.random.pick(others[letter]
                                        ?? letter.toUpperCase()));
    }


    array(texts) {
        return `[${texts.map((text) => this.space() + text + this.space())
                        .join(',') || this.space()}]`;
    }


    space() {
        const { random } = this;

        return random.oneIn(12)
               ? random.pick([' ', '\n', '\t', '\r\n', ' '.repeat(7),
                              '\n            ', ' '.repeat(16)])
               : '';
    }


    change(body) {
        const { random } = this;
        const at = random.below(body.length + 1);
        const length = random.below(random.oneIn(3) ? body.length + 1 : 4);
        const head = body.subarray(0, at);
        const tail = body.subarray(at);

        switch (random.below(6)) {

        case 0:

            if (at < body.length) {
                body[at] ^= 1 << random.below(8);
            }

            return body;

        case 1:
            return Buffer.concat([head, tail.subarray(length)]);

        case 2:
            return Buffer.concat([head, tail.subarray(0, length), tail]);

        case 3:
            return Buffer.concat([head, this.last.subarray(at, at + length),
                                  tail]);

        default:
            return Buffer.concat([head, random.pick(TOKENS),
                                  random.oneIn(2) ? tail : tail.subarray(1)]);
        }
    }
}
