/*
 * The numbers of a JSON text: their grammar, and whether a double holds
 * them, by arithmetic on digits and exponent.
 */

#include "mcp_json_parts.h"

#include <string.h>


/* DBL_MAX is 1.8e308, so that a token of 308 characters is below it */
#define MCP_JSON_SAFE_LEN   308

/* with an exponent of two digits, one of this many characters is, too */
#define MCP_JSON_SHORT_LEN  200

/* more than any number of MCP_JSON_NUMBER_MAX_LEN digits makes up for */
#define MCP_JSON_POWER_MAX  100000


typedef enum {
    NUMBER_END,
    NUMBER_START,
    NUMBER_MINUS,
    NUMBER_ZERO,
    NUMBER_INTEGER,
    NUMBER_POINT,
    NUMBER_FRACTION,
    NUMBER_EXPONENT,
    NUMBER_SIGN,
    NUMBER_POWER,
    NUMBER_COUNT
} mcp_json_number_e;


static const unsigned char *mcp_json_number_short(const unsigned char *p,
    const unsigned char *end);
static const unsigned char *mcp_json_number_digits(const unsigned char *p,
    const unsigned char *end);
static bool mcp_json_number_fits(const char *text, size_t len);
static long mcp_json_number_power(const char *p, const char *end);


static const uint8_t  mcp_json_number_next[NUMBER_COUNT][CLASS_COUNT] = {
    [NUMBER_START] = { [CLASS_MINUS] = NUMBER_MINUS,
        [CLASS_ZERO] = NUMBER_ZERO, [CLASS_DIGIT] = NUMBER_INTEGER },

    [NUMBER_MINUS] = { [CLASS_ZERO] = NUMBER_ZERO,
        [CLASS_DIGIT] = NUMBER_INTEGER },

    [NUMBER_ZERO] = { [CLASS_POINT] = NUMBER_POINT,
        [CLASS_EXPONENT] = NUMBER_EXPONENT },

    [NUMBER_INTEGER] = { [CLASS_ZERO] = NUMBER_INTEGER,
        [CLASS_DIGIT] = NUMBER_INTEGER, [CLASS_POINT] = NUMBER_POINT,
        [CLASS_EXPONENT] = NUMBER_EXPONENT },

    [NUMBER_POINT] = { [CLASS_ZERO] = NUMBER_FRACTION,
        [CLASS_DIGIT] = NUMBER_FRACTION },

    [NUMBER_FRACTION] = { [CLASS_ZERO] = NUMBER_FRACTION,
        [CLASS_DIGIT] = NUMBER_FRACTION,
        [CLASS_EXPONENT] = NUMBER_EXPONENT },

    [NUMBER_EXPONENT] = { [CLASS_ZERO] = NUMBER_POWER,
        [CLASS_DIGIT] = NUMBER_POWER, [CLASS_PLUS] = NUMBER_SIGN,
        [CLASS_MINUS] = NUMBER_SIGN },

    [NUMBER_SIGN] = { [CLASS_ZERO] = NUMBER_POWER,
        [CLASS_DIGIT] = NUMBER_POWER },

    [NUMBER_POWER] = { [CLASS_ZERO] = NUMBER_POWER,
        [CLASS_DIGIT] = NUMBER_POWER }
};


/* 2^1024 - 2^970: from here on a double rounds to infinity. */

static const char  mcp_json_infinity[] =
    "179769313486231580793728971405303415079934132710037826936173"
    "778980444968292764750946649017977587207096330286416692887910"
    "946555547851940402630657488671505820681908902000708383676273"
    "854845817711531764475730270069855571366959622842914819860834"
    "936475292719074168444365510704342711559699508093042880177904"
    "174497792";


const unsigned char *
mcp_json_number_begin(mcp_json_scan_t *scan, const unsigned char *p,
    const unsigned char *end)
{
    mcp_str_t             text;
    const unsigned char  *stop;

    stop = mcp_json_number_short(p, end);

    if (stop) {
        text.data = (const char *) p;
        text.len = (size_t) (stop - p);

        return mcp_json_scan_value(scan, stop, MCP_JSON_NUMBER, &text);
    }

    scan->state = STATE_NUMBER;
    scan->number_state = NUMBER_START;
    scan->number_len = 0;

    return mcp_json_number_feed(scan, p, end);
}


/*
 * The end of a number that is well-formed, in one piece and for its length
 * within a double, as most are.  NULL: it has to be looked at closely.
 */

static const unsigned char *
mcp_json_number_short(const unsigned char *p, const unsigned char *end)
{
    const unsigned char  *digits;

    if (end - p > MCP_JSON_SHORT_LEN) {
        end = p + MCP_JSON_SHORT_LEN;
    }

    if (*p == '-') {
        p++;
    }

    digits = p;
    p = mcp_json_number_digits(p, end);

    if (p == digits || (*digits == '0' && p - digits > 1)) {
        return NULL;
    }

    if (p < end && *p == '.') {
        digits = p + 1;
        p = mcp_json_number_digits(digits, end);

        if (p == digits) {
            return NULL;
        }
    }

    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;

        if (p < end && (*p == '-' || *p == '+')) {
            p++;
        }

        digits = p;
        p = mcp_json_number_digits(p, end);

        if (p == digits || p - digits > 2) {
            return NULL;
        }
    }

    return p < end ? p : NULL;
}


static const unsigned char *
mcp_json_number_digits(const unsigned char *p, const unsigned char *end)
{
    while (p < end && *p >= '0' && *p <= '9') {
        p++;
    }

    return p;
}


const unsigned char *
mcp_json_number_feed(mcp_json_scan_t *scan, const unsigned char *p,
    const unsigned char *end)
{
    size_t                room;
    unsigned              state, next;
    const unsigned char  *start, *stop;

    start = p;
    state = scan->number_state;

    room = MCP_JSON_NUMBER_MAX_LEN - scan->number_len;
    stop = (size_t) (end - p) > room ? p + room : end;

    next = NUMBER_START;

    while (p < stop) {
        next = mcp_json_number_next[state][mcp_json_classes[*p]];

        if (next == NUMBER_END) {
            break;
        }

        state = next;
        p++;
    }

    scan->number_state = (uint8_t) state;

    if (p == end) {
        memcpy(scan->number + scan->number_len, start, (size_t) (p - start));
        scan->number_len += (size_t) (p - start);
        return p;
    }

    if (p == stop
        && mcp_json_number_next[state][mcp_json_classes[*p]] != NUMBER_END)
    {
        return mcp_json_scan_fail(scan, p, "a number is longer than 1000 "
                                  "characters");
    }

    return mcp_json_number_end(scan, start, p);
}


const unsigned char *
mcp_json_number_end(mcp_json_scan_t *scan, const unsigned char *start,
    const unsigned char *p)
{
    mcp_str_t  text;

    text.data = (const char *) start;
    text.len = (size_t) (p - start);

    if (scan->number_len) {
        memcpy(scan->number + scan->number_len, start, text.len);
        text.data = scan->number;
        text.len += scan->number_len;
    }

    switch (scan->number_state) {

    case NUMBER_ZERO:
        break;

    case NUMBER_INTEGER:
    case NUMBER_FRACTION:

        if (text.len <= MCP_JSON_SAFE_LEN) {
            break;
        }

        /* fall through */

    case NUMBER_POWER:

        if (!mcp_json_number_fits(text.data, text.len)) {
            return mcp_json_scan_fail(scan, p, "a number is too large for a "
                                      "double");
        }

        break;

    default:
        return mcp_json_scan_fail(scan, p, "a number is not complete");
    }

    return mcp_json_scan_value(scan, p, MCP_JSON_NUMBER, &text);
}


/* Compares with the limit by digits and the place of the first: no strtod. */

static bool
mcp_json_number_fits(const char *text, size_t len)
{
    int          order;
    long         power;
    bool         is_fraction;
    size_t       digits;
    const char  *p, *end;

    end = text + len;
    order = 0;
    digits = 0;
    power = -1;
    is_fraction = false;

    for (p = text; p < end && *p != 'e' && *p != 'E'; p++) {

        if (*p == '-') {
            continue;
        }

        if (*p == '.') {
            is_fraction = true;
            continue;
        }

        /* power: of ten that the first digit other than 0 stands for */

        if (digits == 0 && *p == '0') {
            power -= is_fraction;
            continue;
        }

        power += !is_fraction;

        if (order == 0 && digits < sizeof(mcp_json_infinity) - 1) {
            order = *p - mcp_json_infinity[digits];
        }

        digits++;
    }

    if (digits == 0) {
        return true;
    }

    if (p < end) {
        power += mcp_json_number_power(p + 1, end);
    }

    if (power != MCP_JSON_SAFE_LEN) {
        return power < MCP_JSON_SAFE_LEN;
    }

    return order < 0
           || (order == 0 && digits < sizeof(mcp_json_infinity) - 1);
}


static long
mcp_json_number_power(const char *p, const char *end)
{
    bool  is_negative;
    long  value;

    is_negative = (*p == '-');

    if (*p == '-' || *p == '+') {
        p++;
    }

    for (value = 0; p < end && value < MCP_JSON_POWER_MAX; p++) {
        value = value * 10 + (*p - '0');
    }

    return is_negative ? -value : value;
}
